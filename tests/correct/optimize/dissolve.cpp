// What dissolves has the same form however it was written; what would change a bit is refused with the reason.
#include "imbrex/optimize/dissolve.h"

#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

constexpr const char* kHead = R"(
  dim T
  input x: f32[T, 32]
  input v: f32[32]
  output y: f32[T, 32]
)";

ir::Program with(const std::string& body) { return checked(kHead + body); }

std::string form_of(const std::string& body) {
  auto result = dissolve(as_written(with(body)));
  if (const auto* refused = std::get_if<NotDissolved>(&result)) return "refused: " + refused->reason;
  return std::get<Dissolved>(result).text();
}

// Both dissolve, into the same form, and the optimized program has the bits of both.
void expect_same_form(const std::string& one, const std::string& other) {
  EXPECT_EQ(form_of(one), form_of(other));
  EXPECT_FALSE(form_of(one).starts_with("refused")) << form_of(one);
  for (const std::string& body : {one, other}) expect_same_bits(with(body), test::optimized(with(body)).program);
}

// It must not dissolve; and the optimizer, which then keeps the loops, keeps the bits.
void expect_refused(const std::string& body, const std::string& reason) {
  EXPECT_NE(form_of(body).find("refused: " + reason), std::string::npos) << form_of(body);
  expect_same_bits(with(body), test::optimized(with(body)).program);
}

const std::string kWhole = "y[:, :] = x[:, :] * v[:]\n";

TEST(Dissolve, TilesAndChunksAreNotMeaning) {
  expect_same_form("parallel t in tiles(T, 8) { range c in tiles(32, 12) { y[t, c] = x[t, c] * v[c] } }\n", kWhole);
  expect_same_form("parallel t in tiles(T, 3) { at \"s\" { let u = x[t, :]  y[t, :] = v[:] * u } }\n", kWhole);
  expect_same_form("parallel h in 0..4 { y[:, 8 * h +: 8] = x[:, 8 * h +: 8] * v[8 * h +: 8] }\n", kWhole);
  expect_same_form("parallel t in tiles(T, 1) { y[t, :] = x[t, :] * v[:] }\n", kWhole);
  expect_same_form("range c in tiles(32, 1) { y[:, c] = x[:, c] * v[c] }\n", kWhole);
}

TEST(Dissolve, StagingTensorsAndViewsAreNotMeaning) {
  expect_same_form("create s: f32[T, 32]\nparallel t in tiles(T, 8) { s[t, :] = x[t, :] }\ny[:, :] = s[:, :] * v[:]\n", kWhole);
  expect_same_form(R"(
    view w = y: [T, 4, 8]
    view z = x: [T, 4, 8]
    parallel h in 0..4 { w[:, h, :] = z[:, h, :] * v[8 * h +: 8] }
  )",
                   kWhole);
  expect_same_form(R"(
    parallel h in 0..4 {
      create s: f32[T, 8]
      s[:, :] = x[:, 8 * h +: 8]
      y[:, 8 * h +: 8] = s[:, :] * v[8 * h +: 8]
    }
  )",
                   kWhole);
}

TEST(Dissolve, PartsAndResiduesAreOneValue) {
  const std::string halves = "y[:, 0 +: 16] = x[:, 0 +: 16]\ny[:, 16 +: 16] = -x[:, 16 +: 16]\n";
  expect_same_form(halves, "y[:, :] = concat_columns(x[:, 0 +: 16], -x[:, 16 +: 16])\n");
  expect_same_form("y[:, :] = interleave(even(x[:, :]), odd(x[:, :]))\n", "y[:, :] = interleave(even(x[:, :]), odd(x[:, :]))\n");
}

TEST(Dissolve, AnUpdateInPlaceIsTheSecondValue) {
  expect_same_form("range t in tiles(T, 8) { y[t, :] = x[t, :]  y[t, :] = y[t, :] * v[:] }\n", kWhole);
  expect_same_form("y[:, :] = x[:, :]\nrange t in tiles(T, 8) { y[t, :] = y[t, :] * v[:] }\n", kWhole);
}

TEST(Dissolve, ASumOfEqualElementsCountsThem) {
  for (const char* body : {"y[:, :] = x[:, :] * row_sum(full(f32, [T, 6], 0.1))\n",
                           "y[:, :] = x[:, :] + row_sum(row_max(x[:, :]) * full(f32, [T, 5], 0.7))\n"}) {
    const Optimized after = test::optimized(with(body));
    EXPECT_TRUE(after.is_scheduled) << after.reason;
    expect_same_bits(with(body), after.program);
  }
}

TEST(Dissolve, EverySecondColumnOfAProductIsTakenOutOfPairs) {
  const ir::Program program = checked(
      "dim T\ninput x: bf16[T, 3]\ninput w: bf16[3, 20]\noutput y: f32[T, 10]\n"
      "parallel i in tiles(T, 10) { y[i, :] = even(abs(matmul(x[i, :], w[:, :]))) }\n");
  expect_same_bits(program, test::optimized(program).program);
}

