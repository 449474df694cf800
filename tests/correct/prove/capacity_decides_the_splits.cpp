// Scopes that take a part of all rows at once: the hand-fused attention front with its rows in one part and in two.
#include <gtest/gtest.h>

#include "imbrex/kernels/registry.h"
#include "imbrex/prove/prove.h"

namespace imbrex::prove {
namespace {

Report report_of(int64_t row_splits, std::optional<int64_t> tokens) {
  const auto built = kernels::build("deepseek_v4/qkv_proj_rope", "fused", "flash", {{"row_splits", row_splits}});
  Options options;
  options.target = "a2a3";
  if (tokens) options.dims["T"] = *tokens;
  return prove(built.program, options);
}

// The largest T of the scope's Vec.
int64_t largest_of(const Report& report, const std::string& scope) {
  for (const ScopeRow& row : report.scopes)
    for (const MemoryUse& use : row.memories)
      if (row.name == scope && use.memory == "Vec") return use.largest.value_or(0);
  return 0;
}

// Two tiles of 256 f32 for each row, the row's sum and (in kv_rms) one row of gamma: 91 rows of 2052 bytes in 184 KiB.
TEST(RowSplits, LargestTIsNamedAndOneMoreIsRefused) {
  for (const int64_t splits : {1, 2}) {
    const Report open = report_of(splits, {});
    EXPECT_TRUE(open.proven) << open.text();
    const int64_t most = largest_of(open, "q_head_rms_rope");
    EXPECT_EQ(most, largest_of(open, "kv_rms"));
    EXPECT_EQ(most, splits * 91);
    EXPECT_TRUE(report_of(splits, most).proven);
    const Report over = report_of(splits, most + 1);
    EXPECT_FALSE(over.proven);
    for (const Diagnostic& diagnostic : over.diagnostics) {
      EXPECT_EQ(diagnostic.id, "over-capacity");
      EXPECT_NE(diagnostic.hint.find("tiles(T, 80)"), std::string::npos) << diagnostic.hint;
    }
  }
}

// B=64, S=2, as the pull request ran it: its two parts fit, one does not.
TEST(RowSplits, TwoPartsFitTheTypicalRun) {
  EXPECT_FALSE(report_of(1, 128).proven);
  EXPECT_TRUE(report_of(2, 128).proven) << report_of(2, 128).text();
}

// Two parts of 160 rows are tiles of the hinted 80.
TEST(RowSplits, TheHintedTileFits) { EXPECT_TRUE(report_of(2, 160).proven) << report_of(2, 160).text(); }

}  // namespace
}  // namespace imbrex::prove
