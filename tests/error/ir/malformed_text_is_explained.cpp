#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"

namespace imbrex::ir {
namespace {

// One small program for each way to be wrong, and the first line of its message.
struct Wrong {
  const char* name;
  const char* body;  // from line 3 of the file
  const char* message;
};

std::string first_message(const std::string& text) {
  try {
    verify_or_throw(parse(text, "k.tile"));
  } catch (const UserError& error) {
    const Diagnostic& first = error.diagnostics().front();
    EXPECT_FALSE(first.id == "tile-syntax" ? false : first.hint.empty()) << first.message;
    return std::to_string(first.where.line) + " [" + first.id + "] " + first.message;
  }
  return "no error";
}

class WrongProgram : public testing::TestWithParam<Wrong> {};

TEST_P(WrongProgram, IsExplained) {
  const std::string text = std::string("imbrex 1\nkernel \"k\" {\n") + GetParam().body + "\n}\n";
  EXPECT_EQ(first_message(text), GetParam().message);
}

#define Y "output y: f32[4, 4] "
const Wrong kSyntax[] = {
    {"NoValue", Y "y[:, :] =",
     "4 [tile-syntax] column 1: expected an expression (a tile, a slice of a tensor, a number or an operation), and got '}'"},
    {"NoBracket", Y "y[:, : = 1.0", "3 [tile-syntax] column 28: expected ',' or ']', and got '='"},
    {"StrayCharacter", Y "y[:, :] = $", "3 [tile-syntax] column 31: '$' starts no word of the language"},
    {"OpenString", "at \"s {", "3 [tile-syntax] column 8: the string does not end on its line"},
    {"UnknownType", "input x: f64[4]",
     "3 [tile-syntax] column 10: expected a type (f32, bf16, f16, int8, uint8, int32, bool), and got 'f64'"},
    {"MissingBlock", "range i in 0 .. 4 y[i, :] = 1.0", "3 [tile-syntax] column 19: expected '{', and got 'y'"},
    {"ZeroTile", "range t in tiles(4, 0) { }",
     "3 [tile-syntax] column 21: the tile size is 0, and goes from 1 to 9223372036854775807"},
    {"LongInteger", "range t in tiles(99999999999999999999, 4) { }",
     "3 [tile-syntax] column 18: '99999999999999999999' does not fit 64 bits"},
    {"BadMode", Y "y[:, :] = cast(1.0, f32, up)",
     "3 [tile-syntax] column 46: expected a rounding mode (rint, round, floor, ceil, trunc), and got 'up'"},
    {"TooFew", Y "y[:, :] = max(1.0)", "3 [tile-syntax] column 38: expected ',': max takes 2 tiles, and got ')'"},
    {"TooMany", Y "y[:, :] = exp(1.0, 2.0)", "3 [tile-syntax] column 38: expected ')': that is all that exp takes, and got ','"},
    {"UnknownOperation", Y "y[:, :] = relu(1.0)", "3 [unknown-operation] column 31: there is no operation 'relu'"},
    {"UnknownName", Y "y[:, :] = x", "3 [unknown-name] column 31: nothing is called 'x' here"},
    {"TwoNames", "dim T dim T", "3 [duplicate-name] 'T' names an index already"},
    {"SpanAsIndex", Y "range t in tiles(4, 2) { y[t + 1, :] = 1.0 }",
     "3 [wrong-kind] column 48: 't' is a span, and an index is needed here"},
    {"TensorAsTile", Y "y[:, :] = y", "3 [wrong-kind] column 31: 'y' is a tensor, and a tile is needed here"},
};
const Wrong kShapes[] = {
    {"Rank", Y "y[:] = 1.0", "3 [slice-rank] column 26: the slice of 'y' has 1 axes, and the tensor has 2"},
    {"Broadcast", Y "input a: f32[4, 3] y[:, :] = y[:, :] + a[:, :]",
     "3 [broadcast] add of f32 [4, 4] and f32 [4, 3]: the shapes do not fit"},
    {"StoreShape", Y "y[:, :] = 1.0", "3 [store-shape] the slice of 'y' is [4, 4], and the value is [1, 1]"},
    {"StoreDtype", Y "y[0, 0] = 1", "3 [store-dtype] 'y' holds f32, and int32 [1, 1] is stored"},
    {"StoreToInput", "input x: f32[1, 1] x[0, 0] = 1.0", "3 [store-to-input] 'x' is an input, and is stored to"},
    {"NeverStored", Y "let x = 1.0", "3 [output-not-stored] output 'y' is never stored to"},
    {"RebindShape", Y "y[0, :] = y[0, :] let a = 1.0 a = 2", "3 [rebind-shape] 'a' is f32 [1, 1], and is assigned int32 [1, 1]"},
    {"ParallelRebind", Y "let a = 1.0 parallel i in 0 .. 4 { a = 2.0 y[i, 0] = a }",
     "3 [parallel-rebind] 'a' is made outside this parallel loop and assigned inside it"},
    {"OutOfScope", Y "range i in 0 .. 4 { let a = 1.0 y[i, 0] = a } y[0, 0] = a",
     "3 [out-of-scope] 'a' is used outside the loop, scope or branch that made it"},
    {"SpanOutOfScope", Y "range t in tiles(4, 2) { y[t, 0] = y[t, 0] } y[t, :] = y[t, :]",
     "3 [out-of-scope] 't' is used outside the loop, scope or branch that made it"},
    {"ViewShape", Y "view v = y: [4, 3] v[0, 0] = 1.0",
     "3 [view-shape] the view 'v' [4, 3] of 'y' [4, 4]: the numbers of elements are not shown equal"},
    {"TensorShape", Y "create s: f32[0] y[0, 0] = 1.0", "3 [empty-tensor] tensor 's' has the shape [0]"},
    {"DimBounds", "dim T typical 5 max 4 " Y "y[0, 0] = 1.0", "3 [dim-bounds] dimension 'T' is typically 5 and at most 4"},
    {"Divisor", Y "y[3 // (1 - 1), 0] = 1.0", "3 [index-divisor] the divisor of 3 // 0 is not positive"},
    {"ByTile", Y "let r = 1.0 y[by r, :] = y[0 +: 1, :]",
     "3 [by-tile] 'by r' needs an int32 tile [m, 1] or [1, m], and got f32 [1, 1]"},
    {"ReadFloat", Y "read i = y[0, 0] y[i, 0] = 1.0", "3 [dtype-mismatch] an index is read from 'y', which holds f32"},
    {"Accumulator", Y "let s = row_sum(y[:, :]) s = row_sum_acc(s, y[:, :]) s = s * 2.0 y[:, 0 +: 1] = s",
     "3 [accumulator] 's' accumulates a row sum, and is assigned s * 2.0 here; it may only be zeros, a row_sum, or continued by "
     "row_sum_acc"},
    {"AccumulatorElsewhere", Y "let s = row_sum(y[:, :]) y[:, 0 +: 1] = row_sum_acc(s, y[:, :])",
     "3 [accumulator] a row_sum_acc may only continue the tile it is assigned to, s = row_sum_acc(s, x)"},
};
#define AB "input a: bf16[4, 30] input b: bf16[30, 4] " Y "let c = full(f32, [4, 4], 0.0) "
#define ODD "this matmul_acc continues c behind a chunk of k that may have an odd number of elements (k here: "
#define PAIRS "); bf16 products are accumulated in pairs along k"
const Wrong kChunks[] = {
    {"OddTiles", AB "range k in tiles(30, 7) { c = matmul_acc(c, a[:, k], b[k, :]) } y[:, :] = c",
     "3 [odd-chunk] " ODD "k.size" PAIRS},
    {"OddConstant", AB "range i in 0 .. 10 { c = matmul_acc(c, a[:, 3 * i +: 3], b[3 * i +: 3, :]) } y[:, :] = c",
     "3 [odd-chunk] " ODD "3" PAIRS},
    {"BehindUnknownTail",
     "dim K input u: bf16[4, K] input v: bf16[K, 4] " Y
     "let c = full(f32, [4, 4], 0.0) range k in tiles(K, 8) { c = matmul_acc(c, u[:, k], v[k, :]) } c = matmul_acc(c, u[:, :], "
     "v[:, :]) y[:, :] = c",
     "3 [odd-chunk] " ODD "K" PAIRS},
    {"InnerOddTiles", AB "range i in 0 .. 2 { range k in tiles(15, 8) { c = matmul_acc(c, a[:, k], b[k, :]) } } y[:, :] = c",
     "3 [odd-chunk] " ODD "k.size" PAIRS},
};

std::string name_of_case(const testing::TestParamInfo<Wrong>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Syntax, WrongProgram, testing::ValuesIn(kSyntax), name_of_case);
INSTANTIATE_TEST_SUITE_P(Shapes, WrongProgram, testing::ValuesIn(kShapes), name_of_case);
INSTANTIATE_TEST_SUITE_P(Chunks, WrongProgram, testing::ValuesIn(kChunks), name_of_case);

// The twin of each odd chunk that differs by the hinted edit.
TEST(WrongProgram, EvenChunksAreFine) {
  const auto check = [](const std::string& body) { return first_message("imbrex 1\nkernel \"k\" {\n" + body + "\n}\n"); };
  EXPECT_EQ(check(AB "range k in tiles(30, 8) { c = matmul_acc(c, a[:, k], b[k, :]) } y[:, :] = c"), "no error");
  EXPECT_EQ(check(AB "range i in 0 .. 5 { c = matmul_acc(c, a[:, 6 * i +: 6], b[6 * i +: 6, :]) } y[:, :] = c"), "no error");
  EXPECT_EQ(check(AB "range i in 0 .. 2 { range k in tiles(14, 8) { c = matmul_acc(c, a[:, k], b[k, :]) } } y[:, :] = c"),
            "no error");
}

TEST(WrongProgram, DeepNestingIsRefusedNotOverflowed) {
  const auto nested = [](const std::string& open, const std::string& inside, const std::string& close, int count,
                         const std::string& before = "") {
    std::string text = "imbrex 1\nkernel \"k\" { " Y + before;
    for (int i = 0; i < count; ++i) text += open;
    text += inside;
    for (int i = 0; i < count; ++i) text += close;
    return first_message(text + "\n}\n");
  };
  for (const char* open : {"(", "-(", "exp("})
    EXPECT_NE(nested(open, "1", ")", 100000, "y[0, 0] = ").find("nested more than 200 deep"), std::string::npos);
  EXPECT_NE(nested("if 0 < 1 { ", "", "}", 100000).find("nested more than 200 deep"), std::string::npos);
  std::string sum = "imbrex 1\nkernel \"k\" { " Y "y[0, 0] = 1.0",
              doubled = "imbrex 1\nkernel \"k\" { dim T input x: f32[1, T] let a0 = x[:, :] ";
  for (int i = 0; i < 100000; ++i) sum += " + 1.0";
  for (int i = 1; i < 60; ++i) {
    const std::string previous = "a" + std::to_string(i - 1);
    doubled += "let a" + std::to_string(i) + " = concat_columns(" + previous + ", " + previous + ") ";
  }
  EXPECT_NE(first_message(sum + "\n}").find("[expression-size]"), std::string::npos);
  EXPECT_NE(first_message(doubled + "\n}").find("[expression-size]"), std::string::npos);
}

}  // namespace
}  // namespace imbrex::ir
