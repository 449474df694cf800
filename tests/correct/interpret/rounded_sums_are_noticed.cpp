// A run says whether a sum was rounded: the order of additions has a part in its results then.
#include <gtest/gtest.h>

#include "run_text.h"

namespace imbrex::test {
namespace {

bool rounds_sums(const std::string& value, const std::vector<float>& x) {
  bool rounds = false;
  run_text("input x: f32[1, 4]\noutput y: f32[1, 1]\ny[:, :] = " + value, {}, {{"x", f32({1, 4}, x)}},
           {.rounds_sums = &rounds, .tap = {}});
  return rounds;
}

TEST(RoundedSums, AreThoseOfWhichALowBitIsLost) {
  const std::string one = "cast(x[:, :], bf16, rint)";
  for (const std::string& value : std::vector<std::string>{
           "row_sum(x[:, :])", "col_sum(transpose(x[:, :]))", "x[:, 0 +: 1] - (-x[:, 1 +: 1])",
           "matmul(x[:, :], full(f32, [4, 1], 1.0))", "matmul(" + one + ", cast(full(f32, [4, 1], 1.0), bf16, rint))"}) {
    EXPECT_FALSE(rounds_sums(value, {1.5f, 2, 0.25f, 3})) << value;
    EXPECT_TRUE(rounds_sums(value, {1, 0x1p-40f, 0, 0})) << value;
    EXPECT_TRUE(rounds_sums(value, {3e38f, 3e38f, 3e38f, 0})) << value;
  }
}

TEST(RoundedSums, AreNotProductsAndQuotients) { EXPECT_FALSE(rounds_sums("row_max(x[:, :] / 3.0) * 0.1", {1, 2, 3, 4})); }

// 0 + -0 is 0, and -0 + -0 is not: a sum that begins from 0 is another than one that does not.
TEST(RoundedSums, MayBeThoseOfNegativeZeros) { EXPECT_TRUE(rounds_sums("x[:, 0 +: 1] + x[:, 1 +: 1]", {-0.0f, -0.0f, 0, 0})); }

// A product of two of these is flushed to zero, whatever is added.
TEST(RoundedSums, MayBeThoseOfTinyProducts) {
  const std::string x = "cast(x[:, :], bf16, rint)";
  EXPECT_TRUE(rounds_sums("matmul(" + x + ", transpose(" + x + "))", {0x1p-70f, 0, 0, 0}));
}

}  // namespace
}  // namespace imbrex::test
