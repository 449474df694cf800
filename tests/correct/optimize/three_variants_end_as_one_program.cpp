// The attention front, written three ways, is one program after optimizing, for every preset and option.
#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

constexpr const char* kFront = "deepseek_v4/qkv_proj_rope";

Optimized optimized(const std::string& variant, const std::string& preset, const kernels::Options& options) {
  return test::optimized(kernels::build(kFront, variant, preset, options).program);
}

void expect_one_program(const std::string& preset, const kernels::Options& options) {
  const Optimized plain = optimized("plain", preset, options);
  ASSERT_TRUE(plain.is_scheduled) << plain.reason;
  for (const char* variant : {"fused", "unfused"}) {
    const Optimized other = optimized(variant, preset, options);
    ASSERT_TRUE(other.is_scheduled) << variant << ": " << other.reason;
    EXPECT_EQ(ir::print(plain.program), ir::print(other.program)) << variant << ", " << preset;
    EXPECT_LT(other.scopes_after, other.scopes_before);
  }
}

TEST(ThreeVariants, EndAsOneProgramInEveryPreset) {
  for (const kernels::Preset& preset : kernels::find_kernel(kFront).presets) expect_one_program(preset.name, {});
}

TEST(ThreeVariants, EndAsOneProgramWithEveryOption) {
  for (const char* preset : {"demo", "flash"}) {
    for (const char* option : {"norm_w_bf16", "rope_f32", "scale_by_blocks"}) expect_one_program(preset, {{option, 1}});
    for (int64_t block : {32, 128}) expect_one_program(preset, {{"fp8_block", block}});
    for (int64_t splits : {1, 2, 3}) expect_one_program(preset, {{"row_splits", splits}});
    expect_one_program(preset, {{"norm_w_bf16", 1}, {"rope_f32", 1}, {"scale_by_blocks", 1}, {"row_splits", 3}});
  }
}

TEST(ThreeVariants, NoElephantIsLeft) {
  const Optimized result = optimized("unfused", "flash", {});
  std::set<std::string> dropped;
  for (const ir::Tensor& tensor : result.dropped) dropped.insert(tensor.name);
  for (const char* name : {"token_x_fp32", "qr_fp32", "q_proj_fp32", "kv_fp32"}) EXPECT_TRUE(dropped.contains(name)) << name;
}

// T in steps of the tiles, beside them, and beyond.
TEST(ThreeVariants, TheOptimizedProgramHasTheInputsBits) {
  const kernels::Built built = kernels::build(kFront, "fused", "demo", {});
  const ir::Program after = test::optimized(built.program).program;
  expect_round_trip(after);
  for (int64_t T : {1, 2, 3, 7, 8, 15, 16, 17, 31, 64, 65}) {
    const auto inputs = kernels::find_kernel("deepseek_v4/qkv_proj_rope")
                            .made_inputs(tools::shapes_of(built.program, {{"T", T}}, {ir::Role::input}), 7);
    auto expected = inputs, actual = inputs;
    interpret::run(built.program, {{"T", T}}, expected);
    interpret::run(after, {{"T", T}}, actual, {.checked = T <= 17, .tap = {}});
    expect_same_outputs(after, expected, actual, fmt::format("T = {}", T));
  }
}

TEST(ThreeVariants, TheOptimizedProgramIsProvenForEveryT) {
  for (const char* preset : {"demo", "flash", "pro"}) expect_proven(optimized("plain", preset, {}).program);
  expect_proven(optimized("plain", "flash", {{"fp8_block", 128}}).program);
  expect_proven(optimized("plain", "demo", {{"norm_w_bf16", 1}, {"rope_f32", 1}, {"scale_by_blocks", 1}}).program);
}

}  // namespace
}  // namespace imbrex::optimize
