#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "imbrex/base/numbers.h"
#include "imbrex/interpret/scalar.h"

namespace imbrex::interpret {
namespace {

using ir::CastMode;
constexpr CastMode kModes[] = {CastMode::rint, CastMode::round, CastMode::floor, CastMode::ceil, CastMode::trunc};
constexpr float kInf = std::numeric_limits<float>::infinity();

// One result for each of rint, round, floor, ceil, trunc.
void expect_integers(float x, DType to, std::initializer_list<int32_t> expected) {
  auto want = expected.begin();
  for (CastMode mode : kModes) EXPECT_EQ(to_integer(x, to, mode), *want++) << x << " " << ir::name_of(mode);
}
void expect_floats(double x, DType to, std::initializer_list<double> expected) {
  auto want = expected.begin();
  for (CastMode mode : kModes) {
    const float actual = to_float(x, to, mode);
    if (std::isnan(*want)) {
      EXPECT_TRUE(std::isnan(actual)) << x << " " << ir::name_of(mode) << " gives " << actual;
      ++want;
      continue;
    }
    EXPECT_EQ(actual, *want) << x << " " << ir::name_of(mode);
    EXPECT_EQ(std::signbit(actual), std::signbit(*want++)) << x << " " << ir::name_of(mode);
  }
}

TEST(Casts, to_integers) {
  expect_integers(2.5f, DType::int32, {2, 3, 2, 3, 2});
  expect_integers(-2.5f, DType::int32, {-2, -3, -3, -2, -2});
  expect_integers(3.5f, DType::int8, {4, 4, 3, 4, 3});
  expect_integers(127.5f, DType::int8, {127, 127, 127, 127, 127});
  expect_integers(-1e30f, DType::int8, {-128, -128, -128, -128, -128});
  expect_integers(-0.7f, DType::uint8, {0, 0, 0, 0, 0});
  expect_integers(300, DType::uint8, {255, 255, 255, 255, 255});
  expect_integers(kInf, DType::int32, {2147483647, 2147483647, 2147483647, 2147483647, 2147483647});
  expect_integers(2147483648.0f, DType::int32, {2147483647, 2147483647, 2147483647, 2147483647, 2147483647});
  expect_integers(std::nanf(""), DType::int32, {0, 0, 0, 0, 0});
  expect_integers(0.49999997f, DType::int32, {0, 0, 0, 1, 0});
  EXPECT_EQ(saturate(300, DType::int8), 127);
  EXPECT_EQ(saturate(-1, DType::uint8), 0);
}

TEST(Casts, to_bf16) {
  const double step = 0x1p-7;  // the spacing of bf16 above 1
  expect_floats(1 + step / 2, DType::bf16, {1, 1 + step, 1, 1 + step, 1});
  expect_floats(-(1 + 1.5 * step), DType::bf16, {-(1 + 2 * step), -(1 + 2 * step), -(1 + 2 * step), -(1 + step), -(1 + step)});
  const double largest = 0x1.fep127;
  expect_floats(std::numeric_limits<float>::max(), DType::bf16, {kInf, kInf, largest, kInf, largest});
  expect_floats(-std::numeric_limits<float>::max(), DType::bf16, {-kInf, -kInf, -kInf, -largest, -largest});
  expect_floats(kInf, DType::bf16, {kInf, kInf, kInf, kInf, kInf});
  expect_floats(0x1p-134, DType::bf16, {0, 0x1p-133, 0, 0x1p-133, 0});  // half the least subnormal
  expect_floats(-0x1p-140, DType::bf16, {-0.0, -0.0, -0x1p-133, -0.0, -0.0});
  expect_floats(-0.0, DType::bf16, {-0.0, -0.0, -0.0, -0.0, -0.0});
  EXPECT_TRUE(std::isnan(to_float(std::nan(""), DType::bf16, CastMode::rint)));
}

TEST(Casts, to_f16) {
  expect_floats(65519, DType::f16, {65504, 65504, 65504, kInf, 65504});
  expect_floats(65520, DType::f16, {kInf, kInf, 65504, kInf, 65504});
  expect_floats(0x1p-25, DType::f16, {0, 0x1p-24, 0, 0x1p-24, 0});
  expect_floats(0x1.8p-24, DType::f16, {0x1p-23, 0x1p-23, 0x1p-24, 0x1p-23, 0x1p-24});
  expect_floats(2049, DType::f16, {2048, 2050, 2048, 2050, 2048});
}

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(Casts, to_e4m3) {
  expect_floats(1.0625, DType::e4m3, {1, 1.125, 1, 1.125, 1});  // ties
  expect_floats(-1.1875, DType::e4m3, {-1.25, -1.25, -1.25, -1.125, -1.125});
  expect_floats(464, DType::e4m3, {448, kNaN, 448, kNaN, 448});  // halfway to the 480 that there is not
  expect_floats(std::nextafter(464.0, 1000.0), DType::e4m3, {kNaN, kNaN, 448, kNaN, 448});
  expect_floats(-1e30, DType::e4m3, {kNaN, kNaN, kNaN, -448, -448});
  expect_floats(double{kInf}, DType::e4m3, {kNaN, kNaN, kNaN, kNaN, kNaN});
  expect_floats(0x1p-10, DType::e4m3, {0, 0x1p-9, 0, 0x1p-9, 0});  // half the least subnormal
  expect_floats(-0x1.8p-9, DType::e4m3, {-0x1p-8, -0x1p-8, -0x1p-8, -0x1p-9, -0x1p-9});
  expect_floats(-0.0, DType::e4m3, {-0.0, -0.0, -0.0, -0.0, -0.0});
  expect_floats(kNaN, DType::e4m3, {kNaN, kNaN, kNaN, kNaN, kNaN});
  expect_floats(17, DType::e4m3, {16, 18, 16, 18, 16});
}

TEST(Casts, to_e8m0) {
  expect_floats(1, DType::e8m0, {1, 1, 1, 1, 1});
  expect_floats(1.5, DType::e8m0, {2, 2, 1, 2, 1});
  expect_floats(3.5, DType::e8m0, {4, 4, 2, 4, 2});
  expect_floats(std::nextafter(2.0, 3.0), DType::e8m0, {2, 2, 2, 4, 2});
  expect_floats(0x1.8p-127, DType::e8m0, {0x1p-126, 0x1p-126, 0x1p-127, 0x1p-126, 0x1p-127});
  for (const double tiny : {0.0, -0.0, 0x1p-149})
    expect_floats(tiny, DType::e8m0, {0x1p-127, 0x1p-127, 0x1p-127, 0x1p-127, 0x1p-127});
  expect_floats(0x1.8p127, DType::e8m0, {kNaN, kNaN, 0x1p127, kNaN, 0x1p127});
  expect_floats(0x1.4p127, DType::e8m0, {0x1p127, 0x1p127, 0x1p127, kNaN, 0x1p127});
  for (const double none : {-1.0, -0x1p-149, double{kInf}, -double{kInf}, kNaN})
    expect_floats(none, DType::e8m0, {kNaN, kNaN, kNaN, kNaN, kNaN});
}

// The scale of a block as quantization to e4m3 takes it: 2^ceil(log2(amax / 448)), from the bits of amax * fl(1/448).
TEST(Casts, to_e8m0_are_power_of_two_scales) {
  for (int exponent = -14; exponent < 40; ++exponent)
    for (const float amax : {std::ldexp(448.0f, exponent), std::nextafter(std::ldexp(448.0f, exponent), kInf),
                             std::nextafter(std::ldexp(448.0f, exponent), 0.0f), std::ldexp(1.0f, exponent)}) {
      const float x = amax * (1.0f / 448);
      const auto bits = std::bit_cast<uint32_t>(x);
      const int scale = static_cast<int>(bits >> 23) - 127 + ((bits & 0x7fffff) != 0);
      EXPECT_EQ(to_float(double{x}, DType::e8m0, CastMode::ceil), std::ldexp(1.0f, scale)) << amax;
    }
  EXPECT_EQ(to_float(double{1e-4f * (1.0f / 448)}, DType::e8m0, CastMode::ceil), 0x1p-22f);
}

TEST(Casts, of_int32_round_once) {
  expect_floats(16777217, DType::f32, {16777216, 16777218, 16777216, 16777218, 16777216});
  // Through f32 this would become 16842752 and then, a tie, 16777216.
  expect_floats(16842753, DType::bf16, {16908288, 16908288, 16777216, 16908288, 16777216});
  expect_floats(2147483647, DType::f16, {kInf, kInf, 65504, kInf, 65504});
}

TEST(Storage, every_sixteen_bit_value_survives) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    if (std::isnan(bf16_value(half)))
      EXPECT_TRUE(std::isnan(bf16_value(bf16_bits(bf16_value(half)))));
    else
      EXPECT_EQ(bf16_bits(bf16_value(half)), half);
    if (std::isnan(f16_value(half)))
      EXPECT_TRUE(std::isnan(f16_value(f16_bits(f16_value(half)))));
    else
      EXPECT_EQ(f16_bits(f16_value(half)), half);
    if (std::isnan(f16_value(half))) continue;
    for (CastMode mode : kModes) ASSERT_EQ(f16_bits(to_float(f16_value(half), DType::f16, mode)), half);
  }
}

