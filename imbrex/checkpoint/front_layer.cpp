#include "imbrex/checkpoint/front_layer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "imbrex/base/checked.h"
#include "imbrex/base/digest.h"
#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/checkpoint/tensor_names.h"

namespace imbrex::checkpoint {
namespace {

// An extent, and the fields of the config that it comes from.
struct Extent {
  int64_t size;
  const char* fields;
};

std::string text_of(const std::string& dtypes, const std::vector<int64_t>& shape) {
  return fmt::format("{} [{}]", dtypes, fmt::join(shape, ", "));
}

[[noreturn]] void mismatch(const MappedTensor& tensor, const std::string& expected, const std::string& because) {
  throw UserError("tensor-mismatch",
                  fmt::format("tensor '{}' in '{}' must be {}, found {}: {}", tensor.name, tensor.file, expected,
                              text_of(tensor.dtype, tensor.shape), because),
                  "config.json and tensors of one model");
}

void check(const MappedTensor& tensor, const std::vector<std::string>& dtypes, const std::vector<Extent>& extents,
           const ModelConfig& config) {
  std::vector<int64_t> shape;
  std::vector<std::string> fields;
  for (const Extent& extent : extents) shape.push_back(extent.size), fields.emplace_back(extent.fields);
  if (tensor.shape == shape && std::find(dtypes.begin(), dtypes.end(), tensor.dtype) != dtypes.end()) return;
  mismatch(tensor, text_of(fmt::format("{}", fmt::join(dtypes, " or ")), shape),
           fmt::format("'{}' has {} for its shape", config.path, fmt::join(fields, " and ")));
}

class LayerReader {
 public:
  LayerReader(Checkpoint& checkpoint, int64_t layer)
      : checkpoint_(checkpoint), config_(checkpoint.config()), prefix_(layer_prefix(layer, config_.layers)) {}

  bool has(const std::string& name) const { return checkpoint_.has(prefix_ + name); }

  MappedTensor norm(const std::string& name, const Extent& columns) {
    MappedTensor tensor = checkpoint_.tensor(prefix_ + name + ".weight");
    check(tensor, {"BF16", "F32"}, {columns}, config_);
    return tensor;
  }

  StoredMatrix matrix(const std::string& name, const Extent& rows, const Extent& columns) {
    StoredMatrix matrix;
    matrix.rows = rows.size;
    matrix.columns = columns.size;
    matrix.weight = checkpoint_.tensor(prefix_ + name + ".weight");
    check(matrix.weight, {"F8_E4M3", "I8", "BF16"}, {rows, columns}, config_);
    if (matrix.weight.dtype == "BF16") return matrix;
    matrix.form = matrix.weight.dtype == "I8" ? MatrixForm::int8_rows : MatrixForm::fp8_blocks;
    const std::string scale = prefix_ + name + ".scale";
    if (!checkpoint_.has(scale))
      throw UserError("tensor-missing",
                      fmt::format("the checkpoint '{}' has no scale '{}' for '{}' in '{}', which is {}", checkpoint_.folder(),
                                  scale, matrix.weight.name, matrix.weight.file, matrix.weight.dtype),
                      fmt::format("all files of the checkpoint in its folder; `imbrex inspect {}` lists what there is",
                                  checkpoint_.folder()));
    matrix.scale = checkpoint_.tensor(scale);
    if (matrix.form == MatrixForm::int8_rows)
      check_row_scales(matrix);
    else
      check_block_scales(matrix);
    return matrix;
  }

 private:
  static void check_row_scales(const StoredMatrix& matrix) {
    const MappedTensor& scale = *matrix.scale;
    const bool has_shape =
        scale.shape == std::vector<int64_t>{matrix.rows} || scale.shape == std::vector<int64_t>{matrix.rows, 1};
    if (!has_shape || (scale.dtype != "F32" && scale.dtype != "BF16"))
      mismatch(scale, text_of("F32 or BF16", {matrix.rows}),
               fmt::format("int8 '{}' has a scale for each of its {} rows", matrix.weight.name, matrix.rows));
    for (int64_t row = 0; row < matrix.rows; ++row)
      if (const float value = row_scale(matrix, row); !std::isfinite(value) || value <= 0)
        throw UserError("weight-not-exact",
                        fmt::format("tensor '{}' in '{}' has scale {} for row {}; expected a finite number above 0", scale.name,
                                    scale.file, value, row),
                        "the tensor as it was published");
  }

