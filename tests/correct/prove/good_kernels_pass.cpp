// The forms that the rules allow, as kernels without a defect; none may be refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>
#include <sstream>

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

TEST(Traffic, OfRowsInPartsIsThatOfAllRows) {
  for (int tiles = 1; tiles <= 9; ++tiles) {
    const std::string n = std::to_string(tiles), each = "((T + " + std::to_string(tiles - 1) + ") // " + n + ")";
    const Report report =
        report_of(copy_rows("i in 0.." + n, "i * " + each + " +: min(T, (i + 1) * " + each + ") - i * " + each));
    ASSERT_EQ(report.scopes.size(), 1u);
    EXPECT_EQ(report.scopes[0].bytes_read.expression, "256*T") << tiles;
  }
  // What does not add up to T stays as it is.
  const Report report = report_of(copy_rows("i in 0..2", "i * (T // 2) +: T // 2"));
  EXPECT_EQ(report.scopes.at(0).bytes_read.expression, "512*(T // 2)");
}

// On a2a3 what the cube makes and the vector unit takes goes through GM, and the other way round; on a5 it does not.
TEST(Traffic, ExchangesOfCubeAndVectorUnitsCountApart) {
  const std::string kernel = R"(  input a: bf16[T, 64]
  weight b: bf16[64, 32]
  weight c: bf16[32, 16]
  output y: f32[T, 16]
  parallel t in tiles(T, 16) {
    at "two products" {
      let first = matmul(a[t, :], b[:, :])
      let squared = cast(first * first, bf16, rint)
      y[t, :] = matmul(squared, c[:, :])
    }
  })";
  Options options;
  options.target = "a2a3";
  options.dims["T"] = 40;
  const Report report = report_of(kernel, options);
  ASSERT_TRUE(report.proven) << report.text();
  // Each row is written and read again: 32 f32 of `first`, though two operands take it, and 32 bf16 of `squared`.
  EXPECT_EQ(report.scopes.at(0).exchanges.expression, "384*T");
  EXPECT_EQ(report.scopes.at(0).exchanges.value, 384 * 40);
  EXPECT_EQ(report.scopes.at(0).bytes_written.expression, "64*T");
  EXPECT_NE(report.text().find("cube and vector exchange 384*T = 15360 B"), std::string::npos) << report.text();
  options.target = "a5";
  EXPECT_EQ(report_of(kernel, options).scopes.at(0).exchanges.expression, "0");
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

// What is assumed of all elements of an input bounds what is as large as one of them says.
TEST(Capacity, OfRowsBetweenOffsets) {
  const std::string rows = R"(
  dim B
  input x: f32[T, 512]
  input offsets: int32[B + 1]
  inout y: f32[T, 512]
  let all = offsets[:]
  assume 0 <= all and all <= T
  range b in 0 .. B {
    read lo = offsets[b]
    read hi = offsets[b + 1]
    at "rows" { y[lo +: hi - lo, :] = x[lo +: hi - lo, :] * 2.0 }
  })";
  Options options;
  options.target = "a2a3";
  options.dims["T"] = 46;
  const Report fits = report_of(rows, options);
  EXPECT_TRUE(fits.proven) << fits.text();
  options.dims["T"] = 47;
  const Report over = report_of(rows, options);
  EXPECT_FALSE(over.proven);
  EXPECT_EQ(over.diagnostics.at(0).id, "over-capacity");
}

// The edges of a kernel with T rows, each as `from -> to: label`.
std::vector<std::string> edges_of(const std::string& body, const Options& options = {}) {
  const ir::Program program = ir::parse("imbrex 1\nkernel \"k\" {\n  dim T\n" + body + "\n}\n", "kernel.tile");
  ir::verify_or_throw(program);
  std::vector<std::string> edges;
  std::istringstream lines(dependence_graph(program, options));
  for (std::string line; std::getline(lines, line);)
    if (line.find("->") != std::string::npos) edges.push_back(line.substr(2, line.size() - 3));
  return edges;
}

std::string edge(const std::string& from, const std::string& to, const std::string& label) {
  return "\"" + from + "\" -> \"" + to + "\" [label=\"" + label + "\"]";
}

constexpr const char* kRows = "  input x: f32[T, 64]\n  output y: f32[T, 64]\n";

