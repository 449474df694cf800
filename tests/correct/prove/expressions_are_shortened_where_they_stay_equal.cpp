// What reports print instead of an expression has its value for all dimensions.
#include <gtest/gtest.h>

#include <random>

#include "imbrex/ir/parse.h"
#include "imbrex/prove/simplify.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;

ir::Program program_with_dims() {
  return ir::parse(
      "imbrex 1\nkernel \"k\" {\n  dim T\n  dim U\n  input x: f32[T, U]\n  output y: f32[T, U]\n  y[:, :] = x[:, :]\n}\n",
      "k.tile");
}

int64_t value(const IndexExpr& e, int64_t t, int64_t u) {
  return ir::evaluate(e, [&](const ir::Index& leaf) { return leaf.name == "T" ? t : u; });
}

IndexExpr random_expression(std::mt19937& random, int depth) {
  const auto below = [&](uint32_t n) { return random() % n; };
  if (depth == 0) {
    if (below(3) == 0) return ir::constant(static_cast<int64_t>(below(20)) - 6);
    return ir::named(below(2) == 0 ? "T" : "U");
  }
  const IndexExpr a = random_expression(random, depth - 1);
  if (below(4) == 0) return ir::floor_div(a, ir::constant(1 + below(5)));
  const IndexExpr b = random_expression(random, depth - 1);
  switch (below(4)) {
    case 0: return ir::add(a, b);
    case 1: return ir::sub(a, b);
    case 2: return ir::min(a, b);
    default: return ir::max(a, b);
  }
}

TEST(Simplifier, KeepsTheValuesOfExpressions) {
  const ir::Program program = program_with_dims();
  const Simplifier simplified(program);
  std::mt19937 random(5);
  int shorter = 0;
  for (int i = 0; i < 400; ++i) {
    const IndexExpr before = random_expression(random, 1 + i % 4), after = simplified(before);
    shorter += ir::to_text(after).size() < ir::to_text(before).size();
    for (int64_t t = 1; t < 12; ++t)
      for (int64_t u = 1; u < 12; ++u)
        ASSERT_EQ(value(before, t, u), value(after, t, u))
            << ir::to_text(before) << " as " << ir::to_text(after) << " at T=" << t << ", U=" << u;
  }
  EXPECT_GE(shorter, 40);
}

TEST(Simplifier, DropsWhatIsNeverTaken) {
  const ir::Program program = program_with_dims();
  const Simplifier simplified(program);
  const IndexExpr t = ir::named("T"), one = ir::constant(1);
  EXPECT_EQ(ir::to_text(simplified(ir::max(t, ir::constant(0)))), "T");
  EXPECT_EQ(ir::to_text(simplified(ir::min(ir::add(t, one), t))), "T");
  EXPECT_EQ(ir::to_text(simplified(ir::max(ir::sub(t, one), t))), "T");
  EXPECT_EQ(ir::to_text(simplified(ir::min(t, ir::named("U")))), "min(T, U)");
}

}  // namespace
}  // namespace imbrex::prove
