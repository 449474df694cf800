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

// Two products of one left side, of which each element needs the same element of both, are computed in one scope.
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
  EXPECT_EQ(ir::print(after.program).find("create"), std::string::npos) << ir::print(after.program);
  EXPECT_EQ(after.scopes_after, 1) << ir::print(after.program);
}

// Of two left sides, one product is used up where it is computed; the other, which the same elements need, is stored before.
TEST(OtherModels, ProductsOfTwoLeftSidesMeetInOneOutput) {
  const ir::Program program = checked(R"(
  dim T typical 128
  input x: bf16[T, 48]
  input z: bf16[T, 48]
  weight w: bf16[48, 80]
  weight v: bf16[48, 80]
  output y: bf16[T, 80]
  y[:, :] = cast(matmul(x[:, :], w[:, :]) * matmul(z[:, :], v[:, :]), bf16, rint)
)");
  const Optimized after = expect_sound(program);
  EXPECT_NE(ir::print(after.program).find("create y_proj: f32[T, 80]"), std::string::npos) << ir::print(after.program);
  EXPECT_EQ(after.scopes_after, 2) << ir::print(after.program);
}

// What a gated MLP multiplies by its last weight is stored once, as bf16, by the scope that computes both products before it. On
// tile registers it is stored by whole rows, as those load them.
TEST(OtherModels, AGatedMlpIsTwoScopes) {
  const ir::Program program = checked(R"(
  dim T typical 128
  input x: bf16[T, 64]
  weight gate: bf16[64, 96]
  weight up: bf16[64, 96]
  weight down: bf16[96, 64]
  output y: bf16[T, 64]
  let g = matmul(x[:, :], gate[:, :])
  let h = cast(g / (exp(-g) + 1.0) * matmul(x[:, :], up[:, :]), bf16, rint)
  y[:, :] = cast(matmul(h, down[:, :]), bf16, rint)
)");
  const Optimized after = expect_sound(program);
  const std::string text = ir::print(after.program);
  EXPECT_EQ(after.scopes_after, 2) << text;
  EXPECT_EQ(text.find("create"), text.rfind("create")) << text;
  EXPECT_NE(text.find("create lhs_of_down: bf16[T, 96]"), std::string::npos) << text;
  const Optimized of_tiles = optimize(program, *target::target_named("amx"));
  EXPECT_NE(ir::print(of_tiles.program).find("@tiles"), std::string::npos) << ir::print(of_tiles.program);
  expect_same_bits(program, of_tiles.program);
}

// A left side that needs whole rows of a product takes a scope of its own.
TEST(OtherModels, ALeftSideThatReducesRowsHasItsOwnScope) {
  const ir::Program program = checked(R"(
  dim T typical 128
  input x: bf16[T, 64]
  weight a: bf16[64, 96]
  weight b: bf16[96, 64]
  output y: f32[T, 64]
  create h: f32[T, 96]
  h[:, :] = matmul(x[:, :], a[:, :])
  y[:, :] = matmul(cast(h[:, :] + row_max(h[:, :]), bf16, rint), b[:, :])
)");
  const Optimized after = expect_sound(program);
  EXPECT_EQ(after.scopes_after, 3) << ir::print(after.program);
}

// Probabilities are no norm of the queries, though a reduction divides them.
TEST(OtherModels, ALeftSideIsNamedForWhatItIs) {
  const ir::Program program = checked(R"(
  dim T typical 128
  input q: bf16[T, 32]
  input k: bf16[64, 32]
  input v: bf16[64, 32]
  output y: f32[T, 32]
  let s = matmul(q[:, :], k[:, :], transpose_b)
  let p = exp(s - row_max(s))
  y[:, :] = matmul(cast(p / row_sum(p), bf16, rint), v[:, :])
)");
  const std::string text = ir::print(expect_sound(program).program);
  EXPECT_NE(text.find("create lhs_of_v: bf16[T, 64]"), std::string::npos) << text;
  EXPECT_EQ(text.find("q_norm"), std::string::npos) << text;
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