// One row and one node each, with a label that no other has, whatever the scopes are called.
TEST(Report, ScopesOfOneNameAreKeptApart) {
  const ir::Program program =
      ir::parse("imbrex 1\nkernel \"k\" {\n  dim T\n" + std::string(kRows) +
                    "  create s: f32[T, 64]\n  at \"a\" { s[:, :] = x[:, :] * 2.0 }\n  at \"a\" { s[:, :] = s[:, :] + 1.0 }\n"
                    "  at \"b\" { y[:, :] = s[:, :] } at \"b\" { tap \"t\" x[0 +: 1, :] }\n}\n",
                "kernel.tile");
  ir::verify_or_throw(program);
  for (const char* target : {"host", "a2a3"}) {
    Options options;
    options.target = target;
    options.dims = {{"T", 8}};
    std::vector<std::string> names, bytes;
    const Report report = prove(program, options);
    for (const ScopeRow& row : report.scopes) names.push_back(row.name), bytes.push_back(row.bytes_read.expression);
    EXPECT_EQ(names, (std::vector<std::string>{"a (line 7)", "a (line 8)", "b (line 9)", "b #2"})) << report.text();
    EXPECT_EQ(bytes, (std::vector<std::string>{"256*T", "256*T", "256*T", "256"})) << target;
    const std::string graph = dependence_graph(program, options);
    for (const std::string& name : names) EXPECT_NE(graph.find("\"" + name + "\";"), std::string::npos) << graph;
  }
}

TEST(Order, TheGraphHasBytesOnItsEdges) {
  const std::string body = std::string(kRows) + R"(
  create s: f32[T, 64]
  at "first" { s[:, :] = x[:, :] }
  at "second" { y[:, :] = s[:, :] })";
  EXPECT_EQ(edges_of(body), std::vector{edge("first", "second", "reads s: 256*T bytes")});
  Options options;
  options.dims["T"] = 10;
  EXPECT_EQ(edges_of(body, options), std::vector{edge("first", "second", "reads s: 256*T = 2560 bytes")});
}

TEST(Order, AScratchTensorOfALoopCountsInEachIteration) {
  EXPECT_EQ(edges_of(std::string(kRows) + R"(
  parallel h in 0 .. 4 {
    create s: f32[T, 16]
    at "first" { s[:, :] = x[:, h * 16 +: 16] }
    at "second" { y[:, h * 16 +: 16] = s[:, :] }
  })"),
            std::vector{edge("first", "second", "reads s: 256*T bytes")});
  // As many rows as there are, the last tile's fewer included; of those the second half.
  EXPECT_EQ(edges_of(std::string(kRows) + R"(
  parallel t in tiles(T, 16) {
    create s: f32[t.size, 64]
    at "first" { s[:, :] = x[t, :] }
    at "second" { y[t, :] = concat_columns(s[:, 32 +: 32], s[:, 32 +: 32]) }
  })"),
            std::vector{edge("first", "second", "reads s: 128*T bytes")});
}

TEST(Order, OnlyWhatIsReadCounts) {
  EXPECT_EQ(edges_of(std::string(kRows) + R"(
  create s: f32[T, 64]
  at "first" { s[:, :] = x[:, :] }
  at "second" { y[:, :] = x[:, :] * row_sum(s[0, 8 +: 16]) })"),
            std::vector{edge("first", "second", "reads s: 64 bytes")});
  // Every second column is no box.
  EXPECT_EQ(edges_of(std::string(kRows) + R"(
  create s: f32[T, 64]
  at "first" { s[:, :] = x[:, :] }
  at "second" { range i in 0 .. 32 { y[:, 2 * i +: 2] = x[:, 2 * i +: 2] * s[:, 2 * i +: 1] } })"),
            std::vector{edge("first", "second", "reads s: at most 256*T bytes")});
}

TEST(Order, WhatIsReadCountsWhereExtentsAreNotAffine) {
  const auto edges = [](const std::string& rows) {
    return edges_of(
        std::string("  dim U\n  input z: f32[U, 4]\n") + kRows + "  create s: f32[" + rows +
        ", 64]\n  at \"first\" { s[0, :] = x[0, :] }\n  at \"second\" { y[:, :] = x[:, :] * row_sum(s[0, 8 +: 16]) }");
  };
  for (const char* rows : {"T + U", "T * U", "T // U + 1"})
    EXPECT_EQ(edges(rows), std::vector{edge("first", "second", "reads s: 64 bytes")}) << rows;
}

TEST(Order, WhatIsReplacedInBetweenIsNotExchanged) {
  EXPECT_EQ(edges_of(std::string(kRows) + R"(
  create s: f32[T, 64]
  at "first" { s[:, :] = x[:, :] }
  at "second" { s[:, 0 +: 16] = s[:, 16 +: 16] }
  at "third" { y[:, :] = s[:, :] })"),
            (std::vector{edge("first", "second", "reads s: 64*T bytes"), edge("first", "second", "overwrites s: 64*T bytes"),
                         edge("first", "third", "reads s: 192*T bytes"), edge("second", "third", "reads s: 64*T bytes")}));
}

