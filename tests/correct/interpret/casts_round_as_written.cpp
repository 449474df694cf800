#include <gtest/gtest.h>

#include <cmath>
#include <limits>

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

}  // namespace
}  // namespace imbrex::interpret
