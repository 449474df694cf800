// The interpreter runs the variants of deepseek_v4/qkv_proj_rope on hostile inputs: every stage within its derived bound on the
// very inputs it used, outputs within the acceptance, and the same bits from every variant, split and batch.
#include <gtest/gtest.h>

#include "imbrex/kernels/reference/qkv_proj_rope.h"
#include "imbrex/tools/expose.h"
#include "tests/correct/kernels/interpret_kernel.h"

namespace imbrex::test {
namespace {

constexpr const char* kFront = "deepseek_v4/qkv_proj_rope";
constexpr const char* kOutputs[] = {"q", "kv", "qr", "qr_scale"};

kernels::Tensors run(const std::string& variant, const kernels::Options& options, int64_t T) {
  const ir::Program program = kernels::build(kFront, variant, "demo", options).program;
  return interpreted(program, T, inputs_of(program, T, 7, true));
}

void expect_same_outputs(const kernels::Tensors& a, const kernels::Tensors& b) {
  for (const char* name : kOutputs) EXPECT_EQ(a.at(name).bytes, b.at(name).bytes) << name;
}

void expect_accepted(const std::string& variant, const kernels::Options& options, int64_t T) {
  const kernels::Built built = kernels::build(kFront, variant, "demo", options);
  std::vector<std::string> exposed;
  const ir::Program program = tools::with_temporaries_as_outputs(built.program, {"token_x_bf16", "qr_bf16"}, exposed);
  const kernels::Tensors inputs = inputs_of(built.program, T, 7, true);
  const kernels::Tensors all = interpreted(program, T, inputs, true);
  const kernels::Judgement report =
      kernels::find_kernel("deepseek_v4/qkv_proj_rope").judge({inputs, all, nullptr, built.options, false}, [](int64_t) {});
  // q's acceptance allows 0.5 % of elements outside, and one integer of qr that double rounds the other way moves more than that
  // of a batch of few tokens; its stage below is judged without exception.
  for (const kernels::OutputResult& output : report.outputs)
    EXPECT_TRUE(output.name == "q" || output.pass()) << output.name << " " << variant << " T=" << T;
  // All six where the kernel keeps what stages hand to each other in tensors.
  EXPECT_EQ(report.stages.size(), variant == "plain" ? 1u : 6u);
  for (const kernels::StageResult& stage : report.stages) EXPECT_TRUE(stage.pass()) << stage.stage << " T=" << T;
}

TEST(AttentionFront, IsAcceptedAtBoundarySizes) {
  for (const char* variant : {"fused", "unfused"})
    for (const int64_t T : {1, 2, 3, 15, 16, 17}) expect_accepted(variant, {}, T);
}

TEST(AttentionFront, IsAcceptedAcrossMatmulRowTiles) { expect_accepted("fused", {}, 65); }

TEST(AttentionFront, TakesOtherTypesAndShapesOfItsParameters) {
  for (const char* variant : {"fused", "unfused", "plain"})
    expect_accepted(variant, {{"norm_w_bf16", 1}, {"rope_f32", 1}, {"scale_by_blocks", 1}}, 3);
}

// Expanded to bf16 by the reference's own loops, the weights give the kernel of bf16 the same bits.
TEST(AttentionFront, KeepsFp8WeightsAndTheirBits) {
  for (const char* variant : {"fused", "unfused", "plain"}) expect_accepted(variant, {{"fp8_block", 128}}, 3);
  expect_accepted("fused", {{"fp8_block", 32}, {"hidden", 530}, {"heads", 3}, {"q_lora", 131}}, 5);
  const ir::Program kept = kernels::build(kFront, "plain", "demo", {{"fp8_block", 128}}).program;
  const ir::Program wide = kernels::build(kFront, "plain", "demo", {}).program;
  kernels::Tensors inputs = inputs_of(kept, 5, 7, true);
  const kernels::Tensors of_kept = interpreted(kept, 5, inputs);
  for (const std::string name : {"wq_a", "wkv"}) {
    inputs[name] = kernels::reference::expanded(inputs.at(name), inputs.at(name + "_scale"), 128);
    inputs.erase(name + "_scale");
  }
  expect_same_outputs(of_kept, interpreted(wide, 5, inputs));
}

TEST(AttentionFront, IsAcceptedWithSizesThatNoTileDivides) {
  expect_accepted("fused", {{"hidden", 530}, {"heads", 3}, {"q_lora", 131}}, 5);
}

TEST(AttentionFront, VariantsGiveTheSameBits) {
  for (const int64_t T : {1, 2, 17}) {
    const kernels::Tensors fused = run("fused", {}, T);
    expect_same_outputs(fused, run("unfused", {}, T));
    expect_same_outputs(fused, run("plain", {}, T));
  }
}

TEST(AttentionFront, RowSplitsLoseNoRow) {
  for (const int64_t T : {1, 2, 3, 7, 17}) {
    const kernels::Tensors expected = run("fused", {{"row_splits", 1}}, T);
    for (const int64_t splits : {2, 3, 5, 8}) expect_same_outputs(expected, run("fused", {{"row_splits", splits}}, T));
  }
}

TEST(AttentionFront, ARowAloneEqualsTheRowInABatch) {
  const kernels::Tensors batch = run("fused", {}, 3);  // synthetic token t is the same in every batch
  const kernels::Tensors alone = run("fused", {}, 1);
  for (const char* name : kOutputs) {
    const auto &whole = batch.at(name).bytes, &row = alone.at(name).bytes;
    EXPECT_TRUE(std::equal(row.begin(), row.end(), whole.begin())) << name;
  }
}

}  // namespace
}  // namespace imbrex::test