TEST(Order, ScopesOfOneNameAreToldApart) {
  const auto body = [](const std::string& second) {
    return std::string(kRows) + "  create s: f32[T, 64]\n  at \"a\" { s[:, :] = x[:, :] }\n  at \"" + second +
           "\" { y[:, :] = s[:, :] }";
  };
  EXPECT_EQ(edges_of(body("b")), std::vector{edge("a", "b", "reads s: 256*T bytes")});
  EXPECT_EQ(edges_of(body("a")), std::vector{edge("a (line 7)", "a (line 8)", "reads s: 256*T bytes")});
  // A scope may be called what stands for the statements outside of scopes.
  EXPECT_EQ(edges_of(std::string(kRows) +
                     "  create s: f32[T, 64]\n  s[:, :] = x[:, :]\n  at \"(outside scopes)\" { y[:, :] = s[:, :] }")
                .size(),
            1u);
  // Or anything: what the graph quotes stays one name.
  EXPECT_EQ(edges_of(body("b\\\" = \\x0a")), std::vector{edge("a", "b\\\" = \\\\x0a", "reads s: 256*T bytes")});
}

TEST(Order, AGraphThatCannotBeDecidedIsAnError) {
  EXPECT_THROW(edges_of("  input x: f32[T, T]\n  output y: f32[T, T]\n  view v = x: [T * T]\n"
                        "  range i in 0 .. T { y[i, :] = v[i * T +: T] }"),
               UserError);
}

TEST(Report, JsonIsUtf8WhateverScopesAreCalled) {
  const auto json = [](const std::string& name) {
    ir::Program program =
        ir::parse("imbrex 1\nkernel \"k\" {\n  dim T\n" + std::string(kRows) + "  at \"scope\" { y[:, :] = x[:, :] }\n}\n", "k");
    std::get<ir::At>(program.body[0].node).name = name;
    return prove(program).json();
  };
  EXPECT_NE(json("größe").find("\"größe\""), std::string::npos);
  EXPECT_NE(json("\xff\x01\n\"").find(R"("\ufffd\u0001\n\"")"), std::string::npos) << json("\xff\x01\n\"");
}

TEST(Report, NamesStayOnTheirLine) {
  ir::Program program =
      ir::parse("imbrex 1\nkernel \"k\" {\n  dim T\n" + std::string(kRows) + "  at \"scope\" { y[:, :] = x[:, :] }\n}\n", "k");
  program.name = "a\nerror [b]\x1b";
  std::get<ir::At>(program.body[0].node).name = "c\nd";
  const std::string text = prove(program).text();
  EXPECT_NE(text.find("a\\x0aerror [b]\\x1b: proven\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n  c\\x0ad: tasks"), std::string::npos) << text;
}

TEST(Budget, ACheckThatRunsOutOfItIsAnError) {
  // Wherever it ends, in whichever check.
  Options options;
  for (options.operations = 1; options.operations < 3000; options.operations += 7) {
    const Report report = report_of(copy_rows("i in 0..3", "i * (T // 3) +: max(0, min(T // 3, T - i * 7))"), options);
    EXPECT_FALSE(report.proven);
    bool is_said = false;
    for (const Diagnostic& diagnostic : report.diagnostics) is_said = is_said || diagnostic.id == "undecided-budget";
    EXPECT_TRUE(is_said) << options.operations << "\n" << report.text();
  }
}

// What it was spent on, at its line, and what of that the author can change.
TEST(Budget, NamesTheLoopThatSpentIt) {
  const auto tiles = [](int n) {
    return fmt::format("i * ((T + {0}) // {1}) +: min(T, (i + 1) * ((T + {0}) // {1})) - i * ((T + {0}) // {1})", n - 1, n);
  };
  EXPECT_TRUE(report_of(copy_rows("i in 0..64", tiles(64))).proven);
  const Report report = report_of(copy_rows("i in 0..256", tiles(256)));
  ASSERT_FALSE(report.diagnostics.empty());
  const Diagnostic& told = report.diagnostics[0];
  EXPECT_EQ(told.id, "undecided-budget") << report.text();
  EXPECT_GT(told.where.line, 0);
  EXPECT_NE(told.message.find("the 256 iterations of `i`"), std::string::npos) << told.message;
  EXPECT_NE(told.hint.find("let `i` make fewer iterations"), std::string::npos) << told.hint;
  EXPECT_TRUE(report_of(copy_rows("i in tiles(T, 16)", "i")).proven);  // the other hint
}

