// The entries of qkv_proj_rope in two parts: inputs, reference and judge are those of the whole, for the tensors that a part has.
#include <algorithm>

#include "imbrex/kernels/deepseek_v4/entry_parts.h"
#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"
#include "imbrex/kernels/entries.h"

namespace imbrex::kernels {
namespace {

using MakeKernel = Kernel (*)(const deepseek_v4::QkvProjRope& config);

// `options`: names of those of the whole that the part has.
Entry part_of(const Entry& whole, const std::vector<std::string>& options, MakeKernel fused, MakeKernel unfused,
              MakeKernel plain) {
  const auto has = [=](const std::string& name) { return std::find(options.begin(), options.end(), name) != options.end(); };
  Entry entry;
  entry.variants = whole.variants;
  entry.presets = whole.presets;
  for (Preset& preset : entry.presets) std::erase_if(preset.options, [&](const auto& option) { return !has(option.first); });
  entry.options = whole.options;
  std::erase_if(entry.options, [&](const OptionInfo& option) { return !has(option.name); });
  entry.program = [=, of_whole = whole.presets.front().options](const std::string& variant, const Options& own) {
    Options all = own;
    all.insert(of_whole.begin(), of_whole.end());  // a part does not look at the others
    const deepseek_v4::QkvProjRope config = deepseek_v4::config_of(all);
    return (variant == "fused" ? fused : variant == "plain" ? plain : unfused)(config).program();
  };
  entry.reference = whole.reference;
  entry.usual_preset = whole.usual_preset;
  entry.has_batches = true;
  entry.bench_tokens = whole.bench_tokens;
  entry.made_inputs = whole.made_inputs;
  entry.judge = whole.judge;
  entry.least_work = whole.least_work;
  return entry;
}

}  // namespace

Entry qkv_proj_rope_latents_entry() {
  Entry entry = part_of(qkv_proj_rope_entry(), {"hidden", "q_lora", "eps", "norm_w_bf16", "rope_f32", "fp8_block"},
                        deepseek_v4::qkv_proj_rope_latents_fused, deepseek_v4::qkv_proj_rope_latents_unfused,
                        deepseek_v4::qkv_proj_rope_latents_plain);
  entry.name = "deepseek_v4/qkv_proj_rope_latents";
  entry.description = "the first part of qkv_proj_rope, which all heads share: quantized query latent, latent key/value row";
  entry.stage_tensors = {deepseek_v4::norm_tensor, deepseek_v4::latent_tensor};
  return entry;
}

Entry qkv_proj_rope_queries_entry() {
  Entry entry = part_of(qkv_proj_rope_entry(), {"heads", "q_lora", "eps", "rope_f32", "scale_by_blocks"},
                        deepseek_v4::qkv_proj_rope_queries_fused, deepseek_v4::qkv_proj_rope_queries_unfused,
                        deepseek_v4::qkv_proj_rope_queries_plain);
  entry.name = "deepseek_v4/qkv_proj_rope_queries";
  entry.description = "the second part of qkv_proj_rope: the queries of some heads from the quantized latent";
  return entry;
}

}  // namespace imbrex::kernels
