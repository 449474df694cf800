// Ranges against every value: random index expressions at a place inside loops, conditions and assumptions, enumerated.
#include "imbrex/ir/ranges.h"

#include <gtest/gtest.h>

#include <random>

#include "imbrex/ir/parse.h"

namespace imbrex::ir {
namespace {

struct Found {
  Program program;
  Place place;
};

// The place of the (first) tap.
Found place_of_tap(const std::string& body) {
  Found found{parse("imbrex 1\nkernel \"k\" {\n" + body + "}\n", "test.tile"), {}};
  for_each_place(found.program, [&](const Statement& statement, const Place& place) {
    if (std::holds_alternative<Tap>(statement.node)) found.place = place;
  });
  return found;
}

using Values = std::map<std::string, int64_t>;  // by the leaf's text

int64_t value(const IndexExpr& e, const Values& values) {
  return evaluate(e, [&](const Index& leaf) { return values.at(to_text(std::make_shared<Index>(leaf))); });
}

bool holds(const Comparison& c, const Values& values) {
  const int64_t a = value(c.left, values), b = value(c.right, values);
  switch (c.compare) {
    case Compare::lt: return a < b;
    case Compare::le: return a <= b;
    case Compare::eq: return a == b;
    case Compare::ne: return a != b;
    case Compare::ge: return a >= b;
    default: return a > b;
  }
}

// Calls `visit` with every execution of the place.
void for_each_execution(const Found& found, const std::function<void(const Values&)>& visit) {
  Values values;
  const std::function<void(size_t)> bind = [&](size_t depth) {
    if (depth == found.place.binders.size()) {
      for (const Guard& guard : found.place.guards) {
        bool all = true;
        for (const Comparison& comparison : guard.condition) all = all && holds(comparison, values);
        if (all != guard.holds) return;
      }
      return visit(values);
    }
    const Binder& binder = found.place.binders[depth];
    if (!binder.loop) {
      for (int64_t data = -40; data <= 40; ++data) values[binder.name] = data, bind(depth + 1);
      return;
    }
    const Loop& loop = *binder.loop;
    const int64_t begin = value(loop.begin, values), extent = value(loop.extent, values), step = std::max<int64_t>(1, loop.tile);
    for (int64_t i = 0; i * step < extent; ++i) {
      if (loop.tile == 0) values[loop.variable] = begin + i;
      values[loop.variable + ".index"] = i, values[loop.variable + ".begin"] = begin + i * step;
      values[loop.variable + ".size"] = std::min(step, extent - i * step);
      bind(depth + 1);
    }
  };
  const std::function<void(size_t)> dims = [&](size_t k) {
    if (k == found.program.dims.size()) return bind(0);
    for (int64_t d = 1; d <= found.program.dims[k].most(); ++d) values[found.program.dims[k].name] = d, dims(k + 1);
  };
  dims(0);
}

IndexExpr random_expression(std::mt19937& random, const std::vector<IndexExpr>& leaves, int depth) {
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  if (depth == 0)
    return pick(4) == 0 ? constant(pick(9) - 4) : leaves[static_cast<size_t>(pick(static_cast<int>(leaves.size())))];
  const IndexExpr a = random_expression(random, leaves, depth - 1), b = random_expression(random, leaves, depth - 1);
  switch (pick(7)) {
    case 0: return add(a, b);
    case 1: return sub(a, b);
    case 2: return mul(a, b);
    case 3: return floor_div(a, pick(2) ? constant(1 + pick(5)) : named("T"));
    case 4: return mod(a, pick(2) ? constant(1 + pick(5)) : named("T"));
    case 5: return min(a, b);
    default: return max(a, b);
  }
}

class RangesOf : public testing::TestWithParam<const char*> {};

TEST_P(RangesOf, HoldEveryValue) {
  const Found found = place_of_tap(GetParam());
  const Ranges ranges(found.program, found.place);
  std::vector<Values> executions;
  for_each_execution(found, [&](const Values& values) { executions.push_back(values); });
  ASSERT_FALSE(executions.empty());
  std::vector<IndexExpr> leaves;
  for (const Dim& dim : found.program.dims) leaves.push_back(named(dim.name));
  for (const Binder& binder : found.place.binders) {
    if (!binder.loop || binder.loop->tile == 0)
      leaves.push_back(named(binder.name));
    else
      leaves.insert(leaves.end(), {span_begin(binder.name), span_size(binder.name), span_index(binder.name)});
  }
  std::mt19937 random(1);
  int bounded = 0;
  for (int i = 0; i < 400; ++i) {
    const IndexExpr e = random_expression(random, leaves, 1 + i % 3);
    const Range range = ranges.of(e);
    const auto upper = ranges.upper(e), lower = ranges.lower(e);
    bounded += upper && lower;
    EXPECT_EQ(ranges.overflow_in(e), nullptr) << to_text(e);
    const bool positive = ranges.always(e, Compare::gt, constant(0));
    for (const Values& values : executions) {
      const int64_t v = value(e, values);
      ASSERT_LE(range.least, v) << to_text(e);
      ASSERT_GE(range.greatest, v) << to_text(e);
      ASSERT_TRUE(!positive || v > 0) << to_text(e);
      ASSERT_GE(upper ? value(*upper, values) : v, v) << to_text(e);
      ASSERT_LE(lower ? value(*lower, values) : v, v) << to_text(e);
    }
  }
  EXPECT_GT(bounded, 100);
}

INSTANTIATE_TEST_SUITE_P(
    Places, RangesOf,
    testing::Values("dim T max 6\ninput n: int32[4]\noutput y: f32[T]\nrange i in 0 .. T { range j in i - 3 .. T { tap \"here\" "
                    "0.0 } }\ny[:] = full(f32, [1, T], 0.0)\n",
                    "dim T max 7\noutput y: f32[T]\nrange t in tiles(T, 3) { range s in tiles(t, 2) { tap \"here\" 0.0 } }\ny[:] "
                    "= full(f32, [1, T], 0.0)\n",
                    "dim T max 7\noutput y: f32[T]\nrange t in tiles(12, 4) { range s in tiles(t.begin + T, 2) { if s.index > 0 "
                    "{ } else { tap \"here\" 0.0 } } }\ny[:] = full(f32, [1, T], 0.0)\n",
                    "dim T max 6\ninput n: int32[2]\noutput y: f32[T]\nread i = n[0]\nread j = n[1]\nassume 0 <= i and i <= j "
                    "and 2 * j <= T + 3\nrange k in i .. j { tap \"here\" 0.0 }\ny[:] = full(f32, [1, T], 0.0)\n",
                    "dim T max 6\ninput n: int32[2]\noutput y: f32[T]\nread i = n[0]\nif T < 4 { assume i < 2 } else { assume -7 "
                    "< i and i < 9 tap \"here\" 0.0 }\ny[:] = full(f32, [1, T], 0.0)\n"));

TEST(Ranges, SeeWhatLeaves64Bits) {
  const Found found = place_of_tap(
      "dim T\ndim U\ndim S max 4\ninput a: f32[T, U, 1024]\noutput y: f32[T]\nrange i in 0 .. T { tap \"here\" 0.0 }\n"
      "y[:] = full(f32, [1, T], 0.0)\n");
  const Ranges ranges(found.program, found.place);
  const IndexExpr T = named("T"), U = named("U"), S = named("S"), i = named("i");
  const auto leaves = [&](const IndexExpr& e) { return ranges.overflow_in(e) != nullptr; };
  EXPECT_FALSE(leaves(mul(i, constant(4294967296))));
  EXPECT_TRUE(leaves(mul(i, constant(8589934592))));
  EXPECT_FALSE(leaves(mul(S, constant(int64_t{1} << 60))));
  EXPECT_TRUE(leaves(mul(S, constant(int64_t{1} << 61))));
  EXPECT_FALSE(leaves(mul(mul(T, U), constant(2048)))) << "an argument has T * U * 1024 elements";
  EXPECT_TRUE(leaves(mul(mul(T, T), constant(2048))));
  EXPECT_EQ(to_text(ranges.overflow_in(add(mul(mul(T, T), constant(2048)), constant(1)))), "T * T * 2048");
}

// A bound holds where its assumption was executed, and for the value it was executed on.
TEST(Ranges, ForgetWhatHeldElsewhere) {
  const auto upper = [](const std::string& body) {
    const Found found = place_of_tap("dim T\ninput n: int32[4]\noutput y: f32[T]\n" + body + "y[:] = full(f32, [1, T], 0.0)\n");
    const auto bound = Ranges(found.program, found.place).upper(named(body.find("let r") == std::string::npos ? "i" : "r"));
    return bound ? to_text(*bound) : "none";
  };
  EXPECT_EQ(upper("read i = n[0]\nassume i < 4\ntap \"here\" 0.0\n"), "3");
  EXPECT_EQ(upper("read i = n[0]\nassume i < T\ntap \"here\" 0.0\n"), "min(T - 1, 2147483646)");
  EXPECT_EQ(upper("read i = n[0]\nassume 3 * i < T\ntap \"here\" 0.0\n"), "min((T - 1) // 3, 715827882)");
  EXPECT_EQ(upper("read i = n[0]\nif T < 3 { assume i < 4 }\ntap \"here\" 0.0\n"), "none");
  EXPECT_EQ(upper("read i = n[0]\nrange k in 0 .. T { assume i < 4 }\ntap \"here\" 0.0\n"), "none");
  EXPECT_EQ(upper("read i = n[0]\ntap \"here\" 0.0\nassume i < 4\n"), "none");
  EXPECT_EQ(upper("read i = n[0]\nif T < 3 { assume i < 4 } else { assume i < 9\ntap \"here\" 0.0 }\n"), "8");
  EXPECT_EQ(upper("read i = n[0]\nat \"s\" { assume i < 4 }\ntap \"here\" 0.0\n"), "3");
  EXPECT_EQ(upper("let r = n[:]\nassume r < 4\ntap \"here\" 0.0\n"), "3");
  EXPECT_EQ(upper("let r = n[:]\nassume r < 4\nr = n[:]\ntap \"here\" 0.0\n"), "none");
  EXPECT_EQ(upper("let r = n[:]\nassume r < 4\nrange k in 0 .. 2 { tap \"here\" 0.0\nr = n[:] }\n"), "none");
  EXPECT_EQ(upper("let r = n[:]\nr = n[:]\nassume r < 4\ntap \"here\" 0.0\n"), "3");
}

}  // namespace
}  // namespace imbrex::ir
