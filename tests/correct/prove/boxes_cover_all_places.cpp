// Whether boxes leave a place of a tensor out, for some size.
#include <gtest/gtest.h>

#include "imbrex/prove/possible.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;

const std::vector<std::string> kNames{".i0", ".i1"};
const IndexExpr T = ir::named("T"), i0 = ir::named(".i0");

IndexExpr number(int64_t value) { return ir::constant(value); }
std::vector<ir::Dim> dims() { return {ir::Dim{"T", 0, {}, -1}}; }

bool covers(const std::vector<IndexExpr>& shape, const std::vector<Box>& boxes, const ir::Condition& conditions = {}) {
  return cover(dims(), conditions, shape, boxes, kNames);
}

TEST(Cover, RowsAndARest) {
  const IndexExpr whole = ir::mul(number(16), ir::floor_div(T, number(16))), rest = ir::mod(T, number(16));
  EXPECT_TRUE(covers({T}, {{{number(0)}, {whole}, {1}}, {{whole}, {rest}, {1}}}));
  EXPECT_FALSE(covers({T}, {{{number(0)}, {whole}, {1}}}));
  EXPECT_TRUE(covers({T}, {{{number(0)}, {whole}, {1}}}, {{rest, ir::Compare::eq, number(0)}}));
  EXPECT_FALSE(covers({T}, {{{number(0)}, {whole}, {1}}, {{whole}, {ir::sub(rest, number(1))}, {1}}}));
}

TEST(Cover, EverySecondColumn) {
  const auto every_second = [](int64_t first, int64_t count) { return Box{{number(first)}, {number(count)}, {2}}; };
  EXPECT_TRUE(covers({number(8)}, {every_second(0, 4), every_second(1, 4)}));
  EXPECT_FALSE(covers({number(8)}, {every_second(0, 4), every_second(1, 3)}));
  EXPECT_FALSE(covers({number(8)}, {every_second(0, 4)}));
}

// Four parts around two limits that are not one line.
TEST(Cover, PartsDividedAlongBothAxes) {
  const auto box = [](int64_t row, int64_t column, IndexExpr rows, int64_t columns) {
    return Box{{number(row), number(column)}, {std::move(rows), number(columns)}, {1, 1}};
  };
  const auto four = [&](int64_t left, int64_t right) {
    return std::vector<Box>{box(0, 0, number(4), 8), box(4, 0, ir::sub(T, number(4)), 8), box(0, 8, number(left), 8),
                            box(left, 8, ir::sub(T, number(right)), 8)};
  };
  EXPECT_TRUE(covers({T, number(16)}, four(6, 6)));
  EXPECT_FALSE(covers({T, number(16)}, four(6, 7)));
}

// Columns up to the row's own number, and those behind.
TEST(Cover, ATriangle) {
  const Box lower{{number(0), number(0)}, {T, ir::add(i0, number(1))}, {1, 1}};
  const auto upper = [](int64_t from) {
    return Box{{number(0), ir::add(i0, number(from))}, {T, ir::sub(ir::sub(T, i0), number(from))}, {1, 1}};
  };
  EXPECT_TRUE(covers({T, T}, {lower, upper(1)}));
  EXPECT_FALSE(covers({T, T}, {lower, upper(2)}));
  EXPECT_FALSE(covers({T, T}, {lower}));
}

TEST(Cover, WhatIsNotAffineIsNotShown) { EXPECT_FALSE(covers({ir::mul(T, T)}, {{{number(0)}, {ir::mul(T, T)}, {1}}})); }

}  // namespace
}  // namespace imbrex::prove
