#include "imbrex/checkpoint/make_checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "imbrex/base/checked.h"
#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/checkpoint/atomic_file.h"
#include "imbrex/checkpoint/safetensors.h"
#include "imbrex/checkpoint/tensor_names.h"
#include "imbrex/inputs/random.h"

namespace imbrex::checkpoint {
namespace {

namespace fs = std::filesystem;
using inputs::RandomStream;
using nlohmann::json;

struct Model {
  CheckpointPreset preset;
  int64_t hidden, layers, heads, q_lora, block;
  double eps;
  std::vector<int64_t> compress_ratios;  // of the layers and one after the last
  bool has_text_config = false;          // its fields stand in an object of their own
  std::vector<int64_t> kv_sources = {};  // layers whose keys and values others use; empty: each has its own
  static constexpr int64_t head_dim = 512, rope_dim = 64;
  // As ModelConfig::kv_layer_of() has it.
  bool has_kv(int64_t layer) const {
    return kv_sources.empty() || layer < kv_sources.front() || layer >= layers ||
           std::find(kv_sources.begin(), kv_sources.end(), layer) != kv_sources.end();
  }
};

// `first` for the first layers; then the two by turns, and 0 after the last layer.
std::vector<int64_t> ratios(int64_t layers, std::vector<int64_t> first, int64_t even, int64_t odd) {
  std::vector<int64_t> result = std::move(first);
  while (static_cast<int64_t>(result.size()) < layers) result.push_back(result.size() % 2 == 0 ? even : odd);
  result.push_back(0);
  return result;
}

const std::vector<Model>& models() {
  static const std::vector<Model> all = {
      {{"flash", "DeepSeek-V4 Flash"}, 4096, 43, 64, 1024, 128, 1e-6, ratios(43, {0, 0}, 4, 128)},
      {{"pro", "DeepSeek-V4 Pro"}, 7168, 61, 128, 1536, 128, 1e-6, ratios(61, {128, 128}, 4, 128)},
      {{"v4.1-flash",
        "the later Flash, with blocks of 32 x 32; which layers compress, and that layers use the keys and values of the last "
        "source before, is made up"},
       5120,
       40,
       64,
       1280,
       32,
       1e-20,
       ratios(40, {0, 0}, 1, 2),
       true,
       {2, 8, 14, 20}},
      {{"tiny", "four small layers, for tests"}, 512, 4, 4, 256, 128, 1e-6, ratios(4, {0}, 4, 128)}};
  return all;
}

const Model& model_of(const std::string& preset) {
  std::vector<std::string> names;
  for (const Model& model : models()) {
    if (model.preset.name == preset) return model;
    names.push_back(model.preset.name);
  }
  throw UserError("unknown-preset", fmt::format("no checkpoint has preset '{}'; there are: {}", preset, fmt::join(names, ", ")),
                  fmt::format("--preset {}", names.front()));
}

json config_of(const Model& model) {
  json text = {
      {"hidden_size", model.hidden},
      {"num_hidden_layers", model.layers},
      {"num_nextn_predict_layers", 1},
      {"num_attention_heads", model.heads},
      {"num_key_value_heads", 1},
      {"head_dim", Model::head_dim},
      {"qk_rope_head_dim", Model::rope_dim},
      {"q_lora_rank", model.q_lora},
      {"rms_norm_eps", model.eps},
      {"max_position_embeddings", 1048576},
      {"compress_ratios", model.compress_ratios},
      {"rope_theta", 10000},
      {"compress_rope_theta", 160000},
      {"rope_scaling",
       {{"type", "yarn"}, {"factor", 16}, {"beta_fast", 32}, {"beta_slow", 1}, {"original_max_position_embeddings", 65536}}}};
  if (!model.kv_sources.empty()) text["kv_source_layer_ids"] = model.kv_sources;
  json config = model.has_text_config ? json{{"model_type", "deepseek_v41"}, {"text_config", text}} : std::move(text);
  if (!model.has_text_config) config["model_type"] = "deepseek_v4";
  config["quantization_config"] = {
      {"quant_method", "fp8"}, {"fmt", "e4m3"}, {"scale_fmt", "ue8m0"}, {"weight_block_size", {model.block, model.block}}};
  return config;
}

// Draws from it are e4m3 codes of normal numbers, the largest of which is near e4m3's: 3.5 standard deviations are 448.
std::vector<uint8_t> normal_codes() {
  std::vector<uint8_t> codes(1 << 16);
  const RandomStream stream(0, "normal codes");
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<uint8_t>(code_of_value(DType::e4m3, 128 * stream.normal(static_cast<int64_t>(i))));
  return codes;
}

class LayerMaker {
 public:
  LayerMaker(const Model& model, uint64_t seed) : model_(model), seed_(seed) {}

  // A matrix's tensors, by their released names.
  struct Matrix {
    std::string name;
    int64_t rows, columns;
  };
  std::vector<Matrix> matrices(bool with_kv) const {
    std::vector<Matrix> all = {{"attn.wq_a", model_.q_lora, model_.hidden},
                               {"attn.wq_b", model_.heads * Model::head_dim, model_.q_lora}};
    if (with_kv) all.push_back({"attn.wkv", Model::head_dim, model_.hidden});
    return all;
  }

