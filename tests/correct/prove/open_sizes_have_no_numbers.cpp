// What is said of on-chip memory while sizes are open: expressions and bounds that hold for every size, no number of one.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/prove/prove.h"

namespace imbrex::prove {
namespace {

// Rows of 256 bf16, `tile` at a time, by 64 columns.
MemoryUse left_of(const std::string& dim, int64_t tile, std::optional<int64_t> tokens) {
  const std::string text = "imbrex 1\nkernel \"k\" {\n" + dim +
                           "\ninput x: bf16[T, 256]\nweight w: bf16[256, 64]\noutput y: f32[T, 64]\nparallel t in tiles(T, " +
                           std::to_string(tile) + ") {\nat \"s\" {\ny[t, :] = matmul(x[t, :], w[:, :])\n}\n}\n}\n";
  Options options;
  options.target = "a2a3";
  if (tokens) options.dims["T"] = *tokens;
  for (const ScopeRow& row : prove(ir::parse(text, "k.tile"), options).scopes)
    for (const MemoryUse& use : row.memories)
      if (use.memory == "Left") return use;
  ADD_FAILURE() << "no scope uses Left";
  return {};
}

// Left takes the rows in pieces of half of its 64 KiB: 16 rows of 512 bytes are less.
TEST(OpenSizes, AreInTheExpressionWherePiecesStaySmall) {
  for (const char* dim : {"dim T", "dim T typical 128", "dim T max 100"}) {
    const MemoryUse use = left_of(dim, 16, {});
    EXPECT_EQ(use.high_water, "512*min(16, T)") << dim;
    EXPECT_EQ(use.without_reuse, "512*min(16, T)") << dim;
    EXPECT_FALSE(use.high_water_bytes) << dim;
  }
  const MemoryUse given = left_of("dim T", 16, 3);
  EXPECT_EQ(given.high_water_bytes, 1536);
  EXPECT_EQ(given.without_reuse_bytes, 1536);
}

TEST(OpenSizes, LeaveABoundWherePiecesMayBeLarge) {
  const MemoryUse use = left_of("dim T", 128, {});
  EXPECT_EQ(use.high_water, "at most 32768");
  EXPECT_FALSE(use.high_water_bytes);
  EXPECT_EQ(left_of("dim T", 128, 63).high_water_bytes, 63 * 512);
  EXPECT_EQ(left_of("dim T", 128, 64).high_water_bytes, 32768);
}

}  // namespace
}  // namespace imbrex::prove
