// A value that is overwritten before anything reads it is a warning, and the kernel is proven.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/prove/prove.h"

namespace imbrex::prove {
namespace {

std::string warnings_of(const std::string& body) {
  const ir::Program program =
      ir::parse("imbrex 1\nkernel \"k\" {\ndim T\ninput x: f32[T, 8]\ninput n: int32[1]\noutput y: f32[T, 8]\n" + body + "\n}\n",
                "kernel.tile");
  ir::verify_or_throw(program);
  const Report report = prove(program);
  EXPECT_TRUE(report.proven) << report.text();
  std::string text;
  for (const Diagnostic& diagnostic : report.diagnostics) text += render(diagnostic) + "\n";
  return text;
}

TEST(LostValues, AreWarnedOf) {
  EXPECT_EQ(
      warnings_of("y[:, :] = x[:, :]\ny[:, 0 +: 4] = x[:, 4 +: 4]"),
      "kernel.tile:7: warning [overwritten-unread]: what y[:, :] writes to y[0, 0] is overwritten before anything reads it: T=1\n"
      "  kernel.tile:8: note: overwritten here\n"
      "  try: if it is meant, leave it so; else let the second store go elsewhere, or the first one write only what stays\n");
  EXPECT_EQ(warnings_of("y[:, :] = x[:, :] * 2.0"), "");
}

// Only a store of which nothing stays can be dropped.
TEST(LostValues, AreThoseOfAStoreThatCanBeDropped) {
  EXPECT_EQ(
      warnings_of("y[:, 2 +: 3] = x[:, 4 +: 3]\ny[:, :] = x[:, :]"),
      "kernel.tile:7: warning [overwritten-unread]: what y[:, 2 +: 3] writes to y[0, 2] is overwritten before anything reads it: "
      "T=1\n"
      "  kernel.tile:8: note: overwritten here\n"
      "  try: drop the first store\n");
}

TEST(LostValues, AreNotThoseThatAreReadInBetween) {
  EXPECT_EQ(warnings_of("y[:, :] = x[:, :]\ny[:, 0 +: 4] = y[:, 0 +: 4] + x[:, 4 +: 4]"), "");
}

// Zeros under rows that data may leave out are no mistake.
TEST(LostValues, AreNotThoseThatDataMayLeave) {
  EXPECT_EQ(warnings_of("read m = n[0]\nassume 0 <= m and m <= T\ny[:, :] = full(f32, [T, 8], 0.0)\n"
                        "parallel t in tiles(m, 16) { y[t, :] = x[t, :] }"),
            "");
  EXPECT_EQ(warnings_of("read m = n[0]\nassume 0 <= m and m <= 8\ny[:, :] = x[:, :]\n"
                        "y[:, 0 +: m] = full(f32, [T, m], 0.0)"),
            "");
}

}  // namespace
}  // namespace imbrex::prove
