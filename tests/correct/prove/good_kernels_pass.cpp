// The forms that the rules allow, as kernels without a defect; none may be refused.
#include <gtest/gtest.h>

#include <iostream>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/prove/prove.h"

namespace imbrex::prove {
namespace {

Report report_of(const std::string& body, const Options& options = {}) {
  const ir::Program program = ir::parse("imbrex 1\nkernel \"k\" {\n  dim T typical 128\n" + body + "\n}\n", "kernel.tile");
  ir::verify_or_throw(program);
  return prove(program, options);
}

std::string copy_rows(const std::string& loop, const std::string& rows) {
  return "  input x: f32[T, 64]\n  output q: f32[T, 64]\n  parallel " + loop + " {\n    q[" + rows + ", :] = x[" + rows +
         ", :]\n  }";
}

TEST(GoodKernels, TilesOfEverySizeCoverEveryT) {
  int kernels = 0;
  for (int tile = 1; tile <= 128; tile += tile < 40 ? 1 : 8, ++kernels) {
    const Report report = report_of(copy_rows("t in tiles(T, " + std::to_string(tile) + ")", "t"));
    EXPECT_TRUE(report.proven) << report.text();
  }
  std::cout << kernels << " good kernels, none refused\n";
}

TEST(GoodKernels, CeilWithClampCoversEveryTInAnyNumberOfTiles) {
  int kernels = 0;
  for (int tiles = 1; tiles <= 16; ++tiles, ++kernels) {  // empty spans included: four tiles of T=5 are 2, 2, 1, 0 rows
    const std::string n = std::to_string(tiles), each = "((T + " + std::to_string(tiles - 1) + ") // " + n + ")";
    const Report report =
        report_of(copy_rows("i in 0.." + n, "i * " + each + " +: min(T, (i + 1) * " + each + ") - i * " + each));
    EXPECT_TRUE(report.proven) << report.text();
  }
  std::cout << kernels << " good kernels, none refused\n";
}

TEST(GoodKernels, ScratchInsideTheLoopOrIndexedByItIsPrivate) {
  const std::string begin = "  input x: f32[T, 512]\n  output q: f32[T, 512]\n";
  EXPECT_TRUE(report_of(begin + "  parallel h in 0..16 {\n create s: f32[T, 32]\n s[:, :] = x[:, h * 32 +: 32]\n"
                                "q[:, h * 32 +: 32] = s[:, :]\n }")
                  .proven);
  EXPECT_TRUE(report_of(begin + "  create s: f32[16, T, 32]\n  parallel h in 0..16 {\n s[h, :, :] = x[:, h * 32 +: 32]\n"
                                "q[:, h * 32 +: 32] = s[h, :, :]\n }")
                  .proven);
}

TEST(GoodKernels, AnAccumulatorFirstWrittenUnderAConditionIsInitialised) {
  const Report report = report_of(R"(  input x: f32[T, 64]
  output y: f32[T, 1]
  create s: f32[T, 1]
  range k in 0..4 {
    if k == 0 {
      s[:, :] = row_sum(x[:, k * 16 +: 16])
    } else {
      s[:, :] = s[:, :] + row_sum(x[:, k * 16 +: 16])
    }
  }
  y[:, :] = s[:, :])");
  EXPECT_TRUE(report.proven) << report.text();
}

TEST(GoodKernels, AssumptionsAreListed) {
  const Report report = report_of(R"(  input x: f32[T, 64]
  input idx: int32[T]
  output q: f32[T, 64]
  parallel t in 0..T {
    read i = idx[t]
    assume 0 <= i and i < T
    q[t, :] = x[i, :]
  })");
  EXPECT_TRUE(report.proven) << report.text();
  EXPECT_EQ(report.assumptions, std::vector<std::string>{"0 <= i and i < T"});
}

TEST(Traffic, IsExactAndAnExpressionInT) {
  Options options;
  options.target = "a2a3";
  const Report report = report_of(R"(  input x: f32[T, 1024]
  output y: f32[T, 1024]
  parallel t in tiles(T, 16) {
    at "double" {
      range d in tiles(1024, 128) {
        y[t, d] = x[t, d] * 2.0
      }
    }
  })",
                                  options);
  ASSERT_EQ(report.scopes.size(), 1u);
  EXPECT_EQ(report.scopes[0].tasks.expression, "ceil(T/16)");
  EXPECT_EQ(report.scopes[0].bytes_read.expression, "4096*T");
  EXPECT_EQ(report.scopes[0].bytes_written.expression, "4096*T");
  EXPECT_EQ(report.scopes[0].operations.expression, "1024*T");
}

TEST(Traffic, OfEmptySpansIsNothing) {
  // Four tiles of T=5 are 2, 2, 1 and 0 rows: the last span's size is -1.
  const std::string each = "((T + 3) // 4)";
  Options options;
  options.dims["T"] = 5;
  const Report report =
      report_of(copy_rows("i in 0..4", "i * " + each + " +: min(T, (i + 1) * " + each + ") - i * " + each), options);
  ASSERT_EQ(report.scopes.size(), 1u);
  EXPECT_EQ(report.scopes[0].bytes_read.value, 5 * 64 * 4);
}

TEST(Capacity, NamesTheLargestTThatFitsAndRefusesOneMore) {
  const std::string kernel = "  input x: f32[T, 512]\n  output y: f32[T, 512]\n  at \"rows\" {\n    y[:, :] = x[:, :] * 2.0\n  }";
  Options options;
  options.target = "a2a3";
  const Report open = report_of(kernel, options);
  ASSERT_TRUE(open.proven) << open.text();
  EXPECT_EQ(open.scopes.at(0).memories.at(0).largest, 46);  // 2 tiles of T * 512 * 4 bytes in 184 KiB
  options.dims["T"] = 46;
  EXPECT_TRUE(report_of(kernel, options).proven);
  options.dims["T"] = 47;
  const Report over = report_of(kernel, options);
  ASSERT_EQ(over.diagnostics.size(), 1u);
  EXPECT_EQ(over.diagnostics[0].id, "over-capacity");
}

TEST(Order, TheGraphHasBytesOnItsEdges) {
  const ir::Program program = ir::parse(R"(imbrex 1
kernel "two" {
  dim T
  input x: f32[T, 64]
  output y: f32[T, 64]
  create s: f32[T, 64]
  at "first" {
    s[:, :] = x[:, :]
  }
  at "second" {
    y[:, :] = s[:, :]
  }
}
)",
                                        "kernel.tile");
  EXPECT_NE(dependence_graph(program).find("\"first\" -> \"second\" [label=\"reads s: 256*T bytes\"]"), std::string::npos);
}

TEST(Budget, ACheckThatRunsOutOfItIsAnError) {
  // Wherever it ends, in whichever check.
  Options options;
  for (options.operations_per_check = 1; options.operations_per_check < 3000; options.operations_per_check += 7) {
    const Report report = report_of(copy_rows("i in 0..3", "i * (T // 3) +: max(0, min(T // 3, T - i * 7))"), options);
    EXPECT_FALSE(report.proven);
    bool is_said = false;
    for (const Diagnostic& diagnostic : report.diagnostics) is_said = is_said || diagnostic.id == "undecided-budget";
    EXPECT_TRUE(is_said) << options.operations_per_check << "\n" << report.text();
  }
}

}  // namespace
}  // namespace imbrex::prove
