// What is bound once and changed in place afterwards: every run has the inputs as they are then. A declared weight is packed when
// it is bound, and bound again for a change.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "imbrex/inputs/synthetic.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/runtime/kernel.h"
#include "imbrex/tools/subject.h"
#include "support/runnable_targets.h"

namespace imbrex::runtime {
namespace {

constexpr int64_t kRows = 70;

ir::Program program_of(const std::string& text) {
  ir::Program program = ir::parse("imbrex 1\nkernel \"k\" {\n  dim T typical 70\n" + text + "\n}\n", "k.tile");
  ir::verify_or_throw(program);
  return program;
}

using Tensors = std::map<std::string, Array>;

struct Bound {
  Bound(const ir::Program& as_written, const target::Target* target, bool optimize)
      : program(as_written),
        call(compile(program, options_for(target, optimize))),
        inputs(inputs::synthetic_inputs(tools::shapes_of(program, {{"T", kRows}}, {ir::Role::input}), 3)),
        y(Array::zeros(DType::f32, tools::shapes_of(program, {{"T", kRows}}, {ir::Role::output}).at(0).shape)) {
    for (auto& [name, array] : inputs) call.bind(name, TensorView::of(array));
    call.bind("y", TensorView::of(y));
  }

  static CompileOptions options_for(const target::Target* target, bool optimize) {
    CompileOptions options;
    options.target = target;
    options.optimize = optimize;
    options.cache.directory = std::string(IMBREX_BINARY_DIR) + "/test-cache";
    return options;
  }
  AlignedVector<std::byte> run() {
    call.run(executor);
    return y.bytes;
  }
  AlignedVector<std::byte> interpreted() const {
    Tensors tensors = inputs;
    interpret::run(program, {{"T", kRows}}, tensors);
    return tensors.at("y").bytes;
  }
  // Other elements, in the memory that is bound.
  void reverse(const std::string& name) {
    AlignedVector<std::byte>& bytes = inputs.at(name).bytes;
    const size_t each = static_cast<size_t>(bytes_of(inputs.at(name).dtype));
    for (size_t i = 0, j = bytes.size() - each; i < j; i += each, j -= each)
      std::swap_ranges(&bytes[i], &bytes[i] + each, &bytes[j]);
  }

  const ir::Program& program;
  Executor executor{2};
  Call call;
  Tensors inputs;
  Array y;
};

void expect_changes_are_seen(const std::string& text, uint64_t turn) {
  const ir::Program program = program_of(text);
  for (const target::Target* target : test::by_turns(target::supported_targets(), turn))
    for (const bool optimize : {false, true}) {
      SCOPED_TRACE(fmt::format("{} {}", target->name, optimize ? "optimized" : "as written"));
      Bound bound(program, target, optimize);
      EXPECT_EQ(bound.run(), bound.interpreted());
      bound.reverse("w");
      EXPECT_EQ(bound.run(), bound.interpreted()) << text;
    }
}

TEST(Inputs, ThatAreRightSidesOfProductsMayChangeBetweenRuns) {
  uint64_t turn = 0;
  for (const std::string operand : {"bf16", "int8"}) {
    const std::string sum = operand == "int8" ? "cast(matmul(x[t, :], w[:, n]), f32, rint)" : "matmul(x[t, :], w[:, n])";
    expect_changes_are_seen(fmt::format(R"(
  input x: {0}[T, 64]
  input w: {0}[64, 96]
  output y: f32[T, 96]
  parallel n in tiles(96, 32) {{ parallel t in tiles(T, 16) {{ y[t, n] = {1} }} }})",
                                        operand, sum),
                            ++turn);
  }
}

TEST(Inputs, OfWhichRightSidesAreMadeMayChangeBetweenRuns) {
  expect_changes_are_seen(R"(
  input x: f32[T, 64]
  input w: f32[64, 96]
  output y: f32[T, 96]
  create twice: f32[64, 96]
  twice[:, :] = w[:, :] * 2.0
  parallel t in tiles(T, 16) { y[t, :] = matmul(x[t, :], twice[:, :]) })",
                          0);
}

TEST(Weights, ArePackedWhenTheyAreBound) {
  const ir::Program program = program_of(R"(
  input x: f32[T, 64]
  weight w: f32[64, 96]
  output y: f32[T, 96]
  parallel t in tiles(T, 16) { y[t, :] = matmul(x[t, :], w[:, :]) })");
  Bound bound(program, &target::best_target(), true);
  EXPECT_GT(bound.call.packed_bytes("w"), 0u);
  EXPECT_EQ(bound.call.packed_bytes("x"), 0u);
  const AlignedVector<std::byte> before = bound.interpreted();
  EXPECT_EQ(bound.run(), before);
  bound.reverse("w");
  EXPECT_EQ(bound.run(), before);
  bound.call.bind("w", TensorView::of(bound.inputs.at("w")));
  EXPECT_EQ(bound.run(), bound.interpreted());
}

}  // namespace
}  // namespace imbrex::runtime
