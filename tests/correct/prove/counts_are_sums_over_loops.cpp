// A count that is summed over a loop has the value that adding up its iterations gives, or says that it is at most that.
#include <gtest/gtest.h>

#include <random>

#include "imbrex/prove/quantity.h"

namespace imbrex::prove {
namespace {

ir::Loop loop_over(int64_t begin, const ir::IndexExpr& extent, int64_t tile) {
  ir::Loop loop;
  loop.variable = "t";
  loop.begin = ir::constant(begin);
  loop.extent = extent;
  loop.tile = tile;
  return loop;
}

int64_t added_up(const ir::IndexExpr& e, const ir::Loop& loop, int64_t t) {
  const int64_t begin = *ir::constant_value(loop.begin), extent = ir::evaluate(loop.extent, [&](const ir::Index&) { return t; });
  const int64_t step = std::max<int64_t>(1, loop.tile);
  int64_t sum = 0;
  for (int64_t i = 0; i * step < extent; ++i)
    sum += ir::evaluate(e, [&](const ir::Index& leaf) -> int64_t {
      if (leaf.name == "T") return t;
      if (leaf.kind == ir::Index::Kind::span_size) return std::min(step, extent - i * step);
      if (leaf.kind == ir::Index::Kind::span_index) return i;
      return begin + i * step;
    });
  return sum;
}

TEST(Counts, AreSumsOverLoops) {
  const ir::IndexExpr begin = ir::span_begin("t"), size = ir::span_size("t"), index = ir::span_index("t"), t = ir::named("T");
  const std::vector<ir::IndexExpr> of_spans = {
      size,
      begin,
      index,
      ir::mul(size, size),
      ir::mul(ir::add(begin, size), size),
      ir::mul(ir::mul(ir::add(begin, size), size), ir::constant(7)),
      ir::mul(ir::mul(index, size), size),
      ir::mul(ir::sub(t, begin), size),
  };
  const std::vector<ir::IndexExpr> bounded = {
      ir::mul(ir::min(ir::add(begin, size), ir::constant(20)), size),
      ir::mul(begin, begin),
      ir::floor_div(ir::add(begin, size), ir::constant(3)),
      ir::sub(ir::mul(t, t), ir::mul(begin, begin)),
      ir::mod(begin, ir::constant(5)),
  };
  for (const int64_t first : {0, 3})
    for (const int64_t tile : {1, 3, 4, 16})
      for (const int64_t dim : {1, 2, 5, 16, 33}) {
        const ir::Loop loop = loop_over(first, t, tile);
        const auto sum = [&](const ir::IndexExpr& e) { return Quantity::of(e).summed_over(loop); };
        for (const ir::IndexExpr& e : of_spans) {
          EXPECT_EQ(sum(e).at({{"T", dim}}), added_up(e, loop, dim)) << ir::to_text(e) << " " << tile << " " << dim;
          EXPECT_FALSE(sum(e).is_at_most());
        }
        for (const ir::IndexExpr& e : bounded) {
          EXPECT_GE(sum(e).at({{"T", dim}}), added_up(e, loop, dim)) << ir::to_text(e) << " " << tile << " " << dim;
          EXPECT_TRUE(sum(e).is_at_most());
        }
        const ir::Loop integers = loop_over(first, t, 0);
        const ir::IndexExpr i = ir::named("t");
        for (const ir::IndexExpr& e : {i, ir::add(ir::mul(i, ir::constant(6)), t), ir::sub(t, i)})
          EXPECT_EQ(Quantity::of(e).summed_over(integers).at({{"T", dim}}), added_up(e, integers, dim)) << ir::to_text(e);
      }
}

}  // namespace
}  // namespace imbrex::prove
