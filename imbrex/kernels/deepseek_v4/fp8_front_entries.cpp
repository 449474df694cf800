// The entries of the kernels of fp8_front.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "imbrex/base/error.h"
#include "imbrex/kernels/deepseek_v4/entry_parts.h"
#include "imbrex/kernels/deepseek_v4/fp8_front_parts.h"
#include "imbrex/kernels/entries.h"
#include "imbrex/kernels/reference/qkv_proj_rope.h"

namespace imbrex::kernels {
namespace {

Options values(int64_t hidden, int64_t heads, int64_t q_lora, double eps, int64_t block) {
  return {{"hidden", hidden},   {"heads", heads},   {"q_lora", q_lora}, {"eps", eps},
          {"fp8_block", block}, {"norm_w_bf16", 0}, {"rope_f32", 0}};
}

deepseek_v4::Fp8Front config_of(const Options& options) {
  deepseek_v4::Fp8Front config{deepseek_v4::front_of(options)};
  config.block = integer(options, "fp8_block");
  config.rope = integer(options, "rope_f32") ? f32 : bf16;
  return config;
}

Entry fp8_entry() {
  Entry entry;
  entry.presets = {{"demo", "small, for tests and the interpreter", values(512, 4, 256, 1e-6, 128)},
                   {"flash", "DeepSeek-V4 Flash", values(4096, 64, 1024, 1e-6, 128)},
                   {"pro", "DeepSeek-V4 Pro", values(7168, 128, 1536, 1e-6, 128)},
                   {"flash_2", "the later Flash", values(5120, 64, 1280, 1e-20, 32)}};
  entry.options = {{"hidden", "columns D of x", 1, 65536, 1, "--hidden"},
                   {"heads", "query heads H", 1, 1024, 1, "--heads"},
                   {"q_lora", "columns Q of the query latent", 1, 16384, 1, "--q-lora"},
                   epsilon,
                   {"fp8_block", "rows and columns of a weight that have a scale", 32, 1024, 32},
                   {"norm_w_bf16", "1: norm_w is bf16, else f32", 0, 1, 1},
                   {"rope_f32", "1: rope_cos and rope_sin are f32, else bf16", 0, 1, 1}};
  entry.usual_preset = "flash";  // the first is for tests; a person means the model
  entry.has_batches = true;
  entry.bench_tokens = {1, 8, 64, 128};
  entry.made_inputs = deepseek_v4::made_inputs;
  entry.from_checkpoint = deepseek_v4::from_checkpoint_as_it_is();
  entry.least_work = deepseek_v4::least_work;
  return entry;
}

// What to try where a block does not divide both numbers of columns.
std::string blocks_for(int64_t hidden, int64_t q_lora) {
  std::vector<int64_t> blocks;
  for (int64_t block = 32; block <= 128; block += 32)
    if (hidden % block == 0 && q_lora % block == 0) blocks.push_back(block);
  if (blocks.empty()) return "hidden and q_lora that are multiples of 32, and fp8_block of 32";
  return fmt::format("fp8_block of {}", fmt::join(blocks, " or "));
}

}  // namespace

void deepseek_v4::require_quantizable(const Options& options) {
  for (const char* axis : {"hidden", "q_lora"})
    if (integer(options, axis) % integer(options, "fp8_block") != 0)
      throw UserError("option-value",
                      fmt::format("fp8_block = {} does not divide {} = {}, whose columns are quantized in such blocks",
                                  integer(options, "fp8_block"), axis, integer(options, axis)),
                      blocks_for(integer(options, "hidden"), integer(options, "q_lora")));
}

Entry qkv_proj_rope_w8a16_entry() {
  Entry entry = fp8_entry();
  entry.name = "deepseek_v4/qkv_proj_rope_w8a16";
  entry.description = "the front of DeepSeek-V4's attention with the checkpoint's fp8 weights, exactly, and bf16 activations";
  entry.variants = {"plain"};
  entry.program = [](const std::string&, const Options& options) { return qkv_proj_rope_w8a16(config_of(options)).program(); };
  entry.reference = [](const Tensors& inputs, const Options& options) {
    return rounded(reference::w8a16_values(deepseek_v4::with_expanded_weights(inputs, integer(options, "fp8_block")),
                                           number(options, "eps")));
  };
  entry.judge = deepseek_v4::judge_w8a16;
  return entry;
}

Entry qkv_proj_rope_fp8_reference_entry() {
  Entry entry = fp8_entry();
  entry.name = "deepseek_v4/qkv_proj_rope_fp8_reference";
  entry.description =
      "the front of DeepSeek-V4's attention with the rounding points of the official model, activations in fp8 blocks";
  entry.variants = {"staged"};
  for (OptionInfo& option : entry.options)
    if (option.name == "hidden" || option.name == "q_lora") option.least = option.multiple_of = 128;
  for (OptionInfo& option : entry.options)
    if (option.name == "fp8_block") option.most = 128;
  entry.program = [](const std::string&, const Options& options) {
    deepseek_v4::require_quantizable(options);
    return qkv_proj_rope_fp8_reference(config_of(options)).program();
  };
  entry.reference = [](const Tensors& inputs, const Options& options) {
    return rounded(reference::fp8_reference_values(inputs, number(options, "eps"), integer(options, "fp8_block")));
  };
  entry.stage_tensors.assign(std::begin(deepseek_v4::fp8_stage_tensors), std::end(deepseek_v4::fp8_stage_tensors));
  entry.judge = deepseek_v4::judge_fp8_reference;
  return entry;
}

}  // namespace imbrex::kernels
