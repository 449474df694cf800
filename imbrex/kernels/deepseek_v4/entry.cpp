#include <fmt/format.h>
#include <fmt/ranges.h>

#include "imbrex/kernels/deepseek_v4/entry_parts.h"
#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"
#include "imbrex/kernels/entries.h"
#include "imbrex/kernels/reference/qkv_proj_rope.h"

namespace imbrex::kernels {
namespace {

Options values(int64_t hidden, int64_t heads, int64_t q_lora, double eps) {
  return {{"hidden", hidden}, {"heads", heads},  {"q_lora", q_lora},
          {"eps", eps},       {"row_splits", 2}, {"rope_dim", deepseek_v4::rope_dim},
          {"norm_w_bf16", 0}, {"rope_f32", 0},   {"scale_by_blocks", 0},
          {"fp8_block", 0}};
}

ir::Program program(const std::string& variant, const Options& options) {
  const deepseek_v4::QkvProjRope config = deepseek_v4::config_of(options);
  if (variant == "plain") return qkv_proj_rope_plain(config).program();
  return (variant == "fused" ? qkv_proj_rope_fused(config) : qkv_proj_rope_unfused(config)).program();
}

std::vector<int64_t> matrix_shape(const SavedTensors& tensors, const std::string& name) {
  std::vector<int64_t> shape = tensors.header(name).shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1)
    tensors.refuse(name, "a matrix without empty axes", fmt::format("[{}]", fmt::join(shape, ", ")));
  return shape;
}

// The block size by which the rows of wq_a have their number of scales: of several, the multiple of 32 that is least.
int64_t fp8_block_of(const SavedTensors& tensors) {
  if (tensors.header("wq_a").dtype != "F8_E4M3") return 0;
  const int64_t rows = tensors.header("wq_a").shape[0], scales = matrix_shape(tensors, "wq_a_scale")[0];
  return ((rows + scales - 1) / scales + 31) / 32 * 32;
}

std::map<std::string, std::string> saved_options(const SavedTensors& tensors) {
  const std::vector<int64_t> x = matrix_shape(tensors, "x"), wq_a = matrix_shape(tensors, "wq_a"),
                             wq_b = matrix_shape(tensors, "wq_b");
  if (wq_b[1] % deepseek_v4::head_dim != 0)
    tensors.refuse("wq_b", fmt::format("[Q, H*{}]", deepseek_v4::head_dim), fmt::format("[{}]", fmt::join(wq_b, ", ")));
  const std::map<std::string, int64_t> values = {{"hidden", x[1]},
                                                 {"heads", wq_b[1] / deepseek_v4::head_dim},
                                                 {"q_lora", wq_a[1]},
                                                 {"norm_w_bf16", tensors.header("norm_w").dtype == "BF16"},
                                                 {"rope_f32", tensors.header("rope_cos").dtype == "F32"},
                                                 {"scale_by_blocks", tensors.header("wq_b_scale").shape.size() == 2},
                                                 {"fp8_block", fp8_block_of(tensors)}};
  std::map<std::string, std::string> options;
  for (const auto& [name, value] : values) options.emplace(name, std::to_string(value));
  return options;
}

}  // namespace

deepseek_v4::FrontSizes deepseek_v4::front_of(const Options& options) {
  return {integer(options, "hidden"), integer(options, "heads"), integer(options, "q_lora"),
          static_cast<float>(number(options, "eps")), integer(options, "norm_w_bf16") ? bf16 : f32};
}

deepseek_v4::QkvProjRope deepseek_v4::config_of(const Options& options) {
  QkvProjRope config{front_of(options)};
  config.row_splits = integer(options, "row_splits");
  config.rope = integer(options, "rope_f32") ? f32 : bf16;
  config.scale_by_blocks = integer(options, "scale_by_blocks") != 0;
  config.fp8_block = integer(options, "fp8_block");
  return config;
}

LeastWork deepseek_v4::least_work(const Tensors& inputs) {
  LeastWork work;
  for (const char* name : {"wq_a", "wq_b", "wkv", "w_extra"}) {
    const auto weight = inputs.find(name);
    if (weight == inputs.end()) continue;
    const auto product = weight->second.dtype == DType::int8 ? target::Product::i8 : target::Product::bf16;
    const Array& rows = inputs.at(inputs.count("x") ? "x" : "qr");
    work.products[static_cast<size_t>(product)] +=
        static_cast<double>(rows.shape[0]) * static_cast<double>(weight->second.size());
    work.weight_bytes += static_cast<int64_t>(weight->second.bytes.size());
  }
  return work;
}

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
  entry.options = {
      {"hidden", "columns D of x", 1, 65536, 1, "--hidden"},
      {"heads", "query heads H", 1, 1024, 1, "--heads"},
      {"q_lora", "columns Q of the query latent", 1, 16384, 1, "--q-lora"},
      epsilon,
      {"row_splits", "parts into which the fused variant splits the rows of q_head_rms_rope and kv_rms", 1, 8, 1, "--row-splits"},
      {"rope_dim", "rotated columns of a head", deepseek_v4::rope_dim, deepseek_v4::rope_dim, 2},
      {"norm_w_bf16", "1: norm_w is bf16, else f32", 0, 1, 1},
      {"rope_f32", "1: rope_cos and rope_sin are f32, else bf16", 0, 1, 1},
      {"scale_by_blocks", "1: wq_b_scale is [H*4, 128], else [H*512]", 0, 1, 1},
      fp8_block};
  entry.program = program;
  entry.reference = [](const Tensors& inputs, const Options& options) {
    return reference::qkv_proj_rope(deepseek_v4::with_wide_weights(inputs, options), number(options, "eps"));
  };
  entry.usual_preset = "flash";  // the first is for tests; a person means the model
  entry.has_batches = true;
  entry.bench_tokens = {1, 8, 64, 128};
  entry.made_inputs = deepseek_v4::made_inputs;
  entry.stage_tensors = {deepseek_v4::norm_tensor, deepseek_v4::latent_tensor};
  entry.judge = deepseek_v4::judge;
  entry.saved_options = saved_options;
  entry.from_checkpoint = deepseek_v4::from_checkpoint();
  entry.division = {"heads",
                    {{"wq_b", {1, deepseek_v4::head_dim}}, {"wq_b_scale", {0, deepseek_v4::head_dim}}, {"q", {1, 1}}},
                    "deepseek_v4/qkv_proj_rope_latents",
                    "deepseek_v4/qkv_proj_rope_queries"};
  entry.least_work = deepseek_v4::least_work;
  entry.plain_loops = deepseek_v4::plain_loops;
  entry.has_peers = true;
  return entry;
}

}  // namespace imbrex::kernels
