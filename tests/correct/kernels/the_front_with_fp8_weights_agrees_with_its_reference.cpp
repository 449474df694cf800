// The kernels of the front that take a checkpoint's fp8 weights as they are: on hostile inputs each output is accepted and each stage
// within its derived bound, and the judge sees one wrong element.
#include <gtest/gtest.h>

#include "imbrex/base/numbers.h"
#include "imbrex/kernels/reference/qkv_proj_rope.h"
#include "imbrex/tools/expose.h"
#include "support/optimized.h"
#include "tests/correct/kernels/interpret_kernel.h"

namespace imbrex::test {
namespace {

constexpr const char *kW8a16 = "deepseek_v4/qkv_proj_rope_w8a16", *kReference = "deepseek_v4/qkv_proj_rope_fp8_reference";

// The kernel with what its stages hand to each other as outputs.
ir::Program with_stages(const kernels::Built& built) {
  std::vector<std::string> exposed;
  return tools::with_temporaries_as_outputs(built.program, kernels::find_kernel(built.name).stage_tensors, exposed);
}

kernels::Judgement judged(const kernels::Built& built, const kernels::Tensors& inputs, const kernels::Tensors& all) {
  return kernels::find_kernel(built.name).judge({inputs, all, nullptr, built.options, false}, [](int64_t) {});
}

void expect_accepted(const char* name, const kernels::Options& options, int64_t T, size_t stages) {
  const kernels::Built built = kernels::build(name, "", "demo", options);
  const kernels::Tensors inputs = inputs_of(built.program, T, 7, true);
  const kernels::Judgement report = judged(built, inputs, interpreted(with_stages(built), T, inputs, true));
  // One qr that rounds the other way moves more than 0.5 % of a few tokens' q; its stage is judged without exception.
  for (const kernels::OutputResult& output : report.outputs)
    EXPECT_TRUE(output.name == "q" || output.pass()) << output.name << " T=" << T;
  EXPECT_EQ(report.stages.size(), stages);
  for (const kernels::StageResult& stage : report.stages) EXPECT_TRUE(stage.pass()) << stage.stage << " T=" << T;
}

// The optimized program has the bits of the one that was written.
void expect_same_optimized(const char* name) {
  const ir::Program before = kernels::build(name, "", "demo", {}).program, after = optimized(before).program;
  for (const int64_t T : {1, 2, 17}) {
    const kernels::Tensors inputs = inputs_of(before, T, 7, true);
    const kernels::Tensors expected = interpreted(before, T, inputs), actual = interpreted(after, T, inputs);
    for (const char* output : {"q", "kv", "qr"}) EXPECT_EQ(expected.at(output).bytes, actual.at(output).bytes) << output << T;
  }
}

// The judge names the stage of one element whose exponent is wrong, for an output that depends on it.
void expect_seen(const char* name, const std::string& tensor, const std::string& stage, const std::string& output) {
  const kernels::Built built = kernels::build(name, "", "demo", {});
  const kernels::Tensors inputs = inputs_of(built.program, 3, 7, true);
  kernels::Tensors all = interpreted(with_stages(built), 3, inputs);
  Array& array = all.at(tensor);
  array.bytes[6 * array.bytes.size() / static_cast<size_t>(array.size()) - 1] ^= std::byte{0x40};
  const kernels::Judgement report = judged(built, inputs, all);
  EXPECT_FALSE(report.pass());
  const kernels::StageResult* bad = report.first_bad_stage(output);
  ASSERT_NE(bad, nullptr) << tensor;
  EXPECT_EQ(bad->stage, stage);
}

TEST(FrontW8a16, IsAcceptedAtBoundarySizes) {
  for (const int64_t T : {1, 2, 3, 15, 16, 17}) expect_accepted(kW8a16, {}, T, 3);
  expect_accepted(kW8a16, {{"norm_w_bf16", 1}, {"rope_f32", 1}, {"fp8_block", 32}, {"eps", 1e-20}}, 3, 3);
  expect_accepted(kW8a16, {{"hidden", 530}, {"heads", 3}, {"q_lora", 131}}, 5, 3);
}

TEST(FrontW8a16, IsOptimizedWithoutChange) {
  expect_same_optimized(kW8a16);
  const ir::Program flash = kernels::build(kW8a16, "plain", "flash", {}).program;
  EXPECT_TRUE(optimized(flash).is_scheduled);
}

TEST(FrontW8a16, HasAJudgeThatSeesOneElement) {
  expect_seen(kW8a16, "qr", "qr_rms", "q");
  expect_seen(kW8a16, "q", "q_heads", "q");
  expect_seen(kW8a16, "kv", "kv", "kv");
}

TEST(FrontFp8Reference, IsAcceptedAtBoundarySizes) {
  for (const int64_t T : {1, 2, 3, 15, 16, 17, 65}) expect_accepted(kReference, {}, T, 12);
  expect_accepted(kReference, {{"norm_w_bf16", 1}, {"rope_f32", 1}, {"fp8_block", 32}, {"eps", 1e-20}}, 3, 12);
  expect_accepted(kReference, {{"hidden", 640}, {"heads", 3}, {"q_lora", 128}}, 5, 12);
}

TEST(FrontFp8Reference, IsOptimizedWithoutChange) { expect_same_optimized(kReference); }

TEST(FrontFp8Reference, HasAJudgeThatSeesOneElement) {
  for (const auto& [tensor, stage, output] : {std::tuple("x_normed", "attn_norm", "kv"),
                                              {"x_fp8", "x_quant", "qr"},
                                              {"x_fp8_scale", "x_quant", "q"},
                                              {"qr_proj", "qr_proj", "qr"},
                                              {"qr", "qr_rms", "q"},
                                              {"qr_fp8", "qr_quant", "q"},
                                              {"q_proj", "q_proj", "q"},
                                              {"q", "q_heads", "q"},
                                              {"kv_proj", "kv_proj", "kv"},
                                              {"kv_normed", "kv_rms", "kv"},
                                              {"kv", "kv", "kv"}})
    expect_seen(kReference, tensor, stage, output);
}

// A block's scale is 2^k where its largest magnitude is 448 * 2^k, the next power beyond that, and 2^-22 for zeros.
TEST(FrontFp8Reference, ScalesBlocksByPowersOfTwo) {
  Array rows = Array::zeros(DType::bf16, {1, 128});
  const auto scale_of = [&](double largest) {
    set_value_at(rows, 77, -largest);
    return value_at(kernels::reference::quantize_blocks(rows, 128).scales, 0);
  };
  EXPECT_EQ(scale_of(0), 0x1p-22);
  EXPECT_EQ(scale_of(448), 1);
  EXPECT_EQ(scale_of(450), 2);
  EXPECT_EQ(scale_of(448 * 0x1p-9), 0x1p-9);
}

}  // namespace
}  // namespace imbrex::test
