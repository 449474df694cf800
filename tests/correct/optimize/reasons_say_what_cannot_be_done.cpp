// Why a kernel keeps its author's loops: what is said of it is true, and what it says to write instead is optimized.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "support/optimized.h"

namespace imbrex::optimize {
namespace {

Optimized optimized(const std::string& body) {
  const ir::Program program = ir::parse("imbrex 1\nkernel \"k\" {\n  dim T\n" + body + "}\n", "kernel.tile");
  ir::verify_or_throw(program);
  return test::optimized(program);
}

void expect_kept(const std::string& body, const std::string& reason, const std::string& instead) {
  const Optimized after = optimized(body);
  EXPECT_FALSE(after.is_scheduled);
  EXPECT_NE(after.reason.find(reason), std::string::npos) << after.reason;
  const Optimized repaired = optimized(instead);
  EXPECT_TRUE(repaired.is_scheduled) << repaired.reason;
}

const std::string kTiles = "  parallel t in tiles(T, 16) {\n    at \"a\" { ";

std::string product(const std::string& w, const std::string& right) {
  return "  input x: f32[T, 64]\n  input w: f32" + w + "\n  output y: f32[T, 32]\n" + kTiles + "y[t, :] = matmul(x[t, :], " +
         right + ") }\n  }\n";
}
const std::string kPlain = product("[64, 32]", "w[:, :]");

TEST(Reasons, OfMatmulsNameTheirRightOperand) {
  expect_kept(product("[64, 32]", "w[:, :] * 2.0"),
              "the right operand of a matmul is computed, and the optimizer multiplies by inputs alone", kPlain);
  expect_kept(
      product("[3, 64, 32]", "w[1, :, :]"),
      "the right operand of a matmul is a part of w, which has 3 axes, and the optimizer multiplies by inputs of two axes alone",
      kPlain);
}

// Loops over a quotient could not be proven.
TEST(Reasons, OfExtentsNameTheirQuotient) {
  expect_kept("  dim U\n  input x: f32[U, 8]\n  output y: f32[T // U + 1, 8]\n  y[:, :] = full(f32, [T // U + 1, 8], 2.0)\n",
              "y has an extent with `T // U`, and the optimizer cannot make loops over it: give the kernel one dimension for it",
              "  dim ROWS\n  output y: f32[ROWS + 1, 8]\n  y[:, :] = full(f32, [ROWS + 1, 8], 2.0)\n");
}

}  // namespace
}  // namespace imbrex::optimize
