#include "imbrex/kernels/entries.h"

#include "imbrex/kernels/nn/nn.h"
#include "imbrex/kernels/reference/nn.h"

namespace imbrex::kernels {
namespace {

using Make = std::function<Kernel(const std::string& variant, const Options& options, float eps)>;

const OptionInfo hidden{"hidden", "columns D of x", 1, 65536, 1}, inner{"inner", "inner extent K", 1, 65536, 1},
    columns{"columns", "columns N of the result", 1, 65536, 1}, heads{"heads", "heads H", 1, 1024, 1},
    rope_dim{"rope_dim", "columns of a head, all rotated", 2, 4096, 2},
    kv_columns{"kv_columns", "columns of k and v", 1, 65536, 1};

Entry entry(const std::string& name, const std::string& description, std::vector<OptionInfo> options, Options defaults, Make make,
            std::function<Tensors(const Tensors&, double)> reference) {
  Entry e;
  e.name = "nn/" + name;
  e.description = description;
  e.variants = {"tiled"};
  e.presets = {{"demo", "small, for tests and the interpreter", std::move(defaults), 1e-6}};
  e.options = std::move(options);
  e.program = [make = std::move(make)](const std::string& variant, const Options& values, double eps) {
    return make(variant, values, static_cast<float>(eps)).program();
  };
  e.reference = std::move(reference);
  return e;
}

}  // namespace

std::vector<Entry> nn_entries() {
  using O = const Options&;
  using V = const std::string&;
  return {
      entry(
          "rms_norm", "y = x / rms(x) * w", {hidden}, {{"hidden", 512}},
          [](V, O o, float eps) { return nn::rms_norm(o.at("hidden"), eps); }, reference::rms_norm),
      entry(
          "layer_norm", "y = (x - mean(x)) / deviation(x) * w + b", {hidden}, {{"hidden", 512}},
          [](V, O o, float eps) { return nn::layer_norm(o.at("hidden"), eps); }, reference::layer_norm),
      entry(
          "softmax", "y = exp(x) / sum(exp(x)) of each row", {hidden}, {{"hidden", 512}},
          [](V, O o, float) { return nn::softmax(o.at("hidden")); }, reference::softmax),
      entry(
          "matmul", "c = a . b, bf16 to f32", {inner, columns}, {{"inner", 512}, {"columns", 256}},
          [](V, O o, float) { return nn::matmul(o.at("inner"), o.at("columns")); }, reference::matmul),
      entry(
          "gemm_bias_silu", "c = silu(a . b + bias), bf16", {inner, columns}, {{"inner", 512}, {"columns", 256}},
          [](V, O o, float) { return nn::gemm_bias_silu(o.at("inner"), o.at("columns")); }, reference::gemm_bias_silu),
      entry(
          "rope_interleaved", "rotates the pairs (2i, 2i + 1) of each head", {heads, rope_dim}, {{"heads", 4}, {"rope_dim", 64}},
          [](V, O o, float) { return nn::rope_interleaved(o.at("heads"), o.at("rope_dim")); }, reference::rope_interleaved),
      entry(
          "rope_half_split", "rotates the pairs (i, D/2 + i) of each head", {heads, rope_dim}, {{"heads", 4}, {"rope_dim", 64}},
          [](V, O o, float) { return nn::rope_half_split(o.at("heads"), o.at("rope_dim")); }, reference::rope_half_split),
      entry(
          "quantize_rows", "int8 rows, each with its scale", {hidden}, {{"hidden", 512}},
          [](V, O o, float) { return nn::quantize_rows(o.at("hidden")); }, reference::quantize_rows),
      entry(
          "projections", "q, k and v of one input", {hidden, columns, kv_columns},
          {{"hidden", 512}, {"columns", 256}, {"kv_columns", 128}},
          [](V, O o, float) { return nn::projections(o.at("hidden"), o.at("columns"), o.at("kv_columns")); },
          reference::projections),
  };
}

}  // namespace imbrex::kernels
