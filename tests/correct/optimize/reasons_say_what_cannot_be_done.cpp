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
  return "  input x: f32[T, 64]\n  weight w: f32" + w + "\n  output y: f32[T, 32]\n" + kTiles + "y[t, :] = matmul(x[t, :], " +
         right + ") }\n  }\n";
}
const std::string kPlain = product("[64, 32]", "w[:, :]");

TEST(ReasonsOfMatmuls, NameTheirRightOperand) {
  expect_kept(product("[64, 32]", "w[:, :] * 2.0"),
              "the right operand of a matmul is computed, and the optimizer multiplies by inputs alone", kPlain);
  expect_kept(
      product("[3, 64, 32]", "w[1, :, :]"),
      "the right operand of a matmul is a part of w, which has 3 axes, and the optimizer multiplies by inputs of two axes alone",
      kPlain);
}

// Where no column is stored, what is read beside them need not exist.
TEST(Reasons, OfColumnsThatMayBeNoneNameWhatIsReadBesideThem) {
  const auto stored = [&](const std::string& row) {
    return "  input x: f32[2, T]\n  input z: f32[T, 4]\n  inout y: f32[2, T]\n  pipeline(2) d in tiles(T - 5, 2) {\n    y[:, d] "
           "= x[:, d] * z[" +
           row + " +: 1, 3 +: 1]\n  }\n";
  };
  expect_kept(stored("T - 6"), "z[T - 6, 3] is read where T - 5 columns of y are stored, and the optimizer would also read it",
              stored("T - 1"));
}

// Loops over a quotient could not be proven.
TEST(ReasonsOfExtents, NameTheirQuotient) {
  expect_kept("  dim U\n  input x: f32[U, 8]\n  output y: f32[T // U + 1, 8]\n  y[:, :] = full(f32, [T // U + 1, 8], 2.0)\n",
              "y has an extent with `T // U`, and the optimizer cannot make loops over it: give the kernel one dimension for it",
              "  dim ROWS\n  output y: f32[ROWS + 1, 8]\n  y[:, :] = full(f32, [ROWS + 1, 8], 2.0)\n");
}

// Kernels that keep their author's loops, what is said, and the same kernel as the reason says to write it.
struct Kept {
  const char *name, *reason, *tensors, *body, *tensors_instead, *instead;
};
void PrintTo(const Kept& kept, std::ostream* out) { *out << kept.name; }

constexpr const char* kXy = "input x: f32[T, 64]\noutput y: f32[T, 64]\n";

