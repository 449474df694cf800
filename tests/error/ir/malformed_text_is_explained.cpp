// Programs with one mistake each: the whole message, what it says to try, and the twin that differs by that edit and is accepted.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"

namespace imbrex::ir {
namespace {

struct Edit {
  const char* from = "";
  const char* to = "";
};

struct Wrong {
  const char* name;
  const char* body;     // from line 3 of the file
  const char* message;  // its line, id and text
  const char* hint;     // how its hint begins
  Edit edit;            // what the hint says
  Edit edit_elsewhere = {};
};

std::string text_of(const std::string& body) { return "imbrex 1\nkernel \"k\" {\n" + body + "\n}\n"; }

struct Finding {
  std::string message = "no error", hint;
};

Finding first_finding(const std::string& text) {
  try {
    verify_or_throw(parse(text, "k.tile"));
  } catch (const UserError& error) {
    const Diagnostic& first = error.diagnostics().front();
    EXPECT_FALSE(first.hint.empty()) << first.message;
    return {std::to_string(first.where.line) + " [" + first.id + "] " + first.message, first.hint};
  }
  return {};
}

std::string first_message(const std::string& text) { return first_finding(text).message; }

std::string edited(std::string body, const Edit& edit) {
  const size_t at = body.find(edit.from);
  EXPECT_NE(at, std::string::npos) << edit.from;
  return at == std::string::npos ? body : body.replace(at, std::string(edit.from).size(), edit.to);
}

// For the names of tests.
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }

class WrongProgram : public testing::TestWithParam<Wrong> {};

TEST_P(WrongProgram, IsExplained) {
  const Finding finding = first_finding(text_of(GetParam().body));
  EXPECT_EQ(finding.message, GetParam().message);
  EXPECT_EQ(finding.hint.substr(0, std::string(GetParam().hint).size()), GetParam().hint);
}

TEST_P(WrongProgram, IsAcceptedWithTheHintedEdit) {
  const std::string body = edited(edited(GetParam().body, GetParam().edit), GetParam().edit_elsewhere);
  ASSERT_NE(body, GetParam().body) << "no edit";
  EXPECT_EQ(first_message(text_of(body)), "no error") << body;
}

#define Y "output y: f32[4, 4] "
#define SCALED Y "input x: bf16[4, 128] input w: e4m3[128, 4] input t: f32[2, 1] "
#define AB "input a: bf16[4, 192] input b: bf16[192, 4] " Y "let c = full(f32, [4, 4], 0.0) "
#define EXPECTED(what) "before or in place of " what ", what is expected; docs/language.md shows each statement and operation"

const Wrong kSyntax[] = {
    {"NoValue",
     Y "y[0, 0] =",
     "4 [tile-syntax] column 1: expected an expression (a tile, a slice of a tensor, a number or an operation), and got '}'",
     EXPECTED("'}'"),
     {"y[0, 0] =", "y[0, 0] = 1.0"}},
    {"NoBracket",
     Y "y[:, : = y[:, :]",
     "3 [tile-syntax] column 28: expected ',' or ']', and got '='",
     EXPECTED("'='"),
     {": =", ":] ="}},
    {"StrayCharacter",
     Y "y[0, 0] = $ 1.0",
     "3 [tile-syntax] column 31: no word or symbol of the language begins with '$'",
     "remove it; comments start with '#'",
     {"$ ", ""}},
    {"WideBlank",
     Y "y[0, 0] = \u3000"
       "1.0",
     "3 [tile-syntax] column 31: no word or symbol of the language begins with byte 0xe3",
     "remove it; comments start with '#'",
     {"\u3000", " "}},
    {"LetterAfterNumber",
     Y "y[0, 0] = 1.0é",
     "3 [tile-syntax] column 34: 'é' directly behind a number",
     "separate the two, or start the name with a letter",
     {"1.0é", "1.0 let é = 2.0"}},
    {"OpenString",
     Y "at \"s { y[0, 0] = 1.0 }",
     "3 [tile-syntax] column 44: the string does not end on its line",
     "close it with '\"'",
     {"\"s", "\"s\""}},
    {"UnknownType",
     "input x: f64[4]",
     "3 [tile-syntax] column 10: expected a type (f32, bf16, f16, e4m3, e8m0, int8, uint8, int32, int64, bool), and got 'f64'",
     EXPECTED("'f64'"),
     {"f64", "f32"}},
    {"MissingBlock",
     Y "range i in 0 .. 4 y[i, 0] = 1.0 }",
     "3 [tile-syntax] column 39: expected '{', and got 'y'",
     EXPECTED("'y'"),
     {"4 y[", "4 { y["}},
    {"ZeroTile",
     "range t in tiles(4, 0) { }",
     "3 [tile-syntax] column 21: the tile size is 0, and goes from 1 to 9223372036854775807",
     "give an integer in this range",
     {"4, 0", "4, 1"}},
    {"LongInteger",
     "range t in tiles(99999999999999999999, 4) { }",
     "3 [tile-syntax] column 18: '99999999999999999999' does not fit 64 bits",
     "give a smaller integer",
     {"99999999999999999999", "9"}},
    {"LongNumber",
     Y "y[0, 0] = 1e99",
     "3 [tile-syntax] column 31: '1e99' is not a value of f32",
     "give a number from 1.4e-45 to 3.4028234e38",
     {"1e99", "1e9"}},
    {"BadMode",
     Y "y[0, 0] = cast(1.0, f32, up)",
     "3 [tile-syntax] column 46: expected a rounding mode (rint, round, floor, ceil, trunc), and got 'up'",
     EXPECTED("'up'"),
     {"up", "rint"}},
    {"TooFew",
     Y "y[0, 0] = max(1.0)",
     "3 [tile-syntax] column 38: expected ',': max takes 2 tiles, and got ')'",
     EXPECTED("')'"),
     {"1.0)", "1.0, 2.0)"}},
    {"TooMany",
     Y "y[0, 0] = exp(1.0, 2.0)",
     "3 [tile-syntax] column 38: expected ')': that is all that exp takes, and got ','",
     EXPECTED("','"),
     {", 2.0", ""}},
    {"UnknownOperation",
     Y "y[0, 0] = relu(1.0)",
     "3 [unknown-operation] column 31: there is no operation 'relu'",
     "docs/language.md lists the operations",
     {"relu(1.0)", "max(1.0, 0.0)"}},
    {"UnknownName",
     Y "y[0, 0] = x",
     "3 [unknown-name] column 31: nothing is called 'x' here",
     "declare it above: dim, input, create, let or a loop",
     {"y[0", "let x = 1.0 y[0"}},
    {"InfinityOutsideOfFull",
     Y "y[:, :] = max(full(f32, [4, 4], 0.0), -inf)",
     "3 [unknown-name] column 60: nothing is called 'inf' here",
     "inf is a number of full alone: `full(f32, [1, 1], inf)`",
     {"-inf", "full(f32, [1, 1], -inf)"}},
    {"ByteOrderMark",
     "\xef\xbb\xbf" Y "y[:, :] = full(f32, [4, 4], 0.0)",
     "3 [tile-syntax] column 1: no word or symbol of the language begins with a byte order mark (bytes ef bb bf), which "
     "editors do not show",
     "remove it",
     {"\xef\xbb\xbf", ""}},
    {"TwoNames",
     "dim T dim T",
     "3 [duplicate-name] 'T' names an index already",
     "choose another name; names are unique in the whole program",
     {"dim T dim T", "dim T dim U"}},
    {"SpanAsIndex",
     Y "range t in tiles(4, 2) { y[t + 1, 0] = 1.0 }",
     "3 [wrong-kind] column 48: 't' is a span, and an index is needed here",
     "a span's numbers are SPAN.begin, SPAN.size and SPAN.index",
     {"t + 1", "t.index + 1"}},
    {"TileAsIndex",
     "input r: int32[4] " Y "let l = r[:] assume 0 <= l and l < 4 assume_distinct l y[l, :] = full(f32, [4, 4], 0.0)",
     "3 [wrong-kind] column 96: 'l' is a tile, and an index is needed here",
     "rows that a tile lists are taken by it: x[by TILE, :]",
     {"y[l, :]", "y[by l, :]"}},
    {"TensorAsTile",
     Y "y[:, :] = y",
     "3 [wrong-kind] column 31: 'y' is a tensor, and a tile is needed here",
     "a tensor is loaded with a slice, x[:, :]",
     {"= y", "= y[:, :]"}},
    {"OneBraceTooMany",
     Y "y[0, 0] = 1.0 }",
     "4 [tile-syntax] column 1: expected the end of the file behind the kernel's '}', and got '}'",
     EXPECTED("'}'"),
     {" }", ""}},
};
const Wrong kOperations[] = {
    {"Broadcast",
     Y "input a: f32[4, 3] y[:, :] = y[:, :] + a[:, :]",
     "3 [broadcast] add of f32 [4, 4] and f32 [4, 3]: the shapes do not fit, 4 and 3 columns",
     "both have as many rows, or one of them has 1, and so with columns; make the shapes equal",
     {"f32[4, 3]", "f32[4, 4]"}},
    {"TypesDiffer",
     Y "y[0, 0] = 1.0 + 1",
     "3 [dtype-mismatch] add of f32 [1, 1] and int32 [1, 1]: the types differ",
     "cast one of them, for example cast(x, f32, rint)",
     {"+ 1", "+ cast(1, f32, rint)"}},
    {"TypeOfAnOperation",
     Y "y[0, 0] = exp(1)",
     "3 [dtype-mismatch] exp takes f32, and got int32 [1, 1]",
     "cast the operand first: cast(x, f32, rint)",
     {"exp(1)", "exp(cast(1, f32, rint))"}},
    {"TypeOfACondition",
     Y "y[0, 0] = select(1.0, 2.0, 3.0)",
     "3 [dtype-mismatch] select takes bool, and got f32 [1, 1]",
     "compare the operand first: ne(x, 0.0)",
     {"select(1.0", "select(ne(1.0, 0.0)"}},
    {"TypeOfANarrowCondition",
     "input n: int8[4] " Y "y[0, 0] = select(n[2], 2.0, 3.0)",
     "3 [dtype-mismatch] select takes bool, and got int8 [1, 1]",
     "compare the operand first: ne(cast(x, f32), 0.0)",
     {"n[2]", "ne(cast(n[2], f32), 0.0)"}},
    {"TypesOfChoices",
     Y "let c = select(eq(1, 1), eq(2, 2), 3) y[:, :] = full(f32, [4, 4], 0.0)",
     "3 [dtype-mismatch] select between bool [1, 1] and int32 [1, 1]: the types differ",
     "compare one of them, for example ne(x, 0)",
     {", 3)", ", ne(3, 0))"}},
    {"StoreOfANumberAsBool",
     "output b: bool[1] " Y "b[0] = 2 y[:, :] = full(f32, [4, 4], 0.0)",
     "3 [store-dtype] 'b' holds bool, and int32 [1, 1] is stored",
     "compare the value: ne(x, 0)",
     {"= 2", "= ne(2, 0)"}},
    {"BroadcastOfRows",
     Y "input a: f32[3, 1] y[:, :] = y[:, :] + a[:, :]",
     "3 [broadcast] add of f32 [4, 4] and f32 [3, 1]: the shapes do not fit, 4 and 3 rows",
     "both have as many rows, or one of them has 1, and so with columns; make the shapes equal",
     {"f32[3, 1]", "f32[4, 1]"}},
    {"BroadcastOfACondition",
     Y "input a: f32[4, 1] y[:, :] = select(lt(iota(3), 2), a[:, :], y[:, :])",
     "3 [broadcast] select of f32 [4, 4] and bool [1, 3]: the shapes do not fit, 4 and 3 columns",
     "both have as many rows, or one of them has 1, and so with columns; make the shapes equal",
     {"iota(3)", "iota(4)"}},
    {"ComparisonOfTiles",
     Y "y[:, :] = select(y[:, :] > 0.0, y[:, :], 0.0)",
     "3 [tile-syntax] column 46: '>' compares indices, and this is a tile",
     "gt(a, b) in place of a > b",
     {"y[:, :] > 0.0", "gt(y[:, :], 0.0)"}},
    {"ComparisonOfNamedTiles",
     Y "let a = iota(4) let b = a <= 2 y[:, :] = full(f32, [4, 4], 0.0)",
     "3 [tile-syntax] column 47: '<=' compares indices, and this is a tile",
     "le(a, b) in place of a <= b",
     {"a <= 2", "le(a, 2)"}},
    {"RangeWithAColon",
     Y "y[:, 0:4] = full(f32, [4, 4], 0.0)",
     "3 [tile-syntax] column 29: '0:4' is no range: after a begin stands '+:' and a size",
     "0 +: 4",
     {"0:4", "0 +: 4"}},
    {"RangeToTheEndWithAColon",
     Y "y[:, 1:] = full(f32, [4, 3], 0.0)",
     "3 [tile-syntax] column 28: '1:4' is no range: after a begin stands '+:' and a size",
     "1 +: 4 - 1",
     {"1:", "1 +: 4 - 1"}},
    {"CastWithoutMode",
     Y "y[0, 0] = cast(cast(1.5, bf16), f32)",
     "3 [cast-mode] the cast from f32 to bf16 rounds, and its mode is missing",
     "cast(x, bf16, rint), or round, floor, ceil, trunc",
     {"bf16", "bf16, rint"}},
    {"CastToBool",
     Y "y[0, 0] = select(cast(2, bool), 1.0, 0.0)",
     "3 [cast-mode] a cast from int32 to bool",
     "compare instead: ne(x, 0)",
     {"cast(2, bool)", "ne(2, 0)"}},
    {"ConstantRange",
     Y "y[0, 0] = cast(3000000000, f32, rint)",
     "3 [constant-range] 3000000000 is not a value of int32",
     "give an integer from -2147483648 to 2147483647",
     {"3000000000", "2000000000"}},
    {"InnerExtents",
     Y "input a: f32[4, 8] input b: f32[9, 4] y[:, :] = matmul(a[:, :], b[:, :])",
     "3 [shape-mismatch] matmul of f32 [4, 8] and f32 [9, 4]: the inner extents 8 and 9 differ",
     "take both slices with the same span of k",
     {"matmul(a[:, :], b[:, :])", "matmul(a[:, :], b[0 +: 8, :])"}},
    {"ProductOfTypes",
     Y "input a: f32[4, 8] input b: bf16[8, 4] y[:, :] = matmul(a[:, :], b[:, :])",
     "3 [dtype-mismatch] matmul of f32 [4, 8] and bf16 [8, 4]",
     "matmul multiplies bf16 by bf16, f32 by f32 (to f32), int8 by int8 or uint8 by int8 (to int32); cast the operands",
     {"b[:, :])", "cast(b[:, :], f32))"}},
    {"ScaledTypes",
     SCALED "y[:, :] = matmul_scaled(1.0, t[:, :], x[:, :], x[:, :], [64, 4])",
     "3 [dtype-mismatch] matmul_scaled of bf16 [4, 128] scaled by f32 [1, 1] and bf16 [4, 128] scaled by f32 [2, 1]",
     "matmul_scaled multiplies bf16, e4m3 or int8 by e4m3 or int8, and scales are f32 or e8m0; cast the operands",
     {"x[:, :], x[:, :]", "x[:, :], w[:, :]"}},
    {"ScaledBlockOfK",
     SCALED "y[:, :] = matmul_scaled(1.0, t[:, :], x[:, :], w[:, :], [63, 4])",
     "3 [shape-mismatch] matmul_scaled has a scale for each block [63, 4]",
     "give a block a multiple of 32 elements of k and one column or more, less than 2^31 of either",
     {"[63, 4]", "[64, 4]"}},
    {"ScaledInnerExtents",
     SCALED "y[:, :] = matmul_scaled(1.0, t[:, :], x[:, :], w[0 +: 96, :], [64, 4])",
     "3 [shape-mismatch] matmul_scaled of bf16 [4, 128] and e4m3 [96, 4]: the inner extents 128 and 96 differ",
     "take both slices with the same span of k",
     {"w[0 +: 96, :]", "w[:, :]"}},
    {"ScalesOfRows",
     SCALED "let s = full(f32, [4, 3], 1.0) y[:, :] = matmul_scaled(s, t[:, :], x[:, :], w[:, :], [64, 4])",
     "3 [shape-mismatch] matmul_scaled of bf16 [4, 128] scaled by f32 [4, 3]: a row has a scale for each 64 elements of k",
     "give scales [4, 2], or 1 in place of either",
     {"[4, 3]", "[4, 2]"}},
    {"ScalesOfBlocks",
     SCALED "y[:, :] = matmul_scaled(1.0, t[:, :], x[:, :], w[:, :], [64, 2])",
     "3 [shape-mismatch] matmul_scaled of e4m3 [128, 4] scaled by f32 [2, 1]: each block of 64 elements of k and 2 columns has a "
     "scale",
     "give scales [2, 2]",
     {"[64, 2]", "[64, 4]"}},
    {"ExpandedTypes",
     SCALED "y[:, :] = matmul_expanded(t[:, :], cast(x[:, :], f32), w[:, :], [64, 4])",
     "3 [dtype-mismatch] matmul_expanded of f32 [4, 128] and e4m3 [128, 4] scaled by f32 [2, 1]",
     "matmul_expanded multiplies bf16 by e4m3, and scales are f32 or e8m0; cast the operands",
     {"cast(x[:, :], f32)", "x[:, :]"}},
    {"ScalesOfExpanded",
     SCALED "y[:, :] = matmul_expanded(t[:, :], x[:, :], w[:, :], [64, 3])",
     "3 [shape-mismatch] matmul_expanded of e4m3 [128, 4] scaled by f32 [2, 1]: each block of 64 elements of k and 3 columns has "
     "a scale",
     "give scales [2, 2]",
     {"[64, 3]", "[64, 4]"}},
    {"ScaledTransposedLeft",
     SCALED "y[:, :] = matmul_scaled(1.0, t[:, :], x[:, :], w[:, :], [64, 4], transpose_a)",
     "3 [tile-syntax] column 149: expected transpose_b, and got 'transpose_a'",
     "",
     {", transpose_a", ""}},
    {"AccumulatorShape",
     Y "let s = full(f32, [1, 1], 0.0) s = row_sum_acc(s, y[:, :]) y[0, 0] = s",
     "3 [shape-mismatch] row_sum_acc of f32 [4, 4] needs an accumulator [4, 1], and got f32 [1, 1]",
     "begin it with zeros of f32 [4, 1]",
     {"[1, 1]", "[4, 1]"},
     {"y[0, 0] = s", "y[:, 0 +: 1] = s"}},
    {"Reshape",
     Y "y[:, :] = reshape(y[:, :], [2, 4])",
     "3 [shape-mismatch] reshape of f32 [4, 4] to [2, 4]: the numbers of elements are not the same",
     "keep rows * columns",
     {"y[:, :] =", "y[0 +: 2, :] ="},
     {"y[:, :], [2", "y[0 +: 2, :], [2"}},
    {"Interleave",
     Y "y[:, :] = interleave(y[:, 0 +: 2], y[:, 0 +: 1])",
     "3 [shape-mismatch] interleave of f32 [4, 2] and f32 [4, 1]: they must be alike",
     "give the even and the odd columns with the same shape and type",
     {"0 +: 1", "0 +: 2"}},
    {"Concat",
     Y "y[:, :] = concat_rows(y[0, :], y[0 +: 3, 0 +: 3])",
     "3 [shape-mismatch] concat_rows of f32 [1, 4] and f32 [3, 3]",
     "give tiles of one type with equal numbers of columns",
     {"0 +: 3])", ":])"}},
    {"OddHalf",
     Y "y[:, 0 +: 1] = even(y[:, 0 +: 3])",
     "3 [shape-mismatch] even of f32 [4, 3]: the number of columns must be a constant, and even",
     "slice the columns with constants, an even number of them",
     {"0 +: 3", "0 +: 2"}},
    {"ColumnsBeyond",
     Y "y[:, 0 +: 2] = columns(y[:, :], 3, 2)",
     "3 [shape-mismatch] columns 3 +: 2 of f32 [4, 4]: they are not constants inside its columns",
     "give constants with 0 <= begin and begin + size <= the number of columns",
     {"3, 2", "2, 2"}},
    {"ColumnsFarBeyond",
     Y "y[:, 0 +: 2] = columns(y[:, :], 9223372036854775807, 2)",
     "3 [shape-mismatch] columns 9223372036854775807 +: 2 of f32 [4, 4]: they are not constants inside its columns",
     "give constants with 0 <= begin and begin + size <= the number of columns",
     {"9223372036854775807, 2", "2, 2"}},
    {"RepeatedBeyond64Bits",
     Y "y[0, :] = col_max(repeat_rows(y[:, :], 4611686018427387904))",
     "3 [shape-mismatch] repeat_rows: an extent of 4611686018427387904 * 4 is more than 64 bits hold",
     "make its tiles smaller",
     {"4611686018427387904", "4"}},
    {"ConcatBeyond64Bits",
     Y "let a = iota(4611686018427387904) let b = row_max(concat_columns(a, a)) y[:, :] = full(f32, [4, 4], 0)",
     "3 [shape-mismatch] concat_columns: an extent of 4611686018427387904 + 4611686018427387904 is more than 64 bits hold",
     "make its tiles smaller",
     {"iota(4611686018427387904)", "iota(4)"}},
    {"InterleaveBeyond64Bits",
     Y "let a = iota(4611686018427387904) let b = row_max(interleave(a, a)) y[:, :] = full(f32, [4, 4], 0)",
     "3 [shape-mismatch] interleave: an extent of 2 * 4611686018427387904 is more than 64 bits hold",
     "make its tiles smaller",
     {"iota(4611686018427387904)", "iota(4)"}},
    {"ReshapeBeyond64Bits",
     Y "y[:, :] = reshape(y[:, :], [4294967296, 4294967296])",
     "3 [shape-mismatch] reshape: an extent of 4294967296 * 4294967296 is more than 64 bits hold",
     "make its tiles smaller",
     {"[4294967296, 4294967296]", "[4, 4]"}},
    {"ThreeAxes",
     "input x: f32[2, 2, 2] " Y "y[0, 0] = row_sum(x[:, :, :])",
     "3 [slice-rank] a slice with 3 extents: a tile has two, rows and columns",
     "give an index for the other axes, or take the slice of a view that merges them",
     {"x[:, :, :]", "x[0, 0, :]"}},
};
const Wrong kShapes[] = {
    {"Rank",
     Y "y[:] = full(f32, [1, 4], 1.0)",
     "3 [slice-rank] column 26: the slice of 'y' has 1 axes, and the tensor has 2",
     "give one span, range, ':' or index for each axis",
     {"y[:]", "y[0, :]"}},
    {"StoreShape",
     Y "y[:, :] = 1.0",
     "3 [store-shape] the slice of 'y' is [4, 4], and the value is [1, 1]",
     "store through a slice of the value's shape",
     {"y[:, :]", "y[0, 0]"}},
    {"StoreDtype",
     Y "y[0, 0] = 1",
     "3 [store-dtype] 'y' holds f32, and int32 [1, 1] is stored",
     "cast the value: cast(x, f32, rint)",
     {"= 1", "= cast(1, f32, rint)"}},
    {"StoreToInput",
     "input x: f32[1, 1] x[0, 0] = 1.0",
     "3 [store-to-input] 'x' is an input, and is stored to",
     "declare it inout, or store to another tensor",
     {"input", "inout"}},
    {"StoreToWeight",
     "weight x: f32[1, 1] x[0, 0] = 1.0",
     "3 [store-to-input] 'x' is a weight, and is stored to",
     "declare it inout, or store to another tensor",
     {"weight", "inout"}},
    {"StoreToAViewOfAWeight",
     "weight x: f32[1, 1] view v = x: [1] v[0] = 1.0",
     "3 [store-to-input] 'v' is a weight, and is stored to",
     "declare it inout, or store to another tensor",
     {"weight", "inout"}},
    {"NeverStored",
     Y "let x = 1.0",
     "3 [output-not-stored] output 'y' is never stored to",
     "store to a slice of it, as `y[:, :] = full(f32, [4, 4], 0.0)` does; assigning to a tile stores nothing",
     {"x = 1.0", "x = 1.0 y[:, :] = full(f32, [4, 4], 0.0)"}},
    {"RebindShape",
     Y "y[0, :] = y[0, :] let a = 1.0 a = 2",
     "3 [rebind-shape] 'a' is f32 [1, 1], and is assigned int32 [1, 1]",
     "a tile keeps its type and shape; give the new value a name of its own",
     {"a = 2", "let b = 2"}},
    {"ParallelRebind",
     Y "let a = 1.0 parallel i in 0 .. 4 { a = 2.0 y[i, 0] = a }",
     "3 [parallel-rebind] 'a' is made outside this parallel loop and assigned inside it",
     "iterations of a parallel loop share no tile: make it a range, make the tile inside, or store to a tensor",
     {"parallel", "range"}},
    {"OutOfScope",
     Y "range i in 0 .. 4 { let a = 1.0 y[i, 0] = a } y[0, 0] = a",
     "3 [out-of-scope] 'a' is used outside the loop, scope or branch that made it",
     "make 'a' before that block; inside it, assign to it",
     {"let a", "a"},
     {"range i", "let a = 0.0 range i"}},
    {"SpanOutOfScope",
     Y "range t in tiles(4, 2) { y[t, 0] = y[t, 0] } y[t, :] = y[t, :]",
     "3 [out-of-scope] 't' is used outside the loop, scope or branch that made it",
     "use it inside the loop only",
     {"} y[t, :] = y[t, :]", "y[t, :] = y[t, :] }"}},
    {"ViewShape",
     Y "view v = y: [4, 3] v[0, 0] = 1.0",
     "3 [view-shape] the view 'v' [4, 3] of 'y' [4, 4]: the numbers of elements are not shown equal",
     "keep the product of the extents, with the same dimensions",
     {"[4, 3]", "[2, 8]"}},
    {"TensorShape",
     Y "create s: f32[0] y[0, 0] = 1.0",
     "3 [empty-tensor] tensor 's' has the shape [0]",
     "make every extent 1 or more",
     {"f32[0]", "f32[1]"}},
    {"DimBounds",
     "dim T typical 5 max 4 " Y "y[0, 0] = 1.0",
     "3 [dim-bounds] dimension 'T' is typically 5 and at most 4",
     "give 1 <= typical <= max",
     {"max 4", "max 5"}},
    {"Divisor",
     Y "y[3 // (1 - 1), 0] = 1.0",
     "3 [index-divisor] the divisor of 3 // 0 is not known to be positive",
     "divide by a positive number, or by dimensions, which are at least 1",
     {"1 - 1", "1 + 1"}},
    {"DivisorFromData",
     Y "input n: int32[1] read d = n[0] y[3 % d, 0] = 1.0",
     "3 [index-divisor] the divisor of 3 % d is not known to be positive",
     "divide by a positive number, or by dimensions, which are at least 1",
     {"3 % d", "3 % 2"}},
    {"DivisorFromALoop",
     "dim T " Y "range i in 0 .. 4 { y[3 // i, 0] = 1.0 }",
     "3 [index-divisor] the divisor of 3 // i is not known to be positive",
     "divide by a positive number, or by dimensions, which are at least 1",
     {"3 // i", "3 // (T + 1)"}},
    {"RowsOfAnotherType",
     Y "let r = 1.0 y[by r, :] = y[0 +: 1, :]",
     "3 [by-tile] 'by r' needs an int32 tile [m, 1] or [1, m], and got f32 [1, 1]",
     "load the numbers from an int32 tensor",
     {"1.0", "1"}},
    {"RowsInTwoAxes",
     Y "let r = full(int32, [2, 2], 1) y[0 +: 2, :] = y[by r, :]",
     "3 [by-tile] 'by r' needs an int32 tile [m, 1] or [1, m], and got int32 [2, 2]",
     "take one row or column of it",
     {"full(int32, [2, 2], 1)", "full(int32, [2, 1], 1)"}},
    {"DistinctFloats",
     Y "let r = 1.0 assume_distinct r y[0, 0] = r",
     "3 [dtype-mismatch] assume_distinct of 'r', a f32 tile",
     "give an int32 tile",
     {"assume_distinct r", "let n = 1 assume_distinct n"}},
    {"DistinctExceptABigNumber",
     Y "let r = iota(4) assume_distinct r except 2147483648 y[0, 0] = 1.0",
     "3 [tile-syntax] column 62: the magnitude of the excepted number is 2147483648, and goes from 0 to 2147483647",
     "",
     {"2147483648", "-2147483648"}},
    {"ReadFloat",
     Y "input n: f32[1] read i = n[0] y[i, 0] = 1.0",
     "3 [dtype-mismatch] an index is read from 'n', which holds f32",
     "read from an int32 or int64 tensor",
     {"n: f32", "n: int32"}},
    {"ReadRank",
     Y "input n: int32[1] read i = n[0, 0] y[i, 0] = 1.0",
     "3 [slice-rank] the position in 'n' has 2 indices, and the tensor has 1 axes",
     "give one index for each axis",
     {"n[0, 0]", "n[0]"}},
    {"Accumulator",
     Y "let s = row_sum(y[:, :]) s = row_sum_acc(s, y[:, :]) s = s * 2.0 y[:, 0 +: 1] = s",
     "3 [accumulator] 's' accumulates a row sum, and is assigned s * 2.0 here; it may only be zeros, a row_sum, or continued by "
     "row_sum_acc",
     "give this value a tile of its own: `let other = ...`",
     {"s = s * 2.0 y[:, 0 +: 1] = s", "let d = s * 2.0 y[:, 0 +: 1] = d"}},
    {"AccumulatorElsewhere",
     Y "let s = row_sum(y[:, :]) y[:, 0 +: 1] = row_sum_acc(s, y[:, :])",
     "3 [accumulator] a row_sum_acc may only continue the tile it is assigned to, s = row_sum_acc(s, x)",
     "assign it to its accumulator first, and use the accumulator in the expression",
     {"y[:, 0 +: 1] = row_sum_acc(s, y[:, :])", "s = row_sum_acc(s, y[:, :]) y[:, 0 +: 1] = s"}},
};
const Wrong kChunks[] = {
    {"TilesOf48",
     AB "range k in tiles(192, 48) { c = matmul_acc(c, a[:, k], b[k, :]) } y[:, :] = c",
     "3 [partial-block] this matmul_acc continues c after a chunk of k.size elements of k (tiles of 48), which may end inside a "
     "block of 32; "
     "bf16 products are summed in blocks of 32 along k",
     "make every chunk of k but the last a multiple of 32: `tiles(K, 64)`, or a constant such as 128",
     {"192, 48", "192, 64"}},
    {"ConstantOf48",
     AB "range i in 0 .. 4 { c = matmul_acc(c, a[:, 48 * i +: 48], b[48 * i +: 48, :]) } y[:, :] = c",
     "3 [partial-block] this matmul_acc continues c after a chunk of 48 elements of k, which may end inside a block of 32; "
     "bf16 products are summed in blocks of 32 along k",
     "make every chunk of k but the last a multiple of 32: `tiles(K, 64)`, or a constant such as 128",
     {"0 .. 4 { c = matmul_acc(c, a[:, 48 * i +: 48], b[48 * i +: 48, :])",
      "0 .. 3 { c = matmul_acc(c, a[:, 64 * i +: 64], b[64 * i +: 64, :])"}},
    {"AnotherLengthThanTheOneBefore",
     AB "c = matmul(a[:, 0 +: 16], b[0 +: 16, :]) let d = c d = matmul_acc(d, a[:, 16 +: 80], b[16 +: 80, :]) y[:, :] = d",
     "3 [partial-block] this matmul_acc continues d after a chunk of 16 elements of k, which may end inside a block of 32; "
     "bf16 products are summed in blocks of 32 along k",
     "make every chunk of k but the last a multiple of 32: `tiles(K, 64)`, or a constant such as 128",
     {"a[:, 0 +: 16], b[0 +: 16, :]", "a[:, 0 +: 32], b[0 +: 32, :]"}},
    {"BehindUnknownTail",
     "dim K input u: bf16[4, K] input v: bf16[K, 4] " Y
     "let c = full(f32, [4, 4], 0.0) range k in tiles(K, 32) { c = matmul_acc(c, u[:, k], v[k, :]) } c = matmul_acc(c, u[:, :], "
     "v[:, :]) y[:, :] = c",
     "3 [partial-block] this matmul_acc continues c after a chunk of K elements of k, which may end inside a block of 32; "
     "bf16 products are summed in blocks of 32 along k",
     "make every chunk of k but the last a multiple of 32: `tiles(K, 64)`, or a constant such as 128",
     {"range k in tiles(K, 32) { c = matmul_acc(c, u[:, k], v[k, :]) }",
      "range k in 0 .. K // 32 { c = matmul_acc(c, u[:, 32 * k +: 32], v[32 * k +: 32, :]) }"}},
    {"InnerTail",
     AB "range i in 0 .. 2 { range k in tiles(80, 32) { c = matmul_acc(c, a[:, k], b[k, :]) } } y[:, :] = c",
     "3 [partial-block] this matmul_acc continues c after a chunk of 80 elements of k, which may end inside a block of 32; "
     "bf16 products are summed in blocks of 32 along k",
     "make every chunk of k but the last a multiple of 32: `tiles(K, 64)`, or a constant such as 128",
     {"tiles(80, 32)", "tiles(96, 32)"}},
};

std::string name_of_case(const testing::TestParamInfo<Wrong>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Syntax, WrongProgram, testing::ValuesIn(kSyntax), name_of_case);
INSTANTIATE_TEST_SUITE_P(Operations, WrongProgram, testing::ValuesIn(kOperations), name_of_case);
INSTANTIATE_TEST_SUITE_P(Shapes, WrongProgram, testing::ValuesIn(kShapes), name_of_case);
INSTANTIATE_TEST_SUITE_P(Chunks, WrongProgram, testing::ValuesIn(kChunks), name_of_case);

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
  // The numbers of a proof grow with each loop around an access.
  const auto loops = [&](int count) {
    std::string text = "imbrex 1\nkernel \"k\" { dim T input x: f32[T] output y: f32[T] ";
    for (int i = 0; i < count; ++i)
      text += fmt::format("range i{} in tiles({}, 7) {{ ", i, i == 0 ? "T" : fmt::format("i{}", i - 1));
    return text + fmt::format("y[i{0}] = x[i{0}] ", count - 1) + std::string(static_cast<size_t>(count), '}') + "\n}\n";
  };
  EXPECT_NE(first_message(loops(21)).find("[expression-size] loops nested more than 20 deep"), std::string::npos);
  EXPECT_EQ(first_message(loops(20)), "no error");
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
