#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"
#include "imbrex/kernels/entries.h"
#include "imbrex/kernels/reference/qkv_proj_rope.h"

namespace imbrex::kernels {
namespace {

Options sizes(int64_t hidden, int64_t heads, int64_t q_lora) {
  return {{"hidden", hidden}, {"heads", heads}, {"q_lora", q_lora},    {"row_splits", 2}, {"rope_dim", deepseek_v4::rope_dim},
          {"norm_w_bf16", 0}, {"rope_f32", 0},  {"scale_by_blocks", 0}};
}

ir::Program program(const std::string& variant, const Options& options, double eps) {
  deepseek_v4::QkvProjRope config;
  config.hidden = options.at("hidden");
  config.heads = options.at("heads");
  config.q_lora = options.at("q_lora");
  config.row_splits = options.at("row_splits");
  config.eps = static_cast<float>(eps);
  config.norm_w = options.at("norm_w_bf16") ? bf16 : f32;
  config.rope = options.at("rope_f32") ? f32 : bf16;
  config.scale_by_blocks = options.at("scale_by_blocks") != 0;
  if (variant == "plain") return qkv_proj_rope_plain(config).program();
  return (variant == "fused" ? qkv_proj_rope_fused(config) : qkv_proj_rope_unfused(config)).program();
}

}  // namespace

Entry qkv_proj_rope_entry() {
  Entry entry;
  entry.name = "deepseek_v4/qkv_proj_rope";
  entry.description =
      "the front of DeepSeek-V4's attention: norm, low-rank int8 query projection, latent key/value row, rotation";
  entry.variants = {"fused", "unfused", "plain"};
  entry.presets = {{"demo", "small, for tests and the interpreter", sizes(512, 4, 256), 1e-6},
                   {"flash", "DeepSeek-V4 Flash", sizes(4096, 64, 1024), 1e-6},
                   {"pro", "DeepSeek-V4 Pro", sizes(7168, 128, 1536), 1e-6},
                   {"flash_2", "the later Flash", sizes(5120, 64, 1280), 1e-20}};
  entry.options = {{"hidden", "columns D of x", 1, 65536, 1},
                   {"heads", "query heads H", 1, 1024, 1},
                   {"q_lora", "columns Q of the query latent", 1, 16384, 1},
                   {"row_splits", "parts into which the fused variant splits the rows of q_head_rms_rope and kv_rms", 1, 64, 1},
                   {"rope_dim", "rotated columns of a head", deepseek_v4::rope_dim, deepseek_v4::rope_dim, 2},
                   {"norm_w_bf16", "1: norm_w is bf16, else f32", 0, 1, 1},
                   {"rope_f32", "1: rope_cos and rope_sin are f32, else bf16", 0, 1, 1},
                   {"scale_by_blocks", "1: wq_b_scale is [H*4, 128], else [H*512]", 0, 1, 1}};
  entry.program = program;
  entry.reference = [](const auto& inputs, double eps) { return reference::qkv_proj_rope(inputs, eps); };
  return entry;
}

}  // namespace imbrex::kernels
