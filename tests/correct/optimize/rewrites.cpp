// Each rewrite of an operation gives the bits of the operation, for every kind of value; what would not is not rewritten.
#include "imbrex/optimize/rewrites.h"

#include "correct/optimize/optimized.h"
#include "imbrex/optimize/dissolve.h"

namespace imbrex::optimize {
namespace {

ir::Program program_of(const std::string& dtype, const std::string& value) {
  return checked("input x: " + dtype + "[1, 16]\ninput z: " + dtype + "[1, 16]\noutput y: " + dtype +
                 "[1, 16]\ny[:, :] = " + value + "\n");
}

std::string term_of(const ir::Program& program) {
  auto result = dissolve(program);
  return std::holds_alternative<Dissolved>(result) ? std::get<Dissolved>(result).text() : std::get<NotDissolved>(result).reason;
}

// Every value beside every other one, in turns.
std::map<std::string, Array> special_values(const std::string& dtype, size_t turn) {
  std::map<std::string, Array> tensors;
  for (const char* name : {"x", "z"}) {
    Array array = Array::zeros(dtype == "f32" ? DType::f32 : DType::int32, {1, 16});
    constexpr uint32_t f32[16] = {0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001,
                                  0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x42280000, 0xc2280001};
    constexpr uint32_t int32[16] = {0,  1, 0xffffffff, 0x7fffffff, 0x80000000, 0x80000001, 2,  0xfffffffe,
                                    42, 7, 0xfffffff9, 0x40000000, 0xc0000000, 0x55555555, 99, 0xaaaaaaaa};
    for (size_t i = 0; i < 16; ++i) {
      const size_t from = name[0] == 'x' ? i : (i + turn) % 16;
      array.as<uint32_t>()[i] = dtype == "f32" ? f32[from] : int32[from];
    }
    tensors.emplace(name, std::move(array));
  }
  return tensors;
}

bool same_for_special_values(const std::string& dtype, const ir::Program& one, const ir::Program& other) {
  for (size_t turn = 0; turn < 16; ++turn) {
    std::map<std::string, Array> a = special_values(dtype, turn), b = a;
    interpret::run(one, {}, a);
    interpret::run(other, {}, b);
    for (int i = 0; i < 16; ++i) {
      const uint32_t x = a.at("y").as<uint32_t>()[i], y = b.at("y").as<uint32_t>()[i];
      const auto is_nan = [](uint32_t bits) { return (bits & 0x7fffffff) > 0x7f800000; };
      if (x != y && !(dtype == "f32" && is_nan(x) && is_nan(y))) return false;
    }
  }
  return true;
}

struct Rewrite {
  const char *dtype, *one, *other;
};

TEST(Rewrites, AreExact) {
  const Rewrite rewrites[] = {
      {"f32", "max(x[:, :], -x[:, :])", "abs(x[:, :])"},
      {"f32", "min(-x[:, :], x[:, :])", "-abs(x[:, :])"},
      {"f32", "max(max(x[:, :], z[:, :]), x[:, :])", "max(z[:, :], x[:, :])"},
      {"f32", "max(max(x[:, :], z[:, :]), 1.0)", "max(x[:, :], max(1.0, z[:, :]))"},
      {"f32", "max(x[:, :], full(f32, [1, 16], -inf))", "x[:, :]"},
      {"f32", "min(x[:, :], full(f32, [1, 16], inf))", "x[:, :]"},
      {"f32", "max(abs(x[:, :]), 0.0)", "abs(x[:, :])"},
      {"f32", "max(abs(x[:, :]), -0.0)", "abs(x[:, :])"},
      {"f32", "max(abs(x[:, :]), -3.0)", "abs(x[:, :])"},
      {"f32", "max(x[:, :] * x[:, :], 0.0)", "x[:, :] * x[:, :]"},
      {"f32", "abs(-x[:, :])", "abs(x[:, :])"},
      {"f32", "-(-x[:, :])", "x[:, :]"},
      {"f32", "abs(max(x[:, :], 1.0))", "max(1.0, x[:, :])"},
      {"f32", "row_max(x[:, :]) + z[:, :]", "max(row_max(x[:, 0 +: 5]), row_max(x[:, 5 +: 11])) + z[:, :]"},
      {"f32", "max(row_max(x[:, :]), -row_min(x[:, :])) + z[:, :]", "row_max(abs(x[:, :])) + z[:, :]"},
      {"f32", "select(lt(x[:, :], z[:, :]), x[:, :], 2.0)", "select(gt(z[:, :], x[:, :]), x[:, :], 2.0)"},
      {"f32", "select(le(1.0, x[:, :]), x[:, :], z[:, :])", "select(ge(x[:, :], 1.0), x[:, :], z[:, :])"},
      {"f32", "x[:, :] + -z[:, :]", "x[:, :] - z[:, :]"},
      {"f32", "-z[:, :] + x[:, :]", "x[:, :] - z[:, :]"},
      {"f32", "x[:, :] - -z[:, :]", "x[:, :] + z[:, :]"},
      {"f32", "x[:, :] + -1.5", "x[:, :] - 1.5"},
      {"f32", "x[:, :] + -0.0", "x[:, :]"},
      {"f32", "x[:, :] - 0.0", "x[:, :]"},
      {"f32", "x[:, :] * 1.0", "x[:, :]"},
      {"f32", "x[:, :] * -1.0", "-x[:, :]"},
      {"f32", "x[:, :] / 1.0", "x[:, :]"},
      {"f32", "x[:, :] / 64.0", "x[:, :] * 0.015625"},
      {"f32", "x[:, :] / -0.25", "x[:, :] * -4.0"},
      {"f32", "-x[:, :] * z[:, :]", "-(x[:, :] * z[:, :])"},
      {"f32", "-x[:, :] * -z[:, :]", "x[:, :] * z[:, :]"},
      {"f32", "x[:, :] / -z[:, :]", "-(x[:, :] / z[:, :])"},
      {"f32", "x[:, :] + -z[:, :] * x[:, :]", "x[:, :] - x[:, :] * z[:, :]"},
      {"f32", "recip(x[:, :])", "1.0 / x[:, :]"},
      {"f32", "floor(floor(x[:, :]))", "floor(x[:, :])"},
      {"f32", "select(ne(x[:, :], z[:, :]), x[:, :], 2.0)", "select(eq(x[:, :], z[:, :]), full(f32, [1, 16], 2.0), x[:, :])"},
      {"int32", "select(ge(x[:, :], z[:, :]), x[:, :] * 2, z[:, :])", "select(lt(x[:, :], z[:, :]), z[:, :], x[:, :] * 2)"},
      {"int32", "select(le(x[:, :], z[:, :]), x[:, :] * 2, z[:, :])", "select(gt(x[:, :], z[:, :]), z[:, :], x[:, :] * 2)"},
      {"int32", "cast(cast(cast(x[:, :], int8, rint), f32), int32, rint)", "cast(cast(x[:, :], int8, rint), int32)"},
      {"f32", "rsqrt(x[:, :])", "1.0 / sqrt(x[:, :])"},
      {"int32", "x[:, :] + -z[:, :]", "x[:, :] - z[:, :]"},
      {"int32", "x[:, :] + -3", "x[:, :] - 3"},
      {"int32", "x[:, :] + 0", "x[:, :]"},
      {"int32", "-x[:, :] * z[:, :]", "-(x[:, :] * z[:, :])"},
      {"int32", "max(x[:, :], -x[:, :])", "abs(x[:, :])"},
      {"int32", "min(x[:, :], -x[:, :])", "-abs(x[:, :])"},
      {"int32", "-(-x[:, :])", "x[:, :]"},
      {"int32", "abs(-x[:, :])", "abs(x[:, :])"},
  };
  for (const auto& [dtype, one, other] : rewrites) {
    const ir::Program a = program_of(dtype, one), b = program_of(dtype, other);
    EXPECT_EQ(term_of(a), term_of(b)) << one;
    EXPECT_TRUE(same_for_special_values(dtype, a, b)) << one << " and " << other;
  }
}

// Each differs for some value.
TEST(Rewrites, WhatWouldChangeABitStays) {
  const Rewrite twins[] = {
      {"f32", "max(x[:, :], 0.0)", "x[:, :]"},
      {"f32", "x[:, :] / 3.0", "x[:, :] * 0.33333334"},
      {"f32", "select(ge(x[:, :], z[:, :]), x[:, :] * 2.0, z[:, :])", "select(lt(x[:, :], z[:, :]), z[:, :], x[:, :] * 2.0)"},
      {"int32", "cast(cast(x[:, :], f32, rint), int32, rint)", "x[:, :]"},
      {"f32", "max(abs(x[:, :]), 1.0)", "abs(x[:, :])"},
      {"f32", "max(x[:, :] * z[:, :], 0.0)", "x[:, :] * z[:, :]"},
      {"f32", "min(x[:, :], full(f32, [1, 16], -inf))", "x[:, :]"},
      {"f32", "max(sqrt(x[:, :]), 0.0)", "sqrt(x[:, :])"},
      {"f32", "max(x[:, :], -z[:, :])", "abs(x[:, :])"},
      {"int32", "row_max(x[:, 8 +: 3]) + z[:, :]", "max(row_max(x[:, 9 +: 1]), row_max(x[:, 10 +: 1])) + z[:, :]"},
      {"f32", "max(row_max(x[:, 2 +: 1]), row_min(x[:, 3 +: 1])) + z[:, :]", "row_max(x[:, 2 +: 2]) + z[:, :] * 2.0"},
      {"f32", "select(lt(x[:, :], z[:, :]), x[:, :], 2.0)", "select(ge(x[:, :], z[:, :]), 2.0, x[:, :])"},
      {"f32", "x[:, :] + 0.0", "x[:, :]"},
      {"f32", "x[:, :] - -0.0", "x[:, :]"},
      {"f32", "-(x[:, :] - z[:, :])", "z[:, :] - x[:, :]"},
      {"f32", "-x[:, :] - z[:, :]", "-(x[:, :] + z[:, :])"},
      {"f32", "1.0 / x[:, :]", "x[:, :]"},
      {"f32", "x[:, :] * z[:, :] / z[:, :]", "x[:, :]"},
      // The magnitude of the least integer is below zero.
      {"int32", "max(abs(x[:, :]), 0)", "abs(x[:, :])"},
      {"int32", "max(row_max(x[:, 4 +: 2]), -row_min(x[:, 4 +: 2])) + z[:, :]", "row_max(abs(x[:, 4 +: 2])) + z[:, :]"},
  };
  for (const auto& [dtype, one, other] : twins) {
    const ir::Program a = program_of(dtype, one), b = program_of(dtype, other);
    EXPECT_NE(term_of(a), term_of(b)) << one;
    EXPECT_FALSE(same_for_special_values(dtype, a, b)) << one << " and " << other;
  }
}

}  // namespace
}  // namespace imbrex::optimize
