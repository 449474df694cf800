#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"
#include "imbrex/kernels/entries.h"
#include "imbrex/kernels/reference/qkv_proj_rope.h"

namespace imbrex::kernels {
namespace {

Options values(int64_t hidden, int64_t heads, int64_t q_lora, double eps) {
  return {{"hidden", hidden}, {"heads", heads},  {"q_lora", q_lora},
          {"eps", eps},       {"row_splits", 2}, {"rope_dim", deepseek_v4::rope_dim},
          {"norm_w_bf16", 0}, {"rope_f32", 0},   {"scale_by_blocks", 0}};
}

ir::Program program(const std::string& variant, const Options& options) {
  deepseek_v4::QkvProjRope config;
  config.hidden = integer(options, "hidden");
  config.heads = integer(options, "heads");
  config.q_lora = integer(options, "q_lora");
  config.row_splits = integer(options, "row_splits");
  config.eps = static_cast<float>(number(options, "eps"));
  config.norm_w = integer(options, "norm_w_bf16") ? bf16 : f32;
  config.rope = integer(options, "rope_f32") ? f32 : bf16;
  config.scale_by_blocks = integer(options, "scale_by_blocks") != 0;
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
  entry.presets = {{"demo", "small, for tests and the interpreter", values(512, 4, 256, 1e-6)},
                   {"flash", "DeepSeek-V4 Flash", values(4096, 64, 1024, 1e-6)},
                   {"pro", "DeepSeek-V4 Pro", values(7168, 128, 1536, 1e-6)},
                   {"flash_2", "the later Flash", values(5120, 64, 1280, 1e-20)}};
  entry.options = {{"hidden", "columns D of x", 1, 65536, 1},
                   {"heads", "query heads H", 1, 1024, 1},
                   {"q_lora", "columns Q of the query latent", 1, 16384, 1},
                   epsilon,
                   {"row_splits", "parts into which the fused variant splits the rows of q_head_rms_rope and kv_rms", 1, 64, 1},
                   {"rope_dim", "rotated columns of a head", deepseek_v4::rope_dim, deepseek_v4::rope_dim, 2},
                   {"norm_w_bf16", "1: norm_w is bf16, else f32", 0, 1, 1},
                   {"rope_f32", "1: rope_cos and rope_sin are f32, else bf16", 0, 1, 1},
                   {"scale_by_blocks", "1: wq_b_scale is [H*4, 128], else [H*512]", 0, 1, 1}};
  entry.program = program;
  entry.reference = [](const Tensors& inputs, const Options& options) {
    return reference::qkv_proj_rope(inputs, number(options, "eps"));
  };
  return entry;
}

}  // namespace imbrex::kernels