  Array weight(const std::string& prefix, const Matrix& matrix) const {
    Array array = Array::zeros(DType::e4m3, {matrix.rows, matrix.columns});
    const RandomStream stream(seed_, prefix + matrix.name);
    auto* out = array.as<uint8_t>();
    const auto size = static_cast<int64_t>(array.bytes.size());
    for (int64_t i = 0; i < size; i += 4) {
      uint64_t bits = stream.bits(i / 4);
      for (int64_t j = i; j < std::min(i + 4, size); ++j, bits >>= 16) out[j] = codes_[bits & 0xffff];
    }
    return array;
  }

  // A standard deviation of 128 in a block times the scale is one over the root of the columns, up to a factor of 2 either way.
  Array scale(const std::string& prefix, const Matrix& matrix) const {
    Array array = Array::zeros(DType::e8m0, {ceil_div(matrix.rows, model_.block), ceil_div(matrix.columns, model_.block)});
    const RandomStream stream(seed_, prefix + matrix.name + " scale");
    const auto usual = static_cast<int>(std::lround(std::log2(1 / (128 * std::sqrt(static_cast<double>(matrix.columns))))));
    for (int64_t i = 0; i < array.size(); ++i)
      array.as<uint8_t>()[i] = static_cast<uint8_t>(127 + usual - 1 + static_cast<int>(stream.bits(i) % 3));
    return array;
  }

  // Of either sign, sizes a factor of 16 apart.
  Array norm(const std::string& prefix, const std::string& name, int64_t columns) const {
    Array array = Array::zeros(DType::bf16, {columns});
    const RandomStream stream(seed_, prefix + name);
    for (int64_t i = 0; i < columns; ++i) set_value_at(array, i, stream.signed_magnitude(i, 0.125, 2));
    return array;
  }

 private:
  const Model& model_;
  uint64_t seed_;
  std::vector<uint8_t> codes_ = normal_codes();
};

}  // namespace

const std::vector<CheckpointPreset>& checkpoint_presets() {
  static const std::vector<CheckpointPreset> presets = [] {
    std::vector<CheckpointPreset> all;
    for (const Model& model : models()) all.push_back(model.preset);
    return all;
  }();
  return presets;
}

int64_t make_checkpoint(const std::string& folder, const CheckpointToMake& what,
                        const std::function<void(int64_t layer)>& progress) {
  const Model& model = model_of(what.preset);
  const auto most = static_cast<int64_t>(model.compress_ratios.size()) - 1;
  if (what.first_layer < 0 || what.first_layer > what.last_layer || what.last_layer > most)
    throw UserError("option-value",
                    fmt::format("layers {} to {} of preset {}, which has layers 0 to {}", what.first_layer, what.last_layer,
                                what.preset, most),
                    fmt::format("--layers 0-{}", most));
  const auto path_of = [&](const std::string& file) { return (fs::path(folder) / file).string(); };
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw UserError("file-unwritable", fmt::format("cannot make the folder '{}': {}", folder, error.message()),
                    "a folder below one that you may write to");
  if (fs::exists(path_of("config.json"), error))
    throw UserError("file-unwritable",
                    fmt::format("'{}' has a config.json: it is a checkpoint already, and stays as it is", folder),
                    "a new folder");

  const LayerMaker maker(model, what.seed);
  const int64_t count = what.last_layer - what.first_layer + 1;
  json map = json::object();
  int64_t bytes = 0;
  for (int64_t part = 0; part < count; ++part) {
    const int64_t layer = what.first_layer + part, before = what.first_layer + (part + count - 1) % count;
    progress(layer);
    const std::string prefix = layer_prefix(layer, model.layers), prefix_before = layer_prefix(before, model.layers);
    std::map<std::string, Array> tensors;
    const bool with_kv = model.has_kv(layer);
    std::vector<std::pair<const char*, int64_t>> norms = {{"attn_norm", model.hidden}, {"attn.q_norm", model.q_lora}};
    if (with_kv) norms.emplace_back("attn.kv_norm", Model::head_dim);
    for (const auto& [name, columns] : norms) tensors.emplace(prefix + name + ".weight", maker.norm(prefix, name, columns));
    for (const LayerMaker::Matrix& matrix : maker.matrices(with_kv)) {
      tensors.emplace(prefix + matrix.name + ".weight", maker.weight(prefix, matrix));
      const std::string& owner = matrix.name == "attn.wq_b" ? prefix_before : prefix;
      tensors.emplace(owner + matrix.name + ".scale", maker.scale(owner, matrix));
    }
    const std::string file = fmt::format("model-{:05}-of-{:05}.safetensors", part + 1, count);
    for (const auto& [name, array] : tensors) map[name] = file, bytes += static_cast<int64_t>(array.bytes.size());
    write_safetensors(path_of(file), tensors);
  }
  const json index = {{"metadata", {{"total_size", bytes}}}, {"weight_map", map}};
  write_file_atomically(path_of("model.safetensors.index.json"), {index.dump(1)});
  write_file_atomically(path_of("config.json"), {config_of(model).dump(1)});
  return bytes;
}

}  // namespace imbrex::checkpoint
