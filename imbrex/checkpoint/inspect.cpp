#include "imbrex/checkpoint/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <set>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/front_layer.h"
#include "imbrex/checkpoint/tensor_names.h"

namespace imbrex::checkpoint {
namespace {

std::string becomes(const StoredMatrix& matrix, bool is_int8) {
  const std::string shape = fmt::format("[{}, {}]", matrix.columns, matrix.rows);
  switch (matrix.form) {
    case MatrixForm::bf16:
      return is_int8 ? fmt::format("int8 {} and f32 [{}]", shape, matrix.rows) : fmt::format("bf16 {}", shape);
    case MatrixForm::int8_rows: return is_int8 ? fmt::format("int8 {}", shape) : fmt::format("bf16 {}, rounded", shape);
    case MatrixForm::fp8_blocks: break;
  }
  return is_int8 ? fmt::format("int8 {} and f32 [{}]", shape, matrix.rows) : fmt::format("bf16 {}, exact", shape);
}

// By released names without the layer.
std::map<std::string, std::string> uses_of(const FrontLayer& layer) {
  std::map<std::string, std::string> uses;
  const bool has_kv = layer.kv_layer == layer.layer;
  for (const char* name : {"attn_norm", "attn.q_norm"}) uses.emplace(fmt::format("{}.weight", name), "as it is");
  if (has_kv) uses.emplace("attn.kv_norm.weight", "as it is");
  for (const auto& [name, matrix] : {std::pair("attn.wq_a", &layer.wq_a), {"attn.wq_b", &layer.wq_b}, {"attn.wkv", &layer.wkv}}) {
    if (matrix == &layer.wkv && !has_kv) continue;
    uses.emplace(fmt::format("{}.weight", name), becomes(*matrix, matrix == &layer.wq_b));
    uses.emplace(fmt::format("{}.scale", name), matrix->form == MatrixForm::fp8_blocks
                                                    ? fmt::format("blocks of {} x {}", matrix->block.rows, matrix->block.columns)
                                                    : "a scale a row");
  }
  return uses;
}

// What went wrong, for a list: without what to try.
template <class F>
std::string problem_of(F&& action) {
  try {
    action();
    return "";
  } catch (const UserError& error) {
    return error.diagnostics().at(0).message;
  }
}

}  // namespace

std::string text_of(const RopeRegime& regime) {
  return fmt::format("theta {}{}", regime.theta, regime.yarn ? fmt::format(", YaRN factor {}", regime.yarn->factor) : "");
}

std::string text_of(const ModelConfig& config) {
  return fmt::format(
      "{}D {}, {} heads of {} ({} rotated), latent {}, eps {}, {} layers{}",
      config.model_type.empty() ? "" : config.model_type + ": ", config.hidden, config.heads, config.head_dim, config.rope_dim,
      config.q_lora, config.eps, config.layers,
      config.weight_block ? fmt::format(", blocks of {} x {}", config.weight_block->rows, config.weight_block->columns) : "");
}

std::vector<std::string> missing_files(const Checkpoint& checkpoint) {
  std::set<std::string> missing;
  std::error_code error;
  for (const auto& [name, place] : checkpoint.places())
    if (!std::filesystem::exists(std::filesystem::path(checkpoint.folder()) / place.file, error)) missing.insert(place.file);
  return {missing.begin(), missing.end()};
}

InspectedLayer inspect_layer(Checkpoint& checkpoint, int64_t layer) {
  InspectedLayer result;
  result.layer = layer;
  std::map<std::string, std::string> uses;
  result.kv_layer = layer;
  result.problem = problem_of([&] {
    const FrontLayer read = front_layer_with_or_without_kv(checkpoint, layer);
    uses = uses_of(read);
    result.kv_layer = read.kv_layer;
  });
  const ModelConfig& config = checkpoint.config();
  for (const char* name : {"attn.wkv.weight", "attn.kv_norm.weight"})
    if (const std::string of_kv = layer_prefix(result.kv_layer, config.layers) + name;
        result.problem.empty() && !checkpoint.has(of_kv))
      result.problem = fmt::format("'{}', which layer {} uses, is missing", of_kv, layer);
  if (layer < 0 || layer >= static_cast<int64_t>(config.compress_ratios.size())) return result;
  result.rotation = text_of(config.rope_of(layer));
  const std::string prefix = layer_prefix(layer, config.layers);
  result.name = prefix.substr(0, prefix.size() - 1);
  for (const std::string& name : front_tensor_names(config, layer)) {
    InspectedTensor tensor{name, "", "", "", "", 0};
    const auto place = checkpoint.places().find(name);
    if (place == checkpoint.places().end() && result.problem.empty()) continue;  // the scale of a bf16 matrix
    if (place != checkpoint.places().end()) {
      result.is_there = true;
      tensor.file = place->second.file;
      tensor.problem = problem_of([&] {
        const MappedTensor mapped = checkpoint.tensor(name);
        tensor.stored = fmt::format("{} [{}]", mapped.dtype, fmt::join(mapped.shape, ", "));
        tensor.bytes = mapped.bytes;
      });
    }
    if (const auto use = uses.find(name.substr(prefix.size())); use != uses.end()) tensor.becomes = use->second;
    result.bytes += tensor.bytes;
    result.tensors.push_back(std::move(tensor));
  }
  return result;
}

}  // namespace imbrex::checkpoint
