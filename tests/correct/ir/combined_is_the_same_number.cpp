// What is simplified for a page or for memory has the value of what it was, and like terms are one.
#include <gtest/gtest.h>

#include <random>

#include "imbrex/ir/linear.h"

namespace imbrex::ir {
namespace {

std::string simple(const IndexExpr& e) { return to_text(combined(e)); }
IndexExpr c(int64_t value) { return constant(value); }

TEST(Combined, AddsLikeTermsAndMultipliesConstants) {
  const IndexExpr t = named("T"), s = named("S");
  EXPECT_EQ(simple(add(add(mul(mul(t, c(4128)), c(2)), mul(mul(t, c(1040)), c(4))), c(64))), "T * 12416 + 64");
  EXPECT_EQ(simple(mul(mul(c(8), mul(t, s)), c(8192))), "T * S * 65536");
  EXPECT_EQ(simple(mul(mul(mul(t, c(8)), s), c(64))), "T * S * 512");
  EXPECT_EQ(simple(sub(mul(t, c(3)), mul(c(3), t))), "0");
  EXPECT_EQ(simple(sub(t, mul(s, c(2)))), "T - S * 2");
  EXPECT_EQ(simple(mul(ceil_div(add(t, t), c(64)), c(64))), "(T * 2 + 63) // 64 * 64");
  EXPECT_EQ(simple(max(c(0), sub(mul(mul(t, c(2)), c(2)), s))), "max(0, T * 4 - S)");
  EXPECT_EQ(simple(mul(mul(t, add(s, s)), c(4))), "T * S * 8");
}

// What would leave 64 bits stays, for whoever refuses it.
TEST(Combined, LeavesWhatLeaves64Bits) {
  const IndexExpr wide = mul(mul(named("T"), c(int64_t{1} << 40)), c(int64_t{1} << 40));
  EXPECT_EQ(combined(wide), wide);
}

TEST(Combined, HasTheSameValue) {
  std::mt19937 generator(3);
  const auto pick = [&](int n) { return static_cast<int>(generator() % static_cast<unsigned>(n)); };
  const std::function<IndexExpr(int)> random = [&](int depth) -> IndexExpr {
    if (depth == 0 || pick(5) == 0) return pick(2) ? constant(pick(9) - 3) : named(std::string(1, "TSU"[pick(3)]));
    const IndexExpr a = random(depth - 1), b = random(depth - 1);
    switch (pick(7)) {
      case 0: return sub(a, b);
      case 1:
      case 2: return mul(a, b);
      case 3: return floor_div(a, constant(1 + pick(5)));
      case 4: return pick(2) ? min(a, b) : max(a, b);
      case 5: return mod(a, constant(1 + pick(5)));
      default: return add(a, b);
    }
  };
  int changed = 0;
  for (int i = 0; i < 4000; ++i) {
    const IndexExpr e = random(5), simpler = combined(e);
    changed += simpler != e && to_text(simpler) != to_text(e);
    for (const auto& [t, s, u] : {std::tuple{1, 1, 1}, {3, 5, 2}, {7, 1, 12}, {64, 33, 5}}) {
      const auto value = [&](const Index& leaf) -> int64_t { return leaf.name == "T" ? t : leaf.name == "S" ? s : u; };
      const auto before = checked_evaluate(e, value), after = checked_evaluate(simpler, value);
      if (before) {
        ASSERT_EQ(before, after) << to_text(e) << "\n" << to_text(simpler);
      }
    }
  }
  EXPECT_GT(changed, 500);
}

}  // namespace
}  // namespace imbrex::ir
