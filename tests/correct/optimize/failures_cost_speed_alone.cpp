// Where the optimizer cannot go on, or would be wrong, the author's loops stand in, and it is said which and why.
#include <stdexcept>

#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

constexpr const char* kHead = R"(
  dim T
  input x: f32[T, 32]
  input v: f32[32]
  output y: f32[T, 32]
)";

// Without a defect, the same bits, proven.
Optimized expect_sound(const std::string& text) {
  const ir::Program program = checked(text);
  expect_proven(program);
  Optimized after = test::optimized(program);
  expect_same_bits(program, after.program);
  expect_proven(after.program);
  return after;
}

bool is_told(const Optimized& after, const std::string& reason) {
  bool found = after.reason.find(reason) != std::string::npos;
  for (const Exclusion& exclusion : after.exclusions) found = found || exclusion.reason.find(reason) != std::string::npos;
  return found;
}

// ---- what the optimizer's own forms do not reach ------------------------------------------------------------------------------

TEST(Reach, AColumnThatIsNoRunOfColumnsStaysAsWritten) {
  const auto scratch = [](const char* body) {
    return std::string("dim T\ninput w: f32[T, 256]\noutput q: f32[T, 64]\ncreate s: f32[2, T, 32]\nparallel h in 0 .. 2 {") +
           body + "}\n";
  };
  // Head by head, through a scratch tensor: the columns of q are those of w in two runs.
  const Optimized heads = expect_sound(scratch("s[h, :, :] = w[:, h * 128 +: 32] * 2.0  q[:, h * 32 +: 32] = s[h, :, :]"));
  EXPECT_TRUE(is_told(heads, "w is read at column")) << heads.reason;
  // Side by side they are one run.
  const Optimized together = expect_sound(scratch("s[h, :, :] = w[:, h * 32 +: 32] * 2.0  q[:, h * 32 +: 32] = s[h, :, :]"));
  EXPECT_TRUE(together.is_scheduled) << together.reason;
  EXPECT_EQ(together.dropped.size(), 1u);
}

TEST(Reach, AnIndexThatIsNoRunOfNumbersStaysAsWritten) {
  const auto numbers = [](const char* index) {
    return std::string(
               "dim T\ninput x: f32[T, 32]\noutput y: f32[T, 32]\ncreate s: int32[4, 8]\nrange i in 0 .. 4 { s[i, :] = "
               "iota(8, ") +
           index + ") }\nview r = s: [32]\nparallel t in tiles(T, 8) { y[t, :] = x[t, :] + cast(r[:], f32, rint) }\n";
  };
  EXPECT_TRUE(is_told(expect_sound(numbers("100 * i")), "a value is computed from the index"));
  EXPECT_TRUE(expect_sound(numbers("8 * i")).is_scheduled);
}

TEST(Reach, RowsSideBySideStayAsWrittenAndEnd) {
  const auto joined = [](const char* value) {
    return std::string("dim T\ninput x: f32[T, 8]\noutput y: f32[2 * T, 8]\ny[:, :] = ") + value + "\n";
  };
  expect_sound(joined("concat_rows(x[:, :], x[:, :] * 2.0)"));
  expect_sound(joined("concat_rows(x[:, :] * 2.0, x[:, :]) + concat_rows(x[:, :], x[:, :])"));
  expect_sound(
      "dim T\ninput x: f32[T, 8]\noutput y: f32[3 * T, 8]\ny[:, :] = concat_rows(x[:, :], concat_rows(x[:, :] * 3.0, x[:, "
      ":]))\n");
}

// A main part and a tail whose size no tile has, in either order, through a tensor.
TEST(Reach, AMainPartAndATailEnd) {
  const auto parts = [](const char* first, const char* second) {
    return std::string(kHead) + "create s: f32[T, 32]\n" + first + second + "y[:, :] = s[:, :] * 2.0\n";
  };
  const char *main = "s[0 +: T // 8 * 8, :] = x[0 +: T // 8 * 8, :]\n",
             *tail = "s[T // 8 * 8 +: T % 8, :] = x[T // 8 * 8 +: T % 8, :]\n";
  expect_sound(parts(main, tail));
  expect_sound(parts(tail, main));
}