  // The shape decides the blocks where config.json does not say them.
  void check_block_scales(StoredMatrix& matrix) {
    const MappedTensor& scale = *matrix.scale;
    const auto& shape = scale.shape;
    if (config_.weight_block) {
      matrix.block = *config_.weight_block;
    } else {
      const bool decides =
          shape.size() == 2 && shape[0] > 0 && shape[1] > 0 && matrix.rows % shape[0] == 0 && matrix.columns % shape[1] == 0;
      if (!decides)
        mismatch(scale, "F8_E8M0 of a shape that divides the matrix's",
                 fmt::format("'{}' has no weight_block_size, so it decides the blocks of '{}' [{}, {}]", config_.path,
                             matrix.weight.name, matrix.rows, matrix.columns));
      matrix.block = {matrix.rows / shape[0], matrix.columns / shape[1]};
    }
    const std::vector<int64_t> blocks = {ceil_div(matrix.rows, matrix.block.rows),
                                         ceil_div(matrix.columns, matrix.block.columns)};
    if (shape != blocks || scale.dtype != "F8_E8M0")
      mismatch(scale, text_of("F8_E8M0", blocks),
               fmt::format("'{}' [{}, {}] has blocks of {} x {} (weight_block_size in '{}')", matrix.weight.name, matrix.rows,
                           matrix.columns, matrix.block.rows, matrix.block.columns, config_.path));
    if (const void* found = std::memchr(scale.data, kNanScale, static_cast<size_t>(scale.bytes))) {
      const int64_t place = static_cast<const std::byte*>(found) - scale.data;
      throw UserError("weight-not-exact",
                      fmt::format("tensor '{}' in '{}' has a scale that is no number (byte 255) at [{}, {}]", scale.name,
                                  scale.file, place / blocks[1], place % blocks[1]),
                      "the tensor as it was published");
    }
  }

