// A scope that does not dissolve keeps its loops and says why; the scopes around it are optimized all the same.
#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

constexpr const char* kHead = R"(
  dim T
  input x: f32[T, 32]
  input v: f32[32]
  input rows: int32[1, T]
  input table: f32[4, 32]
  output y: f32[T, 32]
)";

Optimized expect_sound(const ir::Program& program) {
  Optimized after = test::optimized(program);
  expect_same_bits(program, after.program);
  expect_round_trip(after.program);
  expect_proven(after.program);
  return after;
}

// One scope is at fault: it stands in the result, `gone` does not.
void expect_kept(const std::string& body, const std::string& scope, const std::string& reason,
                 const std::vector<std::string>& gone) {
  const Optimized after = expect_sound(checked(kHead + body));
  const std::string text = ir::print(after.program);
  ASSERT_TRUE(after.is_scheduled) << after.reason;
  ASSERT_EQ(after.exclusions.size(), 1u) << text;
  EXPECT_EQ(after.exclusions[0].what, "scope " + scope);
  EXPECT_NE(after.exclusions[0].reason.find(reason), std::string::npos) << after.exclusions[0].reason;
  EXPECT_GT(after.exclusions[0].where.line, 0);
  EXPECT_NE(text.find("at \"" + scope + "\""), std::string::npos) << text;
  for (const std::string& name : gone) EXPECT_EQ(text.find("at \"" + name + "\""), std::string::npos) << text;
}

constexpr const char* kBefore = R"(
  create a: f32[T, 32]
  create b: f32[T, 32]
  parallel t in tiles(T, 8) { at "before" { a[t, :] = x[t, :] * v[:] } }
)";
constexpr const char* kAfter = R"(
  parallel u in tiles(T, 8) { at "after" { y[u, :] = b[u, :] * rsqrt(row_sum(b[u, :] * b[u, :])) } }
)";

TEST(CutOut, OnlineSoftmax) {
  expect_kept(std::string(kBefore) + R"(
  parallel r in tiles(T, 8) {
    at "online" {
      let most = full(f32, [r.size, 1], -inf)
      let sum = full(f32, [r.size, 1], 0.0)
      range c in tiles(32, 8) {
        let now = max(most, row_max(a[r, c]))
        sum = sum * exp(most - now) + row_sum(exp(a[r, c] - now))
        most = now
      }
      range d in tiles(32, 8) { b[r, d] = exp(a[r, d] - most) / sum }
    }
  }
)" + kAfter,
              "online", "carries a value from one iteration of c to the next", {"before", "after"});
}

TEST(CutOut, OneScopeOfALoopOfThree) {
  expect_kept(R"(
  create a: f32[T, 32]
  create b: f32[T, 32]
  parallel t in tiles(T, 8) {
    at "before" { a[t, :] = x[t, :] * v[:] }
    at "branch" { if t.index == 0 { b[t, :] = a[t, :] } else { b[t, :] = a[t, :] + v[:] } }
    at "after" { y[t, :] = b[t, :] * row_max(b[t, :]) }
  }
)",
              "branch", "a condition chooses between statements", {"before", "after"});
}

TEST(CutOut, RowsFromData) {
  // The tile of row numbers stays with the scope that takes it.
  expect_kept(std::string(kBefore) + R"(
  at "gathered" {
    let at_rows = rows[0, :]
    assume 0 <= at_rows and at_rows < 4
    b[:, :] = table[by at_rows, :] + a[:, :]
  }
)" + kAfter,
              "gathered", "something is assumed of each element of at_rows", {"before", "after"});
}