// The last row is that of the last iteration, and of no iteration behind it.
TEST(Reach, SlicesThatOverlapStayAsWritten) {
  const auto program = [](const std::string& rows, const std::string& size) {
    return "dim T\ninput x: f32[T + 1, 8]\noutput y: f32[" + rows + ", 8]\ncreate s: f32[" + rows + ", 8]\n" +
           "range i in 0 .. T { s[i +: " + size + ", :] = full(f32, [" + size + ", 8], 1.0) * x[i, :] }\n" +
           "parallel t in tiles(" + rows + ", 8) { y[t, :] = s[t, :] * 2.0 }\n";
  };
  EXPECT_TRUE(is_told(expect_sound(program("T + 1", "2")), "cannot tell from the position in s which i it was"));
  EXPECT_TRUE(expect_sound(program("T", "1")).exclusions.empty());
}

TEST(Reach, ProductsOfNothingAreProducts) {
  for (const char* k : {"0", "1", "8"}) {
    const std::string part = std::string("0 +: ") + k;
    expect_sound(
        "dim T\ninput x: f32[T, 8]\nweight w: f32[8, 8]\noutput y: f32[T, 8]\nparallel t in tiles(T, 4) { y[t, :] = "
        "matmul(x[t, " +
        part + "], w[" + part + ", :]) * -1.0 }\n");
  }
}

TEST(Reach, PartsOfNegativeExtentAreEmpty) {
  expect_sound(std::string(kHead) +
               "create s: f32[T, 32]\ns[0 +: min(T, 5), :] = x[0 +: min(T, 5), :] * 3.0\ns[5 +: T - 5, :] = x[5 +: T - 5, :]\n"
               "y[:, :] = s[:, :] * 2.0\n");
}

TEST(Reach, ColumnsOfRowsMeetRowsOfColumns) {
  const Optimized after = expect_sound(std::string(kHead) + R"(
  parallel t in tiles(T, 8) { y[t, :] = (full(f32, [t.size, 32], 0.0) + row_sum(x[t, :])) * v[:] })");
  EXPECT_TRUE(after.is_scheduled) << after.reason;
  expect_sound(std::string(kHead) + R"(
  parallel t in tiles(T, 8) { y[t, :] = select(lt(full(f32, [t.size, 32], 0.0) + row_max(x[t, :]), v[:]), x[t, :], v[:] + x[t, :]) })");
}

// Loops that stay as written keep their names for themselves.
TEST(Reach, NamesOfWhatStaysAreNotTakenAgain) {
  const auto strided = [](const char* columns) {
    return std::string(kHead) + "create s: f32[T, 32]\nview w = s: [T, 8, 4]\n" +
           "parallel t in tiles(T, 8) { range i in 0 .. 4 { w[t, :, i] = x[t, " + columns + "] } }\n" +
           "parallel u in tiles(T, 8) { y[u, :] = s[u, :] + x[u, :] }\n";
  };
  const Optimized after = expect_sound(strided("8 * i +: 8"));
  EXPECT_TRUE(after.is_scheduled);
  EXPECT_FALSE(after.exclusions.empty());
}

TEST(Reach, EqualSegmentsHaveTheirOwnNames) {
  const auto back_and_forth = [](const char* last) {
    return std::string(kHead) + "create a: f32[T, 32]\ncreate b: f32[T, 32]\nparallel t in 0 .. T { a[t, :] = x[t, :] }\n" +
           "at \"there\" @no_fusion { parallel u in 0 .. T { b[u, :] = a[u, :] + 1.0 } }\n" +
           "at \"back\" @no_fusion { parallel v2 in 0 .. T { a[v2, :] = b[v2, :] * 0.5 } }\n" +
           "at \"there\" @no_fusion { parallel w in 0 .. T { b[w, :] = a[w, :] + " + last + " } }\n" +
           "parallel z in 0 .. T { y[z, :] = b[z, :] }\n";
  };
  for (const char* last : {"1.0", "2.0"}) EXPECT_TRUE(expect_sound(back_and_forth(last)).is_scheduled) << last;
}

// ---- verified and proven before it is used -----------------------------------------------------------------------------------

const std::string kTwoParts = std::string(kHead) + R"(
  create s: f32[T, 32]
  create r: f32[T, 32]
  parallel t in tiles(T, 8) { at "first" { s[t, :] = x[t, :] * 2.0 } }
  parallel t2 in tiles(T, 8) @as_written { at "kept" { r[t2, :] = s[t2, :] + 1.0 } }
  parallel t3 in tiles(T, 8) { at "last" { y[t3, :] = r[t3, :] * v[:] } }
)";