  Checkpoint& checkpoint_;
  const ModelConfig& config_;
  std::string prefix_;
};

std::vector<const MappedTensor*> tensors_of(const FrontLayer& layer) {
  std::vector<const MappedTensor*> tensors = {&layer.attn_norm, &layer.q_norm};
  std::vector<const StoredMatrix*> matrices = {&layer.wq_a, &layer.wq_b};
  if (layer.kv_layer == layer.layer) tensors.push_back(&layer.kv_norm), matrices.push_back(&layer.wkv);
  for (const StoredMatrix* matrix : matrices) {
    tensors.push_back(&matrix->weight);
    if (matrix->scale) tensors.push_back(&*matrix->scale);
  }
  return tensors;
}

}  // namespace

StoredMatrix rows_of(const StoredMatrix& matrix, int64_t first, int64_t count) {
  const auto part_of = [](const MappedTensor& tensor, int64_t rows, int64_t first, int64_t count) {
    MappedTensor part = tensor;
    const int64_t bytes_of_row = tensor.bytes / rows;
    part.shape[0] = count;
    part.data += first * bytes_of_row;
    part.bytes = count * bytes_of_row;
    return part;
  };
  StoredMatrix part = matrix;
  part.rows = count;
  part.weight = part_of(matrix.weight, matrix.rows, first, count);
  if (matrix.form == MatrixForm::int8_rows) part.scale = part_of(*matrix.scale, matrix.rows, first, count);
  if (matrix.form == MatrixForm::fp8_blocks) {
    const int64_t block = matrix.block.rows;
    if (first % block != 0)
      throw UserError("option-value",
                      fmt::format("rows of '{}' from {} on begin inside a block of {} rows that share a scale",
                                  matrix.weight.name, first, block),
                      "parts of whole blocks");
    part.scale = part_of(*matrix.scale, matrix.scale->shape[0], first / block, ceil_div(count, block));
  }
  return part;
}

float row_scale(const StoredMatrix& matrix, int64_t row) {
  const std::byte* data = matrix.scale->data;
  if (matrix.scale->dtype == "F32") {
    float value = 0;
    std::memcpy(&value, data + row * 4, 4);
    return value;
  }
  uint16_t bits = 0;
  std::memcpy(&bits, data + row * 2, 2);
  return float_of_bf16(bits);
}

FrontLayer front_layer(Checkpoint& checkpoint, int64_t layer) {
  FrontLayer result = front_layer_with_or_without_kv(checkpoint, layer);
  if (result.kv_layer != layer)
    throw UserError(
        "tensor-missing",
        fmt::format("layer {} of '{}' has no keys and values of its own: it uses those of layer {} (kv_source_layer_ids "
                    "in '{}'), and the attention front computes both",
                    layer, checkpoint.folder(), result.kv_layer, checkpoint.config().path),
        fmt::format("--layer {}, which has them", result.kv_layer));
  return result;
}

FrontLayer front_layer_with_or_without_kv(Checkpoint& checkpoint, int64_t layer) {
  const ModelConfig& config = checkpoint.config();
  const auto most = static_cast<int64_t>(config.compress_ratios.size()) - 1;
  if (layer < 0 || layer > most)
    throw UserError(
        "config-malformed",
        fmt::format("'{}' has layers 0 to {} (compress_ratios), and layer {} was asked for", config.path, most, layer),
        "a layer of the model");
  LayerReader reader(checkpoint, layer);
  const Extent hidden{config.hidden, "hidden_size"}, latent{config.q_lora, "q_lora_rank"}, head{config.head_dim, "head_dim"},
      heads{config.heads * config.head_dim, "num_attention_heads * head_dim"};
  FrontLayer result;
  result.layer = layer;
  result.attn_norm = reader.norm("attn_norm", hidden);
  result.wq_a = reader.matrix("attn.wq_a", latent, hidden);
  result.q_norm = reader.norm("attn.q_norm", latent);
  result.wq_b = reader.matrix("attn.wq_b", heads, latent);
  result.kv_layer = config.kv_layer_of(layer);
  const auto has = [&](const char* name) { return reader.has(name); };
  constexpr const char* of_kv[] = {"attn.wkv.weight", "attn.wkv.scale", "attn.kv_norm.weight"};
  if (result.kv_layer != layer && std::none_of(std::begin(of_kv), std::end(of_kv), has)) return result;
  result.kv_layer = layer;
  result.wkv = reader.matrix("attn.wkv", head, hidden);
  result.kv_norm = reader.norm("attn.kv_norm", head);
  return result;
}

void bring_into_memory(const FrontLayer& layer, const Workers& workers) {
  workers([&](int ith, int nth) {
    for (const MappedTensor* tensor : tensors_of(layer)) {
      const int64_t begin = tensor->bytes * ith / nth;
      read_mapped(tensor->data + begin, tensor->bytes * (ith + 1) / nth - begin);
    }
  });
}

std::string identity_of(const FrontLayer& layer, const Workers& workers) {
  constexpr int64_t block = 1 << 20;
  struct Part {
    const std::byte* data;
    int64_t bytes;
  };
  const std::vector<const MappedTensor*> tensors = tensors_of(layer);
  std::vector<Part> parts;
  for (const MappedTensor* tensor : tensors)
    for (int64_t at = 0; at < tensor->bytes; at += block)
      parts.push_back({tensor->data + at, std::min(block, tensor->bytes - at)});
  std::vector<uint64_t> digests(parts.size());
  workers([&](int ith, int nth) {
    for (auto i = static_cast<size_t>(ith); i < parts.size(); i += static_cast<size_t>(nth))
      digests[i] = digest_of(parts[i].data, static_cast<size_t>(parts[i].bytes));
  });
  std::string text;
  auto first = digests.begin();
  for (const MappedTensor* tensor : tensors) {
    const auto last = first + ceil_div(tensor->bytes, block);
    const std::vector<uint64_t> own(first, last);
    text += fmt::format("{} {}, {:016x}\n", tensor->name, text_of(tensor->dtype, tensor->shape),
                        digest_of(own.data(), own.size() * sizeof own.front()));
    first = last;
  }
  for (const StoredMatrix* matrix : {&layer.wq_a, &layer.wq_b, &layer.wkv})
    text += fmt::format("blocks of {} x {}\n", matrix->block.rows, matrix->block.columns);
  return text;
}

int64_t bytes_of(const FrontLayer& layer) {
  int64_t bytes = 0;
  for (const MappedTensor* tensor : tensors_of(layer)) bytes += tensor->bytes;
  return bytes;
}

std::vector<std::string> front_tensor_names(const ModelConfig& config, int64_t layer) {
  std::vector<std::string> names;
  for (const char* name : {"attn_norm.weight", "attn.wq_a.weight", "attn.wq_a.scale", "attn.q_norm.weight", "attn.wq_b.weight",
                           "attn.wq_b.scale", "attn.wkv.weight", "attn.wkv.scale", "attn.kv_norm.weight"})
    names.push_back(layer_prefix(layer, config.layers) + name);
  return names;
}

}  // namespace imbrex::checkpoint