// Twenty indices are read before anything is stored: what is stored has to do with none, with one, or with two of them.
TEST(Budget, ManyIndicesOfOneBlockNeedLittle) {
  constexpr int kIndices = 20;
  std::string reads = "input n: int32[20] input x: f32[T, 8] output y: f32[T, 8]\n", sum, rows, in_order, between;
  for (int i = 0; i < kIndices; ++i) {
    reads += fmt::format("read r{0} = n[{0}] assume 0 <= r{0} and r{0} < T\n", i);
    sum += fmt::format(" + x[r{}, :]", i);
    rows += fmt::format("y[r{0}, :] = x[r{0}, :]\n", i);
    if (i + 1 == kIndices) continue;
    in_order += fmt::format("assume r{} <= r{}\n", i, i + 1);
    between += fmt::format("y[r{0} +: r{1} - r{0}, :] = x[r{0} +: r{1} - r{0}, :]\n", i, i + 1);
  }
  const std::string ends = "y[0 +: r0, :] = x[0 +: r0, :]\ny[r19 +: T - r19, :] = x[r19 +: T - r19, :]\n";
  for (const std::string& body : {"y[:, :] = x[:, :]" + sum, "y[:, :] = x[:, :]\n" + rows, in_order + ends + between}) {
    const Report report = report_of(reads + body);
    EXPECT_TRUE(report.proven) << report.text();
  }
  const Report unwritten = report_of(reads + "y[0 +: T - 1, :] = x[0 +: T - 1, :]" + sum);
  ASSERT_EQ(unwritten.diagnostics.size(), 1u) << unwritten.text();
  EXPECT_EQ(unwritten.diagnostics[0].id, "output-not-written");
}

// A step takes longer where sets divide by many numbers, which would go unseen by a count of steps alone.
TEST(Budget, IsSmallerWhereConditionsDivideOften) {
  std::string condition;
  for (int divisor = 2; divisor < 60; ++divisor)
    condition += fmt::format("{}T % {} != {}", condition.empty() ? "" : " and ", divisor, divisor / 2);
  const Report report =
      report_of("input x: f32[T, 8] output y: f32[T, 8]\ny[:, :] = x[:, :]\nif " + condition + " { y[0, :] = x[T - 1, :] }");
  ASSERT_FALSE(report.diagnostics.empty());
  EXPECT_EQ(report.diagnostics[0].id, "undecided-budget") << report.text();
}

// Which elements nine loops touch together is not counted out.
TEST(Graph, OfManyLoopsHasABound) {
  std::string loops, sum;
  for (int i = 0; i < 9; ++i) {
    loops += fmt::format("range a{} in 0 .. {} {{ ", i, 5 + i);
    sum += fmt::format("{}a{} * {}", i ? " + " : "", i, 7 + i);
  }
  const std::string columns = "0 +: (" + sum + ") * 31 % 4096";
  const std::string text = dependence_graph(
      ir::parse("imbrex 1\nkernel \"k\" {\ndim T\ninput x: f32[T, 4096] output y: f32[T, 4096]\ny[:, :] = x[:, :]\n" + loops +
                    "at \"s\" { y[0 +: 1, " + columns + "] = x[0 +: 1, " + columns + "] }" + std::string(10, '}'),
                "k"));
  EXPECT_NE(text.find("\"s\" [label=\"overwrites y: at most "), std::string::npos) << text;
}

// It tells of no fault, so that what it does not decide is none.
TEST(Budget, OfOverwritingEndsInAWarning) {
  std::string stores;
  for (int k = 0; k < 8; ++k) stores += fmt::format("y[i, :] = x[min(i // {} + i % {}, T - 1), :] ", k + 2, k + 3);
  const ir::Program program =
      ir::parse("imbrex 1\nkernel \"k\" {\n  dim T\n" + std::string(kRows) + "  range i in 0 .. T { " + stores + "}\n}\n", "k");
  bool is_warned = false;
  Options options;
  for (options.operations = 1000; options.operations < 4000000; options.operations += options.operations / 4) {
    const Report report = prove(program, options);
    for (const Diagnostic& d : report.diagnostics)
      is_warned |= report.proven && d.is_warning && d.message.find("the check of overwriting of k did not finish") == 0;
  }
  EXPECT_TRUE(is_warned);
}

}  // namespace
}  // namespace imbrex::prove
