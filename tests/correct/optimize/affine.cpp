// The canonical form of an index is the same function, and the range that is told holds.
#include "imbrex/optimize/affine.h"

#include <gtest/gtest.h>

#include <random>

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;

const Ranges kRanges{{"a", {0, 7}}, {"b", {-3, 5}}, {"c", {2, 2}}, {"d", {0, std::nullopt}}};

class RandomIndex {
 public:
  explicit RandomIndex(uint32_t seed) : random_(seed) {}

  IndexExpr make(int depth) {
    if (depth == 0 || below(5) == 0) {
      constexpr const char* names[] = {"a", "b", "c", "d"};
      return below(3) == 0 ? ir::constant(below(20) - 8) : ir::named(names[below(4)]);
    }
    const IndexExpr x = make(depth - 1);
    switch (below(8)) {
      case 0: return ir::add(x, make(depth - 1));
      case 1: return ir::sub(x, make(depth - 1));
      case 2: return ir::mul(x, ir::constant(below(17) - 6));
      case 3: return ir::mul(x, make(depth - 1));
      case 4: return ir::floor_div(x, ir::constant(1 + below(9)));
      case 5: return ir::mod(x, ir::constant(1 + below(9)));
      case 6: return ir::min(x, make(depth - 1));
      default: return ir::max(x, make(depth - 1));
    }
  }

 private:
  int64_t below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  std::mt19937 random_;
};

TEST(Affine, SimplifyKeepsTheFunctionAndRangesHold) {
  RandomIndex random(5);
  for (int round = 0; round < 3000; ++round) {
    const IndexExpr e = random.make(1 + round % 4), simple = simplify(e, kRanges);
    const Range range = range_of(e, kRanges);
    for (int64_t a : {0, 1, 3, 6, 7})
      for (int64_t b : {-3, -1, 0, 2, 5})
        for (int64_t d : {0, 1, 4, 9, 40}) {
          const auto value_of = [&](const ir::Index& leaf) {
            return leaf.name == "a" ? a : leaf.name == "b" ? b : leaf.name == "c" ? 2 : d;
          };
          const int64_t value = ir::evaluate(e, value_of);
          ASSERT_EQ(value, ir::evaluate(simple, value_of)) << ir::to_text(e) << " became " << ir::to_text(simple);
          ASSERT_TRUE(!range.least || *range.least <= value) << ir::to_text(e) << " >= " << *range.least;
          ASSERT_TRUE(!range.most || value <= *range.most) << ir::to_text(e) << " <= " << *range.most;
        }
  }
}

// Where a name is below another one.
TEST(Affine, NamesDivideWhatTheyBound) {
  const IndexExpr i = ir::named("i"), j = ir::named("j"), S = ir::named("S"), T = ir::named("T");
  const IndexExpr begin = ir::span_begin("t"), size = ir::span_size("t"), r = ir::named(".r");
  const Ranges ranges{{"S", {1, std::nullopt}},
                      {"T", {1, std::nullopt}},
                      {"i", {0, std::nullopt}},
                      {"j", {0, std::nullopt, S}},
                      {"t.begin", {0, std::nullopt, T}},
                      {"t.size", {1, 8, ir::add(ir::sub(T, begin), ir::constant(1))}},
                      {".r", {0, 7, size}}};
  const auto becomes = [&](const IndexExpr& e) { return ir::to_text(simplify(e, ranges)); };
  const IndexExpr place = ir::add(ir::mul(i, S), j);
  EXPECT_EQ(becomes(ir::floor_div(place, S)), "i");
  EXPECT_EQ(becomes(ir::mod(place, S)), "j");
  EXPECT_EQ(becomes(ir::floor_div(ir::mul(ir::mul(i, S), T), ir::mul(T, S))), "i");
  EXPECT_EQ(becomes(ir::mod(ir::add(begin, r), T)), becomes(ir::add(begin, r)));
  EXPECT_EQ(becomes(ir::floor_div(r, size)), "0");
  // One more may be the whole, and one less below none of it.
  EXPECT_EQ(becomes(ir::mod(ir::add(j, ir::constant(1)), S)), "(j + 1) % S");
  EXPECT_EQ(becomes(ir::mod(ir::sub(j, ir::constant(1)), S)), "(j - 1) % S");
  EXPECT_EQ(becomes(ir::floor_div(ir::add(begin, ir::add(r, ir::constant(1))), T)), "(.r + t.begin + 1) // T");
}

TEST(Affine, TheFormIsWhatRangesAllow) {
  const auto becomes = [](const IndexExpr& e) { return ir::to_text(simplify(e, {{"h", {0, 3}}, {"c", {0, 511}}})); };
  const IndexExpr place = ir::add(ir::mul(ir::named("h"), ir::constant(512)), ir::named("c"));
  EXPECT_EQ(becomes(ir::floor_div(place, ir::constant(512))), "h");
  EXPECT_EQ(becomes(ir::mod(place, ir::constant(512))), "c");
  EXPECT_EQ(becomes(ir::mod(place, ir::constant(128))), "c % 128");
  EXPECT_EQ(becomes(ir::min(place, ir::constant(2048))), becomes(place));
  // Quotient and remainder make the whole again.
  const IndexExpr c = ir::named("c"), n = ir::constant(128);
  EXPECT_EQ(becomes(ir::add(ir::mul(n, ir::floor_div(c, n)), ir::mod(c, n))), "c");
}

}  // namespace
}  // namespace imbrex::optimize
