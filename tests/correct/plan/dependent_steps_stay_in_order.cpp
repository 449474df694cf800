// Steps run together only where none needs what another has still to do; a barrier, a check or a tile stays where something
// depends on it. Most programs stand beside a twin in which nothing does: there is none, then.
#include <fmt/format.h>

#include "correct/optimize/same_bits.h"
#include "imbrex/plan/make_plan.h"
#include "imbrex/plan/print.h"

namespace imbrex::plan {
namespace {

constexpr const char* kTensors = R"(
  dim N
  input x: f32[N, 32]
  input w: f32[16, 32]
  input rows: int32[16]
  inout n: int32[N, 1]
  inout y: f32[N, 64]
  inout z: f32[16, 32]
  inout s: f32[16, 32]
  inout f: f32[16, 16]
  view v = s: [16, 32]
)";

// How often a plan's page says so.
int count(const std::string& body, const std::string& words) {
  const target::Machine machine(*target::target_named("scalar"));
  const std::string page = print(make_plan(optimize::checked(kTensors + body + "\n"), machine, false), machine);
  int found = 0;
  for (size_t at = page.find(words); at != std::string::npos; at = page.find(words, at + 1)) ++found;
  return found;
}

TEST(Passes, AreOneWhereStoresLieApart) {
  const auto stores = [](const char* second) {
    return fmt::format("parallel t in tiles(N, 8) {{\ny[t, 0 +: 32] = x[t, :]\ny[t, {} +: 32] = x[t, :] * 2.0\n}}", second);
  };
  EXPECT_EQ(count(stores("32"), "columns: "), 1);
  EXPECT_EQ(count(stores("31"), "columns: "), 2);  // the second store of column 31 is the last
}

TEST(Rows, PassTogetherWhereEachReadsItsOwn) {
  const auto reads = [](const char* what) { return fmt::format("s[0 +: 8, :] = w[0 +: 8, :]\nz[0 +: 8, :] = {} * 2.0", what); };
  EXPECT_EQ(count(reads("s[0 +: 8, :]"), "rows: "), 1);
  EXPECT_EQ(count(reads("s[1 +: 8, :]"), "rows: "), 2);  // rows that are stored later
  EXPECT_EQ(count(reads("v[0 +: 8, :]"), "rows: "), 2);  // a view: which rows these are is not asked
}

TEST(Stores, OverWhatTheyReadElsewhereComeBehindAllOfIt) {
  EXPECT_EQ(count("s[0 +: 8, 1 +: 16] = s[0 +: 8, 1 +: 16] * 2.0", "let "), 0);
  EXPECT_EQ(count("s[0 +: 8, 1 +: 16] = s[0 +: 8, 0 +: 16] * 2.0", "let "), 1);
}

TEST(Products, AreNotComputedOverTheirOperands) {
  EXPECT_EQ(count("f[:, :] = matmul(z[:, 0 +: 16], z[:, 16 +: 16])", "product: f[:, :] ="), 1);
  EXPECT_EQ(count("f[:, :] = matmul(f[:, :], z[:, 16 +: 16])", "product: f[:, :] ="), 0);
  EXPECT_EQ(count("f[:, :] = matmul(z[:, 0 +: 16], f[:, :])", "product: f[:, :] ="), 0);
  const auto sum = [](const char* left, const char* right) {
    return fmt::format("let a = f[:, :]\na = matmul_acc(a, {}, {})\nf[:, :] = a", left, right);
  };
  EXPECT_EQ(count(sum("z[:, 0 +: 16]", "z[:, 16 +: 16]"), "product: a +="), 1);
  EXPECT_EQ(count(sum("a", "z[:, 16 +: 16]"), "product: a +="), 0);
  EXPECT_EQ(count(sum("z[:, 0 +: 16]", "a"), "product: a +="), 0);
}

TEST(Nests, EndAtALoopWhoseLengthTheOuterOneGives) {
  const auto nest = [](const char* extent) {
    return fmt::format("parallel i in 0 .. N {{ parallel j in 0 .. {} {{ y[i, j +: 1] = x[i, 0 +: 1] }} }}", extent);
  };
  EXPECT_EQ(count(nest("9"), "phase: i in 0 .. N; j in 0 .. 9;"), 1);
  EXPECT_EQ(count(nest("i"), "phase: i in 0 .. N; idle workers"), 1);
  EXPECT_EQ(count(nest("i"), "  loop: j in 0 .. i"), 1);
}

TEST(Barriers, StandBeforeWhatReadsIndices) {
  const auto reads = [](const char* what) {
    return fmt::format(
        "parallel i in 0 .. N {{ n[i, :] = full(int32, [1, 1], 3) }}\nparallel j in 0 .. N {{\nread c = {}\nz[c, :] = x[j, "
        ":]\n}}",
        what);
  };
  EXPECT_EQ(count(reads("rows[j % 16]"), "barrier: "), 0);
  EXPECT_EQ(count(reads("n[N - 1 - j, 0]"), "barrier: n is stored before, read behind"), 1);
}

TEST(Barriers, StandBeforeWhatATileOfRowsIsUsedFor) {
  EXPECT_EQ(count("let r = rows[:]\nparallel j in 0 .. 1 { z[:, :] = x[0 +: 16, :] }", "barrier: "), 0);
  EXPECT_EQ(count("let r = rows[:]\nparallel j in 0 .. 1 { z[:, :] = x[by r, :] }", "barrier: r is stored before, read behind"),
            1);
  EXPECT_EQ(
      count("let r = rows[:]\nparallel j in 0 .. 1 { y[by r, 0 +: 32] = w[:, :] }", "barrier: r is stored before, read behind"),
      1);
}

TEST(Checks, AreOfBothEndsOfASlice) {
  const std::string body = "read c = rows[3]\nz[c +: 4, :] = w[0 +: 4, :]";
  EXPECT_EQ(count(body, "where c >= 0, else the call fails"), 1);
  EXPECT_EQ(count(body, "where c + 4 <= 16, else the call fails"), 1);
}

// What may fail fails, though nobody reads it.
TEST(TilesThatNobodyReads, AreMadeWhereTheyMayFail) {
  EXPECT_EQ(count("let g = abs(x[:, :])\nz[:, :] = w[:, :]", "let g"), 0);
  EXPECT_EQ(count("let g = gather(x[:, :], full(int32, [N, 1], 3))\nz[:, :] = w[:, :]", "let g"), 1);
}

}  // namespace
}  // namespace imbrex::plan