TEST(Storage, every_byte_that_is_a_float_survives) {
  for (const DType dtype : {DType::e4m3, DType::e8m0})
    for (uint32_t code = 0; code < 256; ++code) {
      const double value = value_of_code(dtype, code);
      const bool is_nan = dtype == DType::e4m3 ? (code & 0x7f) == 0x7f : code == 255;
      ASSERT_EQ(std::isnan(value), is_nan) << code;
      if (is_nan) {
        EXPECT_EQ(code_of_value(dtype, value), dtype == DType::e4m3 ? 0x7fu : 255u);
        continue;
      }
      EXPECT_EQ(code_of_value(dtype, value), code);
      for (CastMode mode : kModes) ASSERT_EQ(code_of_value(dtype, double{to_float(value, dtype, mode)}), code);
    }
  EXPECT_EQ(value_of_code(DType::e4m3, 0x7e), 448);
  EXPECT_EQ(value_of_code(DType::e4m3, 0x81), -0x1p-9);
  EXPECT_EQ(value_of_code(DType::e4m3, 0x38), 1);
  EXPECT_EQ(value_of_code(DType::e8m0, 0), 0x1p-127);
  EXPECT_EQ(value_of_code(DType::e8m0, 127), 1);
  EXPECT_EQ(value_of_code(DType::e8m0, 254), 0x1p127);
}

}  // namespace
}  // namespace imbrex::interpret