TEST(Dissolve, NamesOfTheAuthorMeanNothing) {
  expect_same_form("parallel k in 0..4 { y[:, 8 * k +: 8] = x[:, 8 * k +: 8] * v[8 * k +: 8] }\n", kWhole);
  expect_same_form(
      "parallel i0 in 0..4 { range a0 in tiles(T, 8) { y[a0, 8 * i0 +: 8] = x[a0, 8 * i0 +: 8] * v[8 * i0 +: 8] } }\n", kWhole);
}

TEST(Dissolve, RefusesCarriedValues) {
  expect_refused(R"(
    let m = full(f32, [1, 32], 0.0)
    y[:, :] = x[:, :]
    range t in 0..T { m = exp(m) + x[t, :]  y[t, :] = m }
  )",
                 "m carries a value from one iteration of t to the next");
  expect_refused("y[:, :] = x[:, :]\nrange h in 0..31 { y[:, h + 1] = y[:, h] + x[:, h] }\n",
                 "y is read in the loop h, of which another iteration may have stored it");
  // What the loop makes of it is a sum; what each iteration stores is no part of that.
  expect_refused("let s = full(f32, [1, 32], 0.0)\nrange t in 0..T { s = s + x[t, :]  y[t, :] = s }\n",
                 "s carries a value from one iteration of t to the next");
}

// The last columns are of the last iteration, which a quotient of their numbers does not give.
TEST(Dissolve, RefusesValuesOfIterationsThatStoreOverEachOther) {
  expect_refused("range h in 0..13 { y[:, 2 * h +: 8] = x[:, 8 +: 8] * v[h +: 1] }\n",
                 "the value stored to y depends on h, and the optimizer cannot tell from the position in y which h it was");
}

// A part ends before its end: columns up to and including it are of two parts, columns before it of one.
TEST(Dissolve, PartsEndBeforeTheirEnd) {
  const auto columns = [](const char* begin, const char* count) {
    return with(fmt::format(
        "let s = concat_columns(x[:, 0 +: 16] * 2.0, x[:, 16 +: 16])\ny[:, :] = x[:, :]\ny[:, 0 +: {1}] = columns(s, {0}, {1})\n",
        begin, count));
  };
  for (const auto& [begin, count] : {std::pair{"0", "16"}, {"0", "17"}, {"15", "2"}, {"16", "16"}, {"15", "1"}, {"16", "1"}}) {
    expect_same_bits(columns(begin, count), test::optimized(columns(begin, count)).program);
    const auto rows =
        with(fmt::format("create s: f32[33, 32]\ns[0 +: 16, :] = x[0 +: 1, :] * full(f32, [16, 32], 2.0)\n"
                         "s[16 +: 17, :] = x[0 +: 1, :] + full(f32, [17, 32], 1.0)\n"
                         "y[:, :] = x[:, :] * row_sum(s[{0} +: {1}, 3] * full(f32, [1, {1}], 1.0))\n",
                         begin, count));
    expect_same_bits(rows, test::optimized(rows).program);
  }
}

TEST(Dissolve, RefusesASumThatContinuesFromElsewhere) {
  // The other half is not what stands behind the first.
  expect_refused("let s = row_sum(x[:, 16 +: 16])\ns = row_sum_acc(s, x[:, 0 +: 16])\ny[:, :] = x[:, :] * s\n",
                 "a row_sum_acc continues a value that is not +0");
  // -0 is not what a sum of columns starts from.
  expect_refused(
      "let s = full(f32, [1, 32], -0.0)\nrange t in tiles(T, 8) { s = col_sum_acc(s, x[t, :]) }\ny[:, :] = x[:, :] * s\n",
      "a col_sum_acc continues a value that is not +0");
  expect_refused(
      "let s = full(f32, [T, 1], 0.0)\nrange h in 0..2 { s = s + row_sum(x[:, 16 * h +: 16]) }\ny[:, :] = x[:, :] * s\n",
      "s carries");
}

TEST(Dissolve, RefusesAStoreOfSomeOfWhatWasStored) {
  // Every second block of eight: the others keep their values.
  expect_refused("y[:, :] = x[:, :]\nrange h in 0..2 { y[:, 16 * h +: 8] = full(f32, [T, 8], 1.0) }\n",
                 "parts of y that are stored one after the other may overlap");
  expect_refused("range h in 0..2 { y[:, 16 * h +: 8] = x[:, 16 * h +: 8]  y[:, 16 * h + 8 +: 8] = -x[:, 16 * h + 8 +: 8] }\n",
                 "parts of y that are stored one after the other may overlap");
  // A diagonal fills no box.
  expect_refused(
      "create s: f32[32, 32]\ns[:, :] = full(f32, [32, 32], 2.0)\nrange h in 0..32 { s[h, h] = full(f32, [1, 1], 1.0) }\ny[:, :] "
      "= x[:, :] * s[3, :]\n",
      "parts of s that are stored one after the other may overlap");
  // At T = 1 the loop does not run.
  expect_refused("y[:, :] = x[:, :]\nrange h in 0..T - 1 { y[:, :] = full(f32, [T, 32], 1.0) }\n",
                 "parts of y that are stored one after the other may overlap");
  // A part whose size may be anything.
  expect_refused("y[:, :] = x[:, :]\ny[T // 2 +: T // 3, :] = full(f32, [T // 3, 32], 1.0)\n",
                 "parts of y that are stored one after the other may overlap");
}

