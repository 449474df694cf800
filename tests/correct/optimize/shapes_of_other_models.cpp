// What other models' kernels look like: two products in one output, rows in batches. Each dissolves, is proven, and has its bits.
#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

Optimized expect_sound(const ir::Program& program) {
  Optimized after = test::optimized(program);
  EXPECT_TRUE(after.is_scheduled) << after.reason;
  expect_same_bits(program, after.program);
  expect_round_trip(after.program);
  expect_proven(after.program);
  return after;
}

const ir::Loop* loop_called(const ir::Program& program, const std::string& stem) {
  const ir::Loop* found = nullptr;
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    const auto* loop = std::get_if<ir::Loop>(&s.node);
    if (loop && loop->variable.rfind(stem, 0) == 0) found = loop;
    return true;
  });
  return found;
}

// One product is used up where it is computed; the other, which the same elements need, is stored before.
TEST(OtherModels, TwoProductsMeetInOneOutput) {
  const ir::Program program = checked(R"(
  dim T typical 128
  input x: bf16[T, 48]
  weight w: bf16[48, 80]
  weight v: bf16[48, 80]
  output y: bf16[T, 80]
  let g = matmul(x[:, :], w[:, :])
  y[:, :] = cast(g / (exp(-g) + 1.0) * matmul(x[:, :], v[:, :]), bf16, rint)
)");
  const Optimized after = expect_sound(program);
  EXPECT_NE(ir::print(after.program).find("create y_proj: f32[T, 80]"), std::string::npos) << ir::print(after.program);
  EXPECT_EQ(after.scopes_after, 2) << ir::print(after.program);
}

// Rows of a batch are tasks, however few batches there are.
TEST(OtherModels, RowsInBatchesAreTasks) {
  const ir::Program program = checked(R"(
  dim B typical 4
  input x: bf16[B, 9, 64]
  input g: f32[64]
  output y: bf16[B, 9, 64]
  parallel b in 0 .. B {
    range s in 0 .. 9 {
      let v = cast(x[b, s, :], f32)
      y[b, s, :] = cast(v * rsqrt(row_sum(v * v) + 1e-6) * g[:], bf16, rint)
    }
  }
)");
  const Optimized after = expect_sound(program);
  const ir::Loop* between = loop_called(after.program, "h");
  ASSERT_NE(between, nullptr) << ir::print(after.program);
  EXPECT_EQ(between->kind, ir::Loop::Kind::parallel) << ir::print(after.program);
}

}  // namespace
}  // namespace imbrex::optimize
