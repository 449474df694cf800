#include "imbrex/kernels/entries.h"

#include "imbrex/kernels/nn/nn.h"
#include "imbrex/kernels/reference/nn.h"

namespace imbrex::kernels {
namespace {

using Make = std::function<Kernel(const Options& options)>;

const OptionInfo hidden{"hidden", "columns D of x", 1, 65536, 1, "--hidden"}, inner{"inner", "inner extent K", 1, 65536, 1},
    columns{"columns", "columns N of the result", 1, 65536, 1}, heads{"heads", "heads H", 1, 1024, 1, "--heads"},
    rope_dim{"rope_dim", "columns of a head, all rotated", 2, 4096, 2},
    kv_columns{"kv_columns", "columns of k and v", 1, 65536, 1};

Entry entry(const std::string& name, const std::string& description, std::vector<OptionInfo> options, Options defaults, Make make,
            std::function<Tensors(const Tensors&, const Options&)> reference) {
  Entry e;
  e.name = "nn/" + name;
  e.description = description;
  e.variants = {"tiled"};
  e.presets = {{"demo", "small, for tests and the interpreter", std::move(defaults)}};
  e.options = std::move(options);
  e.program = [make = std::move(make)](const std::string&, const Options& values) { return make(values).program(); };
  e.reference = std::move(reference);
  return e;
}

}  // namespace

std::vector<Entry> nn_entries() {
  using O = const Options&;
  const auto plain = [](Tensors (*reference)(const Tensors&)) {
    return [reference](const Tensors& inputs, O) { return reference(inputs); };
  };
  const auto with_eps = [](Tensors (*reference)(const Tensors&, double)) {
    return [reference](const Tensors& inputs, O options) { return reference(inputs, number(options, "eps")); };
  };
  return {
      entry(
          "rms_norm", "y = x / rms(x) * w", {hidden, epsilon}, {{"hidden", 512}, {"eps", 1e-6}},
          [](O o) { return nn::rms_norm(integer(o, "hidden"), static_cast<float>(number(o, "eps"))); },
          with_eps(reference::rms_norm)),
      entry(
          "layer_norm", "y = (x - mean(x)) / deviation(x) * w + b", {hidden, epsilon}, {{"hidden", 512}, {"eps", 1e-6}},
          [](O o) { return nn::layer_norm(integer(o, "hidden"), static_cast<float>(number(o, "eps"))); },
          with_eps(reference::layer_norm)),
      entry(
          "softmax", "y = exp(x) / sum(exp(x)) of each row", {hidden}, {{"hidden", 512}},
          [](O o) { return nn::softmax(integer(o, "hidden")); }, plain(reference::softmax)),
      entry(
          "matmul", "c = a . b, bf16 to f32", {inner, columns}, {{"inner", 512}, {"columns", 256}},
          [](O o) { return nn::matmul(integer(o, "inner"), integer(o, "columns")); }, plain(reference::matmul)),
      entry(
          "gemm_bias_silu", "c = silu(a . b + bias), bf16", {inner, columns}, {{"inner", 512}, {"columns", 256}},
          [](O o) { return nn::gemm_bias_silu(integer(o, "inner"), integer(o, "columns")); }, plain(reference::gemm_bias_silu)),
      entry(
          "rope_interleaved", "rotates the pairs (2i, 2i + 1) of each head", {heads, rope_dim}, {{"heads", 4}, {"rope_dim", 64}},
          [](O o) { return nn::rope_interleaved(integer(o, "heads"), integer(o, "rope_dim")); },
          plain(reference::rope_interleaved)),
      entry(
          "rope_half_split", "rotates the pairs (i, D/2 + i) of each head", {heads, rope_dim}, {{"heads", 4}, {"rope_dim", 64}},
          [](O o) { return nn::rope_half_split(integer(o, "heads"), integer(o, "rope_dim")); },
          plain(reference::rope_half_split)),
      entry(
          "quantize_rows", "int8 rows, each with its scale", {hidden}, {{"hidden", 512}},
          [](O o) { return nn::quantize_rows(integer(o, "hidden")); }, plain(reference::quantize_rows)),
      entry(
          "projections", "q, k and v of one input", {hidden, columns, kv_columns},
          {{"hidden", 512}, {"columns", 256}, {"kv_columns", 128}},
          [](O o) { return nn::projections(integer(o, "hidden"), integer(o, "columns"), integer(o, "kv_columns")); },
          plain(reference::projections)),
  };
}

}  // namespace imbrex::kernels