const Kept kKept[] = {
    {"a_shifted_row",
     "x is read at row row + 3, and the optimizer reads the row that it writes; take an input whose rows are these",
     "input x: f32[T + 3, 64]\noutput y: f32[T, 64]\n", "parallel t in tiles(T, 8) { y[t, :] = x[t.begin + 3 +: t.size, :] }",
     kXy, "parallel t in tiles(T, 8) { y[t, :] = x[t, :] }"},
    {"every_second_row", "x is read at row 2 * row", "input x: f32[2 * T, 64]\noutput y: f32[T, 64]\n",
     "parallel i in 0 .. T { y[i, :] = x[2 * i, :] }", "input x: f32[T, 2, 64]\noutput y: f32[T, 64]\n",
     "parallel i in 0 .. T { y[i, :] = x[i, 0, :] }"},
    {"a_diagonal",
     "the row is the index along two axes of x, and the optimizer reads by it along one; give the elements as an input",
     "input x: f32[T, T]\noutput y: f32[T, 1]\n", "parallel i in 0 .. T { y[i, :] = x[i, i +: 1] * 2.0 }",
     "input x: f32[T, 1]\noutput y: f32[T, 1]\n", "parallel i in 0 .. T { y[i, :] = x[i, :] * 2.0 }"},
    {"a_ring",
     "x is read at (row - 1) % T, and the optimizer reads rows and columns in their order; give the elements as an input in "
     "the order of what is stored",
     kXy, "parallel i in 0 .. T { y[i, :] = x[(i + T - 1) % T, :] }", kXy, "parallel i in 0 .. T { y[i, :] = x[i, :] }"},
    {"windows_in_columns",
     "x is read at column column + 480 * (column // 32), and the optimizer reads columns side by side, or every second; give "
     "windows of columns an axis of their own, as [rows, windows, columns], where they are read or stored",
     "input x: f32[T, 2048]\noutput y: f32[T, 128]\n",
     "create rot: f32[4, T, 32]\nparallel h in 0 .. 4 {\nrot[h, :, :] = x[:, h * 512 +: 32] * -1.0\ny[:, h * 32 +: 32] = rot[h, "
     ":, :]\n}",
     "input x: f32[T, 2048]\noutput y: f32[T, 4, 32]\n",
     "create rot: f32[4, T, 32]\nparallel h in 0 .. 4 {\nrot[h, :, :] = x[:, h * 512 +: 32] * -1.0\ny[:, h, :] = rot[h, :, "
     ":]\n}"},
    {"every_third_column", "x is read at column 3 * column", "input x: f32[T, 192]\noutput y: f32[T, 64]\n",
     "parallel h in 0 .. 64 { y[:, h +: 1] = x[:, 3 * h +: 1] }", "input x: f32[T, 64, 3]\noutput y: f32[T, 64]\n",
     "parallel h in 0 .. 64 { y[:, h +: 1] = x[:, h, 0 +: 1] }"},
    {"rows_as_numbers",
     "a value is computed from the index column + row, and the optimizer computes with the numbers of columns alone",
     "output y: int32[T, 8]\n", "parallel i in 0 .. T { y[i, :] = iota(8, i) }", "input n: int32[T, 1]\noutput y: int32[T, 8]\n",
     "parallel t in tiles(T, 8) { y[t, :] = iota(8, 0) + full(int32, [t.size, 8], 1) * n[t, :] }"},
    {"a_condition", "divide the loop into one for each case", kXy,
     "parallel h in 0 .. 4 {\nif h == 0 {\ny[:, h * 16 +: 16] = x[:, h * 16 +: 16] * 2.0\n} else {\ny[:, h * 16 +: 16] = x[:, h "
     "* 16 +: 16]\n}\n}",
     kXy, "y[:, 0 +: 16] = x[:, 0 +: 16] * 2.0\nparallel h in 1 .. 4 { y[:, h * 16 +: 16] = x[:, h * 16 +: 16] }"},
    {"a_carried_sum", "where it is a sum, maximum or minimum, write one row_sum, row_max or row_min over the axis", kXy,
     "parallel t in tiles(T, 8) {\nlet s = full(f32, [t.size, 1], 0.0)\nrange c in tiles(64, 16) { s = s + row_sum(x[t, c]) "
     "}\ny[t, :] = "
     "x[t, :] * s\n}",
     kXy, "parallel t in tiles(T, 8) { y[t, :] = x[t, :] * row_sum(x[t, :]) }"},
    {"stores_of_a_view",
     "the value stored to v depends on i, and the optimizer cannot tell from the position in v which i it was; store at i, or at "
     "i times a constant",
     kXy, "view v = y: [T * 64]\nparallel i in 0 .. 4 { v[i * T * 16 +: T * 16] = reshape(x[:, i * 16 +: 16], [1, T * 16]) }",
     "input x: f32[T, 64]\noutput y: f32[T, 4, 16]\n", "parallel i in 0 .. 4 { y[:, i, :] = x[:, i * 16 +: 16] }"},
    {"stores_that_overlap", "parts of y that are stored one after the other may overlap", kXy,
     "parallel t in tiles(T, 8) {\ny[t, :] = x[t, :]\ny[t, 8 +: 8] = x[t, 8 +: 8] * 2.0\n}", kXy,
     "parallel t in tiles(T, 8) {\ny[t, 0 +: 8] = x[t, 0 +: 8]\ny[t, 8 +: 8] = x[t, 8 +: 8] * 2.0\ny[t, 16 +: 48] = x[t, 16 +: "
     "48]\n}"},
    {"a_read_in_the_same_loop", "s is read in the loop i, of which another iteration may have stored it", kXy,
     "create s: f32[T, 64]\nrange i in 0 .. T {\ns[i, :] = x[i, :]\ny[i, :] = s[max(i - 1, 0), :]\n}", kXy,
     "create s: f32[T, 64]\nrange i in 0 .. T { s[i, :] = x[i, :] }\nrange j in 0 .. T { y[j, :] = s[j, :] }"},
    {"a_continued_sum",
     "a matmul_acc continues a value that is not +0, and the optimizer begins sums at +0; add the value to the sum",
     "input x: f32[T, 64]\nweight w: f32[64, 32]\ninput b: f32[T, 32]\noutput y: f32[T, 32]\n",
     "parallel t in tiles(T, 8) { y[t, :] = matmul_acc(b[t, :], x[t, :], w[:, :]) }",
     "input x: f32[T, 64]\nweight w: f32[64, 32]\ninput b: f32[T, 32]\noutput y: f32[T, 32]\n",
     "parallel t in tiles(T, 8) { y[t, :] = matmul(x[t, :], w[:, :]) + b[t, :] }"},
    {"a_part_of_each_row", "a row_sum goes over a part whose size depends on the loop i",
     "input x: f32[T, T]\noutput y: f32[T, 1]\n", "parallel i in 0 .. T { y[i, :] = row_sum(x[i, 0 +: i + 1]) }",
     "input x: f32[T, T]\noutput y: f32[T, 1]\n", "parallel t in tiles(T, 8) { y[t, :] = row_sum(x[t, :]) }"},
    {"a_maximum_of_columns",
     "y needs another max for each of its columns, and the optimizer reduces along rows; store the results in a tensor, in a "
     "scope of its own",
     kXy, "parallel t in tiles(T, 8) { y[t, :] = x[t, :] * col_max(x[:, :]) }", kXy,
     "create s: f32[1, 64]\nat \"s\" { s[:, :] = col_max(x[:, :]) }\nparallel t in tiles(T, 8) { y[t, :] = x[t, :] * s[:, :] }"},
    {"a_sum_of_columns",
     "y needs a col_sum, and the optimizer sums along rows; store the col_sum in a tensor, in a scope of its own", kXy,
     "parallel t in tiles(T, 8) { y[t, :] = x[t, :] * col_sum(x[:, :]) }", kXy,
     "create s: f32[1, 64]\nat \"s\" { s[:, :] = col_sum(x[:, :]) }\nparallel t in tiles(T, 8) { y[t, :] = x[t, :] * s[:, :] }"},
    {"parts_of_a_middle_axis",
     "one expression holds for a part of y's middle axis alone, and the optimizer writes one for all of it",
     "input x: f32[T, 4, 64]\noutput y: f32[T, 4, 64]\n",
     "parallel h in 0 .. 2 { y[:, h, :] = x[:, h, :] * 2.0 }\nparallel g in 2 .. 4 { y[:, g, :] = x[:, g, :] * 3.0 }",
     "input x: f32[T, 4, 64]\noutput y: f32[T, 2, 64]\noutput z: f32[T, 2, 64]\n",
     "parallel h in 0 .. 2 {\ny[:, h, :] = x[:, h, :] * 2.0\nz[:, h, :] = x[:, 2 + h, :] * 3.0\n}"},
    {"some_rows",
     "one expression holds for some rows of y alone, and the optimizer writes one for all; make them an output of their",
     "input x: f32[T, 64]\noutput y: f32[T + 1, 64]\n",
     "parallel t in tiles(T, 8) { y[t, :] = x[t, :] }\ny[T, :] = full(f32, [1, 64], 0.0)",
     "input x: f32[T, 64]\noutput y: f32[T, 64]\noutput z: f32[1, 64]\n",
     "parallel t in tiles(T, 8) { y[t, :] = x[t, :] }\nz[:, :] = full(f32, [1, 64], 0.0)"},
    {"one_row",
     "a matmul has one row or one column, and the optimizer multiplies matrices; make the number of its rows a dimension",
     "input x: f32[1, 64]\ninput w: f32[64, 32]\noutput y: f32[1, 32]\n", "y[:, :] = matmul(x[:, :], w[:, :])",
     "input x: f32[T, 64]\ninput w: f32[64, 32]\noutput y: f32[T, 32]\n", "y[:, :] = matmul(x[:, :], w[:, :])"},
    {"rows_of_two_axes", "matrix; declare its left operand as [rows, columns], with one dimension for all rows",
     "dim B\ninput x: f32[B, T, 64]\ninput w: f32[64, 32]\noutput y: f32[B, T, 32]\n",
     "parallel b in 0 .. B {\nparallel t in tiles(T, 8) { y[b, t, :] = matmul(x[b, t, :], w[:, :]) }\n}",
     "input x: f32[T, 64]\ninput w: f32[64, 32]\noutput y: f32[T, 32]\n",
     "parallel t in tiles(T, 8) { y[t, :] = matmul(x[t, :], w[:, :]) }"},
    {"parts_of_an_operand", "an operand of a reduction has parts with expressions of their own",
     "input x: f32[T, 64]\noutput y: f32[T, 1]\n",
     "parallel t in tiles(T, 8) { y[t, :] = row_sum(columns(interleave(x[t, 0 +: 32], x[t, 32 +: 32]), 1, 8)) }",
     "input x: f32[T, 64]\noutput y: f32[T, 1]\n",
     "create s: f32[T, 8]\nat \"s\" @no_fusion {\nparallel u in tiles(T, 8) { s[u, :] = columns(interleave(x[u, 0 +: 32], x[u, "
     "32 +: 32]), 1, 8) }\n}\nparallel t in tiles(T, 8) { y[t, :] = row_sum(s[t, :]) }"},
};

class Reasons : public testing::TestWithParam<Kept> {};

TEST_P(Reasons, SayWhatToWriteInstead) {
  const Kept& kept = GetParam();
  expect_kept(std::string(kept.tensors) + kept.body + "\n", kept.reason, std::string(kept.tensors_instead) + kept.instead + "\n");
}

INSTANTIATE_TEST_SUITE_P(All, Reasons, testing::ValuesIn(kKept), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace imbrex::optimize
