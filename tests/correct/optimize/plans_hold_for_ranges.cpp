// Where another schedule is clearly faster for some sizes, the program holds both, and chooses. Same bits on both sides of each
// border, and the prover shows that the branches together are every size.
#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

// Three heads on two cores: for many rows, tiles of rows of whole heads are tasks enough; a single tile leaves a core idle a
// third of the time, and a round trip through memory costs less.
ir::Program three_heads() {
  return checked(R"(
  dim T typical 128
  input x: int8[T, 256]
  weight w: int8[256, 1536]
  output y: f32[T, 3, 512]
  create p: int32[T, 1536]
  p[:, :] = matmul(x[:, :], w[:, :])
  parallel h in 0 .. 3 {
    let v = cast(p[:, 512 * h +: 512], f32, rint)
    y[:, h, :] = v * rsqrt(row_sum(v * v) + 1.0)
  }
)");
}

const ir::If* plans_of(const ir::Program& program) {
  for (const ir::Statement& statement : program.body)
    if (const auto* branch = std::get_if<ir::If>(&statement.node)) return branch;
  return nullptr;
}

int64_t border_of(const ir::If& plans) { return *ir::constant_value(plans.condition.at(0).right); }

TEST(Plans, AreTwoWhereTheModelSaysSo) {
  const ir::Program program = three_heads();
  const Optimized after = test::optimized(program);
  ASSERT_TRUE(after.is_scheduled) << after.reason;
  const ir::If* plans = plans_of(after.program);
  ASSERT_NE(plans, nullptr) << ir::print(after.program);
  expect_round_trip(after.program);
  expect_proven(after.program);
  const int64_t border = border_of(*plans);
  EXPECT_GE(border, 1);
  EXPECT_LT(border, 128);
  EXPECT_EQ(ir::print(plans->condition), fmt::format("T <= {}", border)) << "the plan for few rows is the first";
  for (int64_t T : {int64_t{1}, border - 1, border, border + 1, 2 * border + 1}) {
    if (T < 1) continue;
    auto expected = run_with(program, T, 5), actual = run_with(after.program, T, 5);
    expect_same_outputs(program, expected, actual, fmt::format("T = {}, border {}", T, border));
  }
  bool said = false;
  for (const Choice& choice : after.choices) said = said || (choice.subject == "plans" && !choice.rejected.empty());
  EXPECT_TRUE(said);
}

TEST(Plans, EachBranchIsNeededToCoverEverySize) {
  ir::Program program = test::optimized(three_heads()).program;
  for (const bool first : {true, false}) {
    ir::Program broken = program;
    for (ir::Statement& statement : broken.body)
      if (auto* branch = std::get_if<ir::If>(&statement.node)) (first ? branch->then_block : branch->else_block).pop_back();
    EXPECT_FALSE(prove::prove(broken).proven) << ir::print(broken);
  }
}

TEST(Plans, AreOneWhereOneIsEnough) {
  for (const char* preset : {"demo", "flash", "pro"}) {
    const Optimized after = test::optimized(kernels::build("deepseek_v4/qkv_proj_rope", "plain", preset, {}).program);
    EXPECT_EQ(plans_of(after.program), nullptr) << preset;
  }
}

TEST(Plans, FollowFromTheMachineAlone) {
  // One core is never idle: its program needs no second plan.
  Machine one = test::one_machine();
  one.rates.cores = 1;
  const Optimized after = test::optimized(three_heads(), one);
  EXPECT_EQ(plans_of(after.program), nullptr) << ir::print(after.program);
  expect_same_bits(three_heads(), after.program);
  EXPECT_EQ(ir::print(test::optimized(three_heads()).program), ir::print(test::optimized(three_heads()).program));
}

}  // namespace
}  // namespace imbrex::optimize
