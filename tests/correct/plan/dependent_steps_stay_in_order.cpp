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
  inout b: bf16[N, 32]
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

TEST(Products, AreStoredAtOnceWhereTheirPlaceNeedsNoCheck) {
  const auto product = [](const char* row) {
    return fmt::format("read c = rows[3]\nf[{} +: 8, :] = matmul(z[0 +: 8, 0 +: 16], z[0 +: 16, 16 +: 16])", row);
  };
  EXPECT_EQ(count(product("4"), "product: f[4 +: 8, :] ="), 1);
  EXPECT_EQ(count(product("c"), "product: f["), 0);
  EXPECT_EQ(count(product("c"), "where c + 8 <= 16, else the call fails"), 1);
}

TEST(Nests, EndAtALoopWhoseLengthTheOuterOneGives) {
  const auto nest = [](const char* extent) {
    return fmt::format("parallel i in 0 .. N {{ parallel j in 0 .. {} {{ y[i, j +: 1] = x[i, 0 +: 1] }} }}", extent);
  };
  EXPECT_EQ(count(nest("9"), ": i in 0 .. N; j in 0 .. 9;"), 1);
  EXPECT_EQ(count(nest("i"), ": i in 0 .. N; idle workers"), 1);
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
  EXPECT_EQ(count(reads("n[N - 1 - j, 0]"), "barrier: n: stored above, read below"), 1);
}

TEST(Barriers, StandBeforeWhatATileOfRowsIsUsedFor) {
  EXPECT_EQ(count("let r = rows[:]\nparallel j in 0 .. 1 { z[:, :] = x[0 +: 16, :] }", "barrier: "), 0);
  EXPECT_EQ(count("let r = rows[:]\nparallel j in 0 .. 1 { z[:, :] = x[by r, :] }", "barrier: r: stored above, read below"), 1);
  EXPECT_EQ(count("let r = rows[:]\nparallel j in 0 .. 1 { y[by r, 0 +: 32] = w[:, :] }", "barrier: r: stored above, read below"),
            1);
}

// Who finds the memory free may store to it while others still read what is there.
TEST(Barriers, StandWhereMemoryIsUsedAgain) {
  const std::string phases = R"(
    create t: f32[N, 32]
    parallel i in 0 .. N { t[i, :] = x[i, :] }
    parallel j in 0 .. N { y[j, 0 +: 32] = t[N - 1 - j, :] }
  )";
  EXPECT_EQ(count(phases, "barrier: "), 1);
  EXPECT_EQ(count("range k in 0 .. 2 {" + phases + "}", "barrier: "), 2);
  EXPECT_EQ(count("range k in 0 .. 2 {" + phases + "}", "barrier: its memory is used again"), 1);
}

// A queue is filled once, before a barrier that all workers come to.
TEST(Tasks, AreStolenBehindABarrierOfAll) {
  const std::string two = R"(
    parallel i in 0 .. N { y[i, 0 +: 32] = x[i, :] }
    parallel j in 0 .. N { y[j, 32 +: 32] = y[N - 1 - j, 0 +: 32] }
  )";
  const std::string third = "parallel k in 0 .. N { n[k, :] = full(int32, [1, 1], 3) }";
  EXPECT_EQ(count(two, "idle workers steal"), 1);
  EXPECT_EQ(count(two + third, "idle workers steal"), 2);
  EXPECT_EQ(count("if N > 8 {" + two + "}\n" + third, "idle workers steal"), 1);
  EXPECT_EQ(count("range again in 0 .. 2 {" + two + "}", "idle workers steal"), 0);
}

TEST(Stores, GoPastTheCachesInWholeLines) {
  const auto store = [](const char* begin) { return fmt::format("y[:, {} +: 32] = x[:, :] * 2.0 @stream", begin); };
  EXPECT_EQ(count(store("16"), ", past the caches"), 1);
  EXPECT_EQ(count(store("17"), ", past the caches"), 0);
}

TEST(Checks, AreOfSpansWhoseLoopDataEnds) {
  const auto copied = [](const char* rows) {
    return fmt::format("read c = rows[3]\nrange k in tiles({}, 4) {{ z[k, :] = w[k, :] }}", rows);
  };
  EXPECT_EQ(count(copied("16"), "else the call fails"), 0);
  EXPECT_EQ(count(copied("c"), "where k.begin + k.size <= 16, else the call fails"), 2);
}