bool mentions(const ir::Program& program, const std::string& text) { return ir::print(program).find(text) != std::string::npos; }

TEST(Proof, OfEverythingIsAskedForBeforeItIsUsed) {
  const ir::Program program = checked(kTwoParts);
  std::vector<std::string> asked;
  const Optimized after = optimize(program, test::one_machine(), [&](const ir::Program& made) {
    asked.push_back(ir::print(made));
    return proven_now(made);
  });
  ASSERT_TRUE(after.is_scheduled);
  EXPECT_EQ(after.defects.size(), 0u);
  EXPECT_EQ(asked, std::vector{ir::print(after.program)});
}

TEST(Proof, ThatFailsCostsTheSegmentAtFaultItsSchedule) {
  const ir::Program program = checked(kTwoParts);
  // As if what the optimizer makes of the last part were wrong: there the scope is called y.
  const Optimized after = optimize(program, test::one_machine(), [](const ir::Program& made) -> std::optional<std::string> {
    return mentions(made, "at \"y\"") ? std::optional<std::string>("y[t, :] is outside of y") : std::nullopt;
  });
  expect_same_bits(program, after.program);
  EXPECT_TRUE(after.is_scheduled);
  EXPECT_TRUE(mentions(after.program, "at \"last\""));
  EXPECT_FALSE(mentions(after.program, "at \"first\""));
  ASSERT_EQ(after.defects.size(), 1u);
  EXPECT_EQ(after.defects[0].happened, "y[t, :] is outside of y");
  EXPECT_EQ(after.defects[0].where.line, 13);
  EXPECT_TRUE(is_told(after, "a defect of Imbrex"));
}

TEST(Proof, ThatFailsForNoSegmentInParticularCostsTheWhole) {
  const ir::Program program = checked(kTwoParts);
  const std::string own = ir::print(program);
  const Optimized after = optimize(program, test::one_machine(), [&](const ir::Program& made) -> std::optional<std::string> {
    return mentions(made, "at \"kept\"") && !mentions(made, "at \"first\"") ? std::optional<std::string>("no") : std::nullopt;
  });
  EXPECT_FALSE(after.is_scheduled);
  EXPECT_EQ(after.defects.size(), 1u);
  EXPECT_TRUE(is_told(after, "a defect of Imbrex"));
  expect_same_bits(program, after.program);
  EXPECT_TRUE(mentions(after.program, "at \"last\""));
}

TEST(Proof, ThatThrowsCostsTheWhole) {
  const ir::Program program = checked(kTwoParts);
  const Optimized after =
      optimize(program, test::one_machine(), [](const ir::Program&) -> std::optional<std::string> { throw std::bad_alloc(); });
  EXPECT_FALSE(after.is_scheduled);
  ASSERT_EQ(after.defects.size(), 1u);
  expect_same_bits(program, after.program);
}

// Its word cannot be taken for what dissolving takes the prover's word for. That is no defect.
TEST(Proof, OfTheAuthorsProgramIsNeeded) {
  const auto shifted = [](const char* from) {
    return checked(std::string("dim T\ninput x: f32[T, 32]\noutput y: f32[T, 16]\nparallel t in tiles(T, 8) { y[t, :] = x[t, ") +
                   from + " +: 16] }\n");
  };
  const Optimized wrong = test::optimized(shifted("17"));
  EXPECT_FALSE(wrong.is_scheduled);
  EXPECT_TRUE(is_told(wrong, "it is not proven as its author wrote it: "));
  EXPECT_TRUE(test::optimized(shifted("16")).is_scheduled);
}

TEST(Passes, ThatFailAreLeftOut) {
  Defects defects;
  const auto run = [&](auto work) { return without_defect("the pass", defects, work); };
  EXPECT_TRUE(run([] {}));
  EXPECT_FALSE(run([] { throw UserError("duplicate-name", "'t' names a span already", "another name"); }));
  EXPECT_FALSE(run([] { throw std::bad_alloc(); }));
  EXPECT_FALSE(run([] {
    verified(ir::Program());
    Budget budget(3);
    for (;;) Budget::spend();
  }));
  ASSERT_EQ(defects.size(), 3u);
  EXPECT_NE(text_of(defects[0]).find("'t' names a span already"), std::string::npos);
  EXPECT_EQ(defects[2].happened, "it takes more than 3 steps");
}

