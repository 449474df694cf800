// Checked arithmetic gives the true result or none, at the ends of 64 bits too: compared with 128-bit arithmetic.
#include <gtest/gtest.h>

#include <vector>

#include "imbrex/base/checked.h"

namespace imbrex {
namespace {

using Wide = __int128;

std::optional<int64_t> narrowed(Wide value) {
  if (value < INT64_MIN || value > INT64_MAX) return std::nullopt;
  return static_cast<int64_t>(value);
}

Wide floor_of(Wide a, Wide b) {
  const Wide quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

TEST(CheckedArithmetic, NeverWraps) {
  std::vector<int64_t> values;
  for (const int64_t center :
       {INT64_MIN + 2, int64_t{-1} << 32, int64_t{0}, int64_t{1} << 31, int64_t{3037000499}, INT64_MAX - 2})
    for (int64_t distance = -2; distance <= 2; ++distance) values.push_back(center + distance);
  for (const int64_t a : values)
    for (const int64_t b : values) {
      SCOPED_TRACE(std::to_string(a) + " and " + std::to_string(b));
      EXPECT_EQ(checked_add(a, b), narrowed(Wide{a} + b));
      EXPECT_EQ(checked_sub(a, b), narrowed(Wide{a} - b));
      EXPECT_EQ(checked_mul(a, b), narrowed(Wide{a} * b));
      EXPECT_EQ(checked_floor_div(a, b), b == 0 ? std::nullopt : narrowed(floor_of(a, b)));
      EXPECT_EQ(checked_mod(a, b), b == 0 ? std::nullopt : narrowed(Wide{a} - floor_of(a, b) * b));
      if (b > 0) {
        EXPECT_EQ(ceil_div(a, b), narrowed(-floor_of(-Wide{a}, b)));
      }
    }
}

}  // namespace
}  // namespace imbrex
