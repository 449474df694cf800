// Kernels whose outputs are the same wherever parts of both meet are equal only if their parts are all of the output.
#include <gtest/gtest.h>

#include "imbrex/equal/outputs.h"

namespace imbrex::equal {
namespace {

optimize::OutputPiece rows(int64_t first, ir::IndexExpr count) {
  return {{ir::constant(first), ir::constant(0)}, {std::move(count), ir::mul(ir::named("T"), ir::named("U"))}, {1, 1}, 0};
}

TEST(Parts, AreAllOfAnOutputOrNot) {
  optimize::Terms terms;
  terms.constant(DType::f32, 1);
  const ir::IndexExpr T = ir::named("T"), columns = ir::mul(T, ir::named("U"));
  terms.ranges["T"] = terms.ranges["U"] = {1, std::nullopt};
  const std::vector<ir::Dim> dims{ir::Dim{.name = "T"}, ir::Dim{.name = "U"}};
  const ir::Tensor tensor{"y", DType::f32, {T, columns}, ir::Role::output, {}, -1};
  const auto is_all = [&](const std::vector<optimize::OutputPiece>& pieces) {
    return is_whole(terms, dims, {}, tensor, {"y", pieces, true});
  };
  EXPECT_TRUE(is_all({rows(0, T)}));
  EXPECT_TRUE(is_all({rows(0, ir::constant(1)), rows(1, ir::sub(T, ir::constant(1)))}));
  EXPECT_FALSE(is_all({rows(0, ir::constant(1)), rows(2, ir::sub(T, ir::constant(2)))}));
  EXPECT_FALSE(is_all({rows(0, ir::sub(T, ir::constant(1)))}));
  EXPECT_FALSE(is_all({}));
}

}  // namespace
}  // namespace imbrex::equal