TEST(CutOut, WhatChangesATensorInPlaceReadsTheOtherPartsValue) {
  const Optimized after = expect_sound(checked(kHead + std::string(R"(
  create a: f32[T, 32]
  parallel t in tiles(T, 8) { at "before" { a[t, :] = x[t, :] * v[:] } }
  parallel r in tiles(T, 8) { at "kept" @as_written { a[r, 0 +: 8] = a[r, 8 +: 8] } }
  parallel s in tiles(T, 8) { at "in_place" { a[s, :] = a[s, :] + v[:] } }
  parallel u in tiles(T, 8) { at "after" { y[u, :] = a[u, :] * v[:] } }
)")));
  EXPECT_NE(ir::print(after.program).find("at \"in_place\""), std::string::npos) << ir::print(after.program);
  ASSERT_EQ(after.exclusions.size(), 2u);
  EXPECT_EQ(after.exclusions[1].reason,
            "it reads a, which has a value before, and stores to it, and the optimizer would not keep the order of the two; "
            "store to another tensor");
}

// By itself it reads eight columns of its own and others of the scope before it, which it must not lose.
TEST(CutOut, WhatStoresAPartOfWhatItReadsIsNotMadeAnew) {
  const Optimized after = expect_sound(checked(kHead + std::string(R"(
  create a: f32[T, 32]
  parallel t in tiles(T, 8) { at "before" { a[t, :] = x[t, :] * v[:] } }
  parallel r in tiles(T, 8) { at "part" { a[r, 0 +: 8] = x[r, 0 +: 8]  y[r, :] = a[r, :] * 2.0 } }
)")));
  EXPECT_NE(ir::print(after.program).find("at \"part\""), std::string::npos) << ir::print(after.program);
}

TEST(CutOut, AnInoutIsReadOrWrittenByWhatDissolves) {
  const Optimized after = expect_sound(checked(R"(
  dim T
  input x: f32[T, 32]
  inout state: f32[T, 32]
  output y: f32[T, 32]
  output z: f32[T, 32]
  parallel t in tiles(T, 8) { at "first" { y[t, :] = x[t, :] + state[t, :] } }
  parallel r in tiles(T, 8) { at "half" { z[r, :] = y[r, :] * x[r, :] } }
  parallel u in tiles(T, 8) { at "second" { state[u, 0 +: 16] = x[u, 0 +: 16]  } }
)"));
  EXPECT_TRUE(after.is_scheduled) << after.reason;
  EXPECT_TRUE(after.exclusions.empty());
}

TEST(CutOut, PartsThatLeaveElementsBetweenThemAreNotFilled) {
  // The other half of the rows is the kept scope's; what dissolves must not touch it.
  const Optimized after = expect_sound(checked(kHead + std::string(R"(
  create a: f32[T, 32]
  parallel t in tiles(T, 8) { at "kept" @as_written { y[t, :] = x[t, :] } }
  range h in 0 .. 2 { at "every_second" { y[:, 16 * h +: 8] = x[:, 16 * h +: 8] * v[16 * h +: 8] } }
)")));
  EXPECT_FALSE(after.is_scheduled);
  const Optimized rows = expect_sound(checked(R"(
  dim T
  input x: f32[64, 32]
  input m: f32[T, 32]
  output y: f32[64, 32]
  output z: f32[T, 32]
  parallel t in tiles(64, 8) { at "kept" @as_written { y[t, :] = x[t, :] } }
  parallel r in tiles(16, 8) { at "some_rows" { y[r, :] = x[r, :] * x[r, :] } }
  parallel u in tiles(T, 8) { at "others" { z[u, :] = m[u, :] + m[u, :] } }
)"));
  EXPECT_NE(ir::print(rows.program).find("at \"some_rows\""), std::string::npos) << ir::print(rows.program);
  EXPECT_EQ(ir::print(rows.program).find("at \"others\""), std::string::npos) << ir::print(rows.program);
}

// The loop over t is first cut off from what stands before it; then its scope is cut out of what follows.
TEST(CutOut, AScopeOfALoopThatIsCutOffAlready) {
  const Optimized after = expect_sound(checked(R"(
  dim T typical 16
  input x: f32[T, 16]
  output y: f32[T, 16]
  output z: f32[T, 16]
  output w: f32[T, 16]
  parallel i in tiles(T, 4) { y[i, :] = x[i, :] * 3.0 }
  parallel t in tiles(T, 2) {
    at "parts" {
      create p: f32[t.size, 16]
      p[:, 0 +: 3] = x[t, 0 +: 3]
      p[:, 3 +: 2] = x[t, 3 +: 2] * 2.0
      p[:, 5 +: 11] = x[t, 0 +: 11] + 1.0
      let a = p[:, 0 +: 1]
      a = a + row_max(p[:, 8 +: 7])
      z[t, :] = p[:, :] + a
    }
  }
  range h in 0 .. 2 {
    create q: f32[T, 8]
    q[:, :] = z[:, h * 8 +: 8] * -1.0
    w[:, h * 8 +: 8] = q[:, :] + row_sum(q[:, :])
  }
)"));
  ASSERT_TRUE(after.is_scheduled) << after.reason;
  EXPECT_LT(after.steps, 100000u);
  EXPECT_LT(after.exclusions.size(), 5u);
}

TEST(CutOut, ATileOfTheTopLevelBelongsToBothSides) {
  const Optimized after = expect_sound(checked(kHead + std::string(R"(
  create a: f32[T, 32]
  let scale = row_sum(v[:])
  parallel t in tiles(T, 8) { at "first" { a[t, :] = x[t, :] * scale } }
  parallel r in tiles(T, 8) { at "kept" @as_written { a[r, 0 +: 8] = a[r, 8 +: 8] * scale } }
  parallel u in tiles(T, 8) { at "third" { y[u, :] = a[u, :] * v[:] } }
)")));
  ASSERT_TRUE(after.is_scheduled) << after.reason;
  EXPECT_EQ(ir::print(after.program).find("at \"third\""), std::string::npos) << ir::print(after.program);
}

}  // namespace
}  // namespace imbrex::optimize
