// What the optimizer made of a kernel is told in its author's terms: each of its scopes with the scopes and lines that it comes from.
#include <gtest/gtest.h>

#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

TEST(Explain, NamesTheScopesThatAnOptimizedOneComesFrom) {
  const TemporaryFolder folder;
  write_text(folder.file("k.tile"), R"(imbrex 1
kernel "k" {
  dim T typical 16
  input x: f32[T, 64]
  output y: f32[T, 64]
  output z: f32[T, 64]
  create s: f32[T, 64]
  parallel t in tiles(T, 16) {
    at "double" { s[t, :] = x[t, :] * 2.0 }
  }
  parallel u in tiles(T, 16) {
    at "norm" { y[u, :] = s[u, :] * (1.0 / sqrt(row_sum(s[u, :] * s[u, :]) + 1.0)) }
  }
  parallel v in tiles(T, 16) {
    at "other" { z[v, :] = x[v, :] + 1.0 }
  }
}
)");
  const CommandResult result = imbrex_command("explain '" + folder.file("k.tile") + "'");
  EXPECT_EQ(result.status, 0) << result.err;
  const std::string table = result.out.substr(result.out.find("Scopes of the optimized program"));
  EXPECT_NE(table.find("from double:9, norm:12\n    lines k.tile:9, 12\n"), std::string::npos) << result.out;
  EXPECT_NE(table.find("from other:15\n    lines k.tile:15\n"), std::string::npos) << result.out;
  EXPECT_NE(table.find("  double, norm became one: y\n"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace imbrex::tests