// ---- budgets -----------------------------------------------------------------------------------------------------------------

TEST(Budgets, CountForWhatIsAroundThem) {
  Budget outer(10);
  {
    Budget inner(8);
    Budget::spend(6);
    EXPECT_THROW(Budget::spend(3), OutOfBudget);
  }
  EXPECT_EQ(outer.spent(), 6u);
  Budget::spend(4);
  EXPECT_THROW(Budget::spend(), OutOfBudget);
}

TEST(Budgets, AreFarAboveWhatKernelsTake) {
  uint64_t most = 0;
  for (const kernels::Entry& entry : kernels::registry())
    for (const std::string& variant : entry.variants) {
      const uint64_t steps = test::optimized(kernels::build(entry.name, variant, "", {}).program).steps;
      EXPECT_LT(steps, kStepsOfSegment / 10) << entry.name << " " << variant;
      most = std::max(most, steps);
    }
  fmt::print("at most {} steps for a kernel of the library, of {}\n", most, kStepsOfProgram);
}

// Each level of `min` and `max` doubles nothing.
TEST(Budgets, AreNotNeededForNestedBounds) {
  ir::IndexExpr e = ir::named("T");
  for (int i = 0; i < 60; ++i)
    e = i % 2 ? ir::max(ir::sub(e, ir::constant(i)), ir::named("U"))
              : ir::min(ir::add(e, ir::named("U")), ir::constant(1000 + i));
  const Ranges ranges{{"T", {1, std::nullopt}}, {"U", {1, std::nullopt}}};
  Budget budget(1000000);
  simplify(e, ranges);
  range_of(e, ranges);
  EXPECT_LT(budget.spent(), 200000u);
}

TEST(Budgets, EndWhatGrowsWithoutBound) {
  // Sixteen parts one behind the other, each of a size of its own: every read is a choice among all of them.
  std::string text = std::string(kHead) + "create s0: f32[T, 32]\n";
  const auto part = [](const std::string& to, const std::string& from, const std::string& at, const std::string& size) {
    return fmt::format("{0}[{2} +: {3}, :] = {1}[{2} +: {3}, :] * 2.0\n", to, from, at, size);
  };
  std::string from = "x";
  for (int stage = 0; stage < 6; ++stage) {
    const std::string to = fmt::format("s{}", stage);
    if (stage > 0) text += fmt::format("create {}: f32[T, 32]\n", to);
    const std::string a = fmt::format("T // {}", stage + 2);
    text += part(to, from, "0", a) + part(to, from, a, fmt::format("T - {}", a));
    from = to;
  }
  text += "y[:, :] = " + from + "[:, :]\n";
  const ir::Program program = checked(text);
  const Optimized after = optimize(program);
  expect_same_bits(program, after.program);
  EXPECT_LE(after.steps, kStepsOfProgram);
}

// A factor that no 64 bits hold is nothing to compute with, and no defect.
TEST(Algebra, DoesNotOverflow) {
  const auto simplified = [](const ir::IndexExpr& e) { return ir::to_text(simplify(e, {{"T", {1, 4}}, {"U", {1, INT64_MAX}}})); };
  const ir::IndexExpr T = ir::named("T"), large = ir::constant(INT64_MAX / 2);
  EXPECT_EQ(simplified(ir::mul(large, T)), fmt::format("{} * T", INT64_MAX / 2));
  EXPECT_THROW(simplified(ir::mul(ir::mul(large, T), ir::constant(4))), GivenUp);
  EXPECT_THROW(simplified(ir::add(ir::add(ir::mul(large, T), ir::mul(large, T)), ir::mul(large, T))), GivenUp);
  // What is known of a value that does not fit is nothing.
  EXPECT_EQ(range_of(ir::mul(ir::named("U"), ir::constant(3)), {{"U", {1, INT64_MAX}}}).most, std::nullopt);
  EXPECT_EQ(range_of(ir::mul(ir::named("U"), ir::constant(-3)), {{"U", {1, 5}}}).least, -15);
}

}  // namespace
}  // namespace imbrex::optimize
