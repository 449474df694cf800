// Tiles whose bytes do not fit 64 bits are too large for a memory, not small.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/prove/prove.h"

namespace imbrex::prove {
namespace {

TEST(Capacity, OfHugeTilesDoesNotWrap) {
  const ir::Program program = ir::parse(R"(imbrex 1
kernel "huge" {
  dim T typical 16
  input x: f32[1, T]
  output y: f32[1, T]
  at "square" {
    let a = x[:, :]
    let b = full(f32, [T, T], 2.0) * a
    y[:, :] = col_sum(b * b) + col_max(b)
  }
})",
                                        "huge.tile");
  Options options;
  options.target = "a2a3";
  const Report open = prove(program, options);
  ASSERT_EQ(open.scopes.size(), 1u);
  ASSERT_FALSE(open.scopes[0].memories.empty());
  const int64_t most = open.scopes[0].memories[0].largest.value_or(0);
  EXPECT_GE(most, 100);  // two tiles of [T, T] f32 in 184 KiB
  EXPECT_LE(most, 160);
  for (const int64_t T : {most + 1, int64_t{1} << 20, int64_t{1} << 30, (int64_t{1} << 31) - 1, int64_t{1} << 31}) {
    options.dims = {{"T", T}};
    EXPECT_FALSE(prove(program, options).proven) << T;
  }
}

}  // namespace
}  // namespace imbrex::prove
