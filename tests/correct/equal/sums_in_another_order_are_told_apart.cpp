// Equal but for the order of additions is a verdict of its own, which is asked for.
#include <cfloat>
#include <cmath>

#include "comparing.h"

namespace imbrex::equal {
namespace {

const std::string kHead = "dim T typical 16\ninput x: f32[T, 64]\noutput y: f32[T, 1]\n";

Result up_to_order(const std::string& a, const std::string& b) { return compared(kHead + a, kHead + b, {.up_to_order = true}); }

TEST(UpToOrder, SumsInPartsOrTogether) {
  const std::string whole = "y[:, :] = row_sum(x[:, :] * x[:, :]) * 0.5";
  for (const std::string other :
       {"y[:, :] = (row_sum(x[:, 0 +: 32] * x[:, 0 +: 32]) + row_sum(x[:, 32 +: 32] * x[:, 32 +: 32])) * 0.5",
        "y[:, :] = (row_sum(x[:, 0 +: 16] * x[:, 0 +: 16] + x[:, 16 +: 16] * x[:, 16 +: 16]) + row_sum(x[:, 32 +: 32] * x[:, 32 "
        "+: 32])) * 0.5",
        "y[:, :] = (row_sum(x[:, 40 +: 24] * x[:, 40 +: 24]) + row_sum(x[:, 0 +: 40] * x[:, 0 +: 40])) * 0.5",
        "let v = transpose(x[:, :])\ny[:, :] = transpose(col_sum(v * v)) * 0.5"}) {
    const Result result = up_to_order(whole, other);
    EXPECT_EQ(result.verdict, Verdict::equal_up_to_order) << other << "\n" << result.text();
    EXPECT_NE(result.text().find("A adds 64 terms as "), std::string::npos) << result.text();
    EXPECT_EQ(compared(kHead + whole, kHead + other).verdict, Verdict::different) << other;
  }
}

TEST(UpToOrder, NotWhereTermsDiffer) {
  const std::string whole = "y[:, :] = row_sum(x[:, :] * x[:, :]) * 0.3";
  for (const std::string other :
       {"y[:, :] = (row_sum(x[:, 0 +: 32] * x[:, 0 +: 32]) + row_sum(x[:, 32 +: 31] * x[:, 32 +: 31])) * 0.3",
        "y[:, :] = (row_sum(x[:, 0 +: 32] * x[:, 0 +: 32]) + row_sum(x[:, 0 +: 32] * x[:, 0 +: 32])) * 0.3",
        "y[:, :] = row_sum(x[:, :]) * row_sum(x[:, :]) * 0.3", "y[:, :] = row_sum(x[:, :] * x[:, :]) * 0.4"})
    EXPECT_EQ(up_to_order(whole, other).verdict, Verdict::different) << other;
}

// Results that differ are no proof of other terms where a sum was rounded: the witness is one for which none was.
TEST(UpToOrder, ADifferenceThatAnotherOrderMayExplainIsNotDecided) {
  const Result result = up_to_order("y[:, :] = row_sum(x[:, :] * x[:, :]) * 0.3", "y[:, :] = row_sum(x[:, :] * x[:, :] * 0.3)");
  EXPECT_EQ(result.verdict, Verdict::not_decided);
  EXPECT_NE(result.text().find(", and sums were rounded: another order of additions may be why"), std::string::npos)
      << result.text();
  EXPECT_EQ(result.text().find("gave the same results"), std::string::npos) << result.text();
  // One sum in two orders, which nothing here knows to be one.
  const std::string head = "input x: f32[4, 4]\ninput z: f32[4, 4]\noutput y: f32[4, 1]\n";
  const Result reordered = compared(head + "y[:, :] = row_sum(-x[:, :]) - row_sum(z[:, :])",
                                    head + "y[:, :] = -(row_sum(z[:, :]) + row_sum(x[:, :]))", {.up_to_order = true});
  EXPECT_NE(reordered.verdict, Verdict::different) << reordered.text();
}

// The first part's elements lie in w[1] as far as its own length goes, and in w[2] behind.
TEST(UpToOrder, APartThatIsLongerThanTheOneBefore) {
  const std::string head = "dim T\ninput w: f32[4, 1]\noutput y: f32[1, 1]\n", repeated = "transpose(repeat_rows(w[:, :], 8))";
  for (const int n : {6, 7, 8, 9, 10, 11, 12, 13, 14, 15}) {
    const Result result =
        compared(head + fmt::format("y[:, :] = row_sum(columns({}, 3, {}))", repeated, 6 + n),
                 head + fmt::format("y[:, :] = row_sum(columns({}, 3, 6)) + row_sum(transpose(repeat_rows(w[1 +: 1, :], {})))",
                                    repeated, n),
                 {.up_to_order = true});
    EXPECT_EQ(result.verdict, n <= 7 ? Verdict::equal_up_to_order : Verdict::different) << n << "\n" << result.text();
  }
}

// `T - 3` elements and 3 are T only where there are 3: below, the first sum is empty, not negative.
TEST(UpToOrder, APartOfNegativeLength) {
  const std::string head = "dim T\ninput c: f32[1, T]\noutput y: f32[1, 1]\n", all = "row_sum(full(f32, [1, T], 2.0))";
  const auto parts = [](int n) {
    return fmt::format("row_sum(full(f32, [1, T - {0}], 2.0)) + row_sum(full(f32, [1, {0}], 2.0))", n);
  };
  for (const int n : {1, 3}) {
    const Result result = compared(head + "y[:, :] = " + all, head + "y[:, :] = " + parts(n), {.up_to_order = true});
    EXPECT_EQ(result.verdict, n == 1 ? Verdict::equal_up_to_order : Verdict::different) << result.text();
  }
}

// The k of an inner sum is not that of the outer one.
TEST(UpToOrder, SumsOfSums) {
  const std::string head = "input x: f32[8, 8]\ninput z: f32[8, 8]\noutput y: f32[1, 1]\n";
  for (const std::string& a : {"x[:, :] * z[:, :]", "matmul(x[:, :], z[:, :])"}) {
    const std::string b = a.starts_with("matmul") ? "matmul(x[:, :], z[:, :], transpose_b)" : "x[:, :] * transpose(z[:, :])";
    const Result result = compared(head + "y[:, :] = col_sum(row_sum(" + a + "))", head + "y[:, :] = col_sum(row_sum(" + b + "))",
                                   {.up_to_order = true});
    EXPECT_EQ(result.verdict, Verdict::different) << result.text();
  }
}

TEST(UpToOrder, ChainsOfAdditions) {
  EXPECT_EQ(
      up_to_order("y[:, :] = x[:, 0 +: 1] + x[:, 1 +: 1] + x[:, 2 +: 1]", "y[:, :] = x[:, 2 +: 1] + x[:, 0 +: 1] + x[:, 1 +: 1]")
          .verdict,
      Verdict::equal_up_to_order);
  EXPECT_EQ(
      up_to_order("y[:, :] = x[:, 0 +: 1] + x[:, 1 +: 1] + x[:, 2 +: 1]", "y[:, :] = x[:, 2 +: 1] + x[:, 0 +: 1] - x[:, 1 +: 1]")
          .verdict,
      Verdict::different);
  // Equal is equal, also where less was asked for.
  EXPECT_EQ(up_to_order("y[:, :] = row_sum(x[:, :])", "y[:, :] = row_sum(x[:, :])").verdict, Verdict::equal);
}

// Both sums lie within the bound that is printed.
TEST(UpToOrder, TheBoundHolds) {
  const ir::Program a = kernel(kHead + "y[:, :] = row_sum(x[:, :])");
  const ir::Program b = kernel(kHead + "y[:, :] = row_sum(x[:, 0 +: 32]) + row_sum(x[:, 32 +: 32])");
  const double n = 63, u = 0x1p-24, factor = 2 * n * u / (1 - n * u);
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    auto of_a = inputs_of_run(a, {{"T", 33}}, seed), of_b = of_a;
    interpret::run(a, {{"T", 33}}, of_a);
    interpret::run(b, {{"T", 33}}, of_b);
    for (int64_t t = 0; t < 33; ++t) {
      double sum = 0;
      for (int64_t k = 0; k < 64; ++k) sum += std::abs(static_cast<double>(of_a.at("x").as<float>()[t * 64 + k]));
      if (!std::isfinite(sum) || sum > FLT_MAX) continue;  // nothing is bounded where a sum overflows
      EXPECT_LE(std::abs(static_cast<double>(of_a.at("y").as<float>()[t]) - static_cast<double>(of_b.at("y").as<float>()[t])),
                factor * sum);
    }
  }
}

}  // namespace
}  // namespace imbrex::equal