TEST(Checks, AreOfRowsThatMayBeNone) {
  const auto listed = [](const char* of) {
    return fmt::format("create few: f32[max(N - 4, 0), 32]\nlet r = rows[:]\nz[:, :] = {}[by r, :]", of);
  };
  EXPECT_EQ(count(listed("x"), "else the call fails"), 0);
  EXPECT_EQ(count(listed("few"), "> 0 or 16 <= 0, else the call fails"), 1);
}

TEST(Checks, AreOfBothEndsOfASlice) {
  const std::string body = "read c = rows[3]\nz[c +: 4, :] = w[0 +: 4, :]";
  EXPECT_EQ(count(body, "where c >= 0, else the call fails"), 1);
  EXPECT_EQ(count(body, "where c + 4 <= 16, else the call fails"), 1);
}

TEST(Memory, IsTakenForAValueOfWhichOtherColumnsAreRead) {
  const auto value = [](const char* columns, const char* use) {
    return fmt::format("parallel t in tiles(N, 8) {{\nlet u = x[t, 3 +: 1] * 2.0\ny[t, 0 +: {}] = {}\n}}", columns, use);
  };
  EXPECT_EQ(count(value("1", "u"), "take u"), 0);
  EXPECT_EQ(count(value("8", "gather(u, full(int32, [t.size, 8], 0))"), "take u_row: 1 f32"), 1);
}

TEST(Memory, OfAStageIsThatOfAllItsRows) {
  const std::string body = "parallel t in tiles(N, 8) {\nlet u = x[t, :] * 3.0\nlet sum = row_sum(u)\ny[t, 0 +: 32] = u / sum\n}";
  EXPECT_EQ(count(body, "in 2 stages, 4 rows at a time"), 1);
  EXPECT_EQ(count(body, "take u_rows: 128 f32"), 1);
  EXPECT_EQ(count(body, "take sum_rows: 4 f32"), 1);
}

TEST(Memory, EndsWithALine) {
  EXPECT_EQ(count("create few: f32[1, 3]\nfew[:, :] = w[0 +: 1, 0 +: 3]", "take few: 3 f32 of all workers' memory, 64 bytes"), 1);
  EXPECT_EQ(count("create few: f32[1, 17]\nfew[:, :] = w[0 +: 1, 0 +: 17]", "take few: 17 f32 of all workers' memory, 128 bytes"),
            1);
}

TEST(Memory, OfATileThatMayBeEmptyIsNotBelowZero) {
  const auto tile = [](const char* columns) {
    return fmt::format("let g = x[:, 0 +: {}] * 2.0\nz[0 +: 1, 0 +: 1] = row_max(col_sum(g))", columns);
  };
  EXPECT_EQ(count(tile("min(N, 8)"), "take g: N * min(N, 8) f32"), 1);
  EXPECT_EQ(count(tile("min(N - 4, 8)"), "take g: N * max(0, min(N - 4, 8)) f32"), 1);
}

TEST(Memory, OfElementsThatAreAllToDifferIsFourTimesTheirs) {
  EXPECT_EQ(count("let r = rows[:]\nassume_distinct r\nz[:, :] = x[by r, :]", "take r_seen: 64 int32"), 1);
}

TEST(Memory, HasGapsBetweenRowsWhereNoViewSeesThem) {
  const std::string stored = "t[:, 0 +: 32] = x[:, :]";
  EXPECT_EQ(count("create t: f32[N, 512]\n" + stored, "16 elements between its rows"), 1);
  EXPECT_EQ(count("create t: f32[N, 512]\nview u = t: [N * 512]\n" + stored, "elements between its rows"), 0);
}

TEST(Pairs, OfVectorsAreStoredWhereNobodyReadsInBetween) {
  EXPECT_EQ(count("b[:, :] = cast(x[:, :], bf16, rint)", "columns: 32, 32 at a time"), 1);
  EXPECT_EQ(count("b[:, :] = cast(cast(b[:, :], f32) * 2.0, bf16, rint)", "columns: 32, 16 at a time"), 1);
}

// What may fail fails, though nobody reads it.
TEST(TilesThatNobodyReads, AreMadeWhereTheyMayFail) {
  EXPECT_EQ(count("let g = abs(x[:, :])\nz[:, :] = w[:, :]", "let g"), 0);
  EXPECT_EQ(count("let g = gather(x[:, :], full(int32, [N, 1], 3))\nz[:, :] = w[:, :]", "let g"), 1);
}

}  // namespace
}  // namespace imbrex::plan