TEST(Dissolve, ARangeThatIsStoredAgainLeavesTheRest) {
  const std::string parts =
      "y[:, 0 +: 8] = x[:, 0 +: 8]\ny[:, 8 +: 8] = x[:, 8 +: 8] * v[8 +: 8]\ny[:, 16 +: 16] = x[:, 16 +: 16]\n";
  expect_same_form("y[:, :] = x[:, :]\ny[:, 8 +: 8] = x[:, 8 +: 8] * v[8 +: 8]\n", parts);
  expect_same_form("y[:, :] = x[:, :]\nparallel t in tiles(T, 5) { y[t, 8 +: 8] = x[t, 8 +: 8] * v[8 +: 8] }\n", parts);
  // In one and the same iteration, and read in it.
  expect_same_form(
      "parallel h in 0..4 { create s: f32[1, 8]  s[:, :] = full(f32, [1, 8], 1.0)  s[0, 2 * h +: 2] = full(f32, [1, 2], 2.0)  "
      "y[:, 8 * h +: 8] = x[:, 8 * h +: 8] * s[0, 2 * h] }\n",
      "y[:, :] = x[:, :] * 2.0\n");
}

TEST(Dissolve, RefusesOverwritingAcrossIterations) {
  // The last iteration's first store wins over the earlier iterations' second one.
  expect_refused("range h in 0..4 { y[:, :] = x[:, :]  y[:, 8 * h +: 8] = full(f32, [T, 8], 1.0) }\n",
                 "parts of y that are stored one after the other may overlap");
  // The middle block is added to twice.
  expect_refused(
      "y[:, :] = x[:, :]\nrange h in 0..2 { range j in 0..2 { y[:, 8 * h + 8 * j +: 8] = y[:, 8 * h + 8 * j +: 8] + x[:, 8 * h + "
      "8 * j +: 8] } }\n",
      "y is read in the loop h, of which another iteration may have stored it");
  // The first iteration finds what was there before, the others what the first one left.
  expect_refused(R"(
    create s: f32[1, 16]
    s[0, :] = full(f32, [1, 16], 3.0)
    range h in 0..4 {
      s[0, 0 +: 8] = full(f32, [1, 8], 1.0)
      y[:, 8 * h +: 8] = x[:, 8 * h +: 8] * s[0, 8 +: 8]
      s[0, 8 +: 8] = full(f32, [1, 8], 2.0)
    }
  )",
                 "");
  // More rows than the iteration's own.
  expect_refused(R"(
    create s: f32[T + 40, 32]
    s[:, :] = full(f32, [T + 40, 32], 3.0)
    range t in tiles(T + 40, 8) { s[t, :] = full(f32, [t.size, 32], 1.0)  y[0, :] = col_sum(s[0 +: 20, :]) }
    y[:, :] = x[:, :] + s[0 +: T, :]
  )",
                 "");
}

TEST(Dissolve, RefusesASumOverAPartThatALoopChooses) {
  expect_refused("range c in tiles(32, 12) { y[:, :] = x[:, :] * row_sum(full(f32, [1, c.size], 1.0)) }\n", "");
}

TEST(Dissolve, RefusesWhatDataDecides) {
  const ir::Program program = checked(R"(
    dim T
    input x: f32[T, 32]
    input at: int32[1, T]
    output y: f32[T, 32]
    let i = at[0, :]
    y[:, :] = x[by i, :]
  )");
  const auto result = dissolve(program);
  ASSERT_TRUE(std::holds_alternative<NotDissolved>(result));
  EXPECT_TRUE(std::get<NotDissolved>(result).reason.starts_with("x is read at positions that a tile lists"));
  EXPECT_GT(std::get<NotDissolved>(result).where.line, 0);
}

TEST(Dissolve, AssumptionsStay) {
  const ir::Program program = with("assume T < 1000\n" + kWhole);
  const Optimized after = test::optimized(program);
  ASSERT_TRUE(after.is_scheduled) << after.reason;
  EXPECT_NE(ir::print(after.program).find("assume T < 1000"), std::string::npos);
  expect_refused("range t in 0..T { assume t < 1000  y[t, :] = x[t, :] }\n", "an assumption is made in a loop");
}

TEST(Dissolve, PinsKeepTheLoops) {
  const Optimized after = test::optimized(with("parallel t in tiles(T, 8) @as_written { y[t, :] = x[t, :] * v[:] }\n"));
  EXPECT_FALSE(after.is_scheduled);
  EXPECT_NE(ir::print(after.program).find("tiles(T, 8)"), std::string::npos);
}

}  // namespace
}  // namespace imbrex::optimize
