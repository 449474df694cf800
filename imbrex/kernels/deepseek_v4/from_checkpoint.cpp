// A layer of a released checkpoint as inputs of qkv_proj_rope.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/checkpoint/convert.h"
#include "imbrex/checkpoint/inspect.h"
#include "imbrex/checkpoint/rope.h"
#include "imbrex/inputs/random.h"
#include "imbrex/kernels/deepseek_v4/entry_parts.h"
#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

using checkpoint::Checkpoint;
using checkpoint::FrontLayer;
using checkpoint::MappedTensor;
using checkpoint::MatrixForm;
using checkpoint::ModelConfig;
using checkpoint::StoredMatrix;
using checkpoint::Workers;
using inputs::TensorShape;

constexpr int64_t kUsualPositions = 65536;  // where the config does not say how many there are

// Those of every kernel of the front.
std::map<std::string, std::string> options_of_all(Checkpoint& model, int64_t layer) {
  const ModelConfig& config = model.config();
  for (const auto& [field, value, mine] :
       {std::tuple("head_dim", config.head_dim, head_dim), {"qk_rope_head_dim", config.rope_dim, rope_dim}})
    if (value != mine)
      throw UserError("option-value", fmt::format("'{}' has {} {}; the kernel has {}", config.path, field, value, mine),
                      "a checkpoint of this family");
  const FrontLayer tensors = front_layer(model, layer);
  return {{"hidden", fmt::format("{}", config.hidden)},
          {"heads", fmt::format("{}", config.heads)},
          {"q_lora", fmt::format("{}", config.q_lora)},
          {"eps", fmt::format("{}", config.eps)},
          {"norm_w_bf16", tensors.attn_norm.dtype == "BF16" ? "1" : "0"},
          {"rope_f32", "1"}};
}

std::map<std::string, std::string> options_of(Checkpoint& model, int64_t layer) {
  std::map<std::string, std::string> options = options_of_all(model, layer);
  options.emplace("scale_by_blocks", "0");
  return options;
}

// With weights as they are stored: their blocks, which the kernel's tensors are compared with later.
std::map<std::string, std::string> options_as_it_is(Checkpoint& model, int64_t layer) {
  std::map<std::string, std::string> options = options_of_all(model, layer);
  const StoredMatrix wq_a = front_layer(model, layer).wq_a;
  if (wq_a.form != MatrixForm::fp8_blocks || wq_a.block.rows != wq_a.block.columns)
    throw UserError(
        "option-value",
        fmt::format("tensor '{}' in '{}' is not stored as e4m3 with scales of square blocks, and the kernel takes it so",
                    wq_a.weight.name, wq_a.weight.file),
        "deepseek_v4/qkv_proj_rope, which converts weights");
  options.emplace("fp8_block", fmt::format("{}", wq_a.block.rows));
  return options;
}

// bf16 or f32, as is wanted. UserError "weight-not-exact" where f32 numbers are no bf16 numbers.
Array norm(const MappedTensor& tensor, const TensorShape& wanted) {
  const bool is_bf16 = tensor.dtype == "BF16";
  Array stored = Array::zeros(is_bf16 ? DType::bf16 : DType::f32, tensor.shape);
  std::memcpy(stored.bytes.data(), tensor.data, stored.bytes.size());
  if (stored.dtype == wanted.dtype) return stored;
  Array converted = Array::zeros(wanted.dtype, wanted.shape);
  for (int64_t i = 0; i < stored.size(); ++i) {
    const double value = value_at(stored, i);
    if (std::isfinite(value)) set_value_at(converted, i, value);
    if (value_at(converted, i) != value)
      throw UserError("weight-not-exact",
                      fmt::format("tensor '{}' in '{}': {} at [{}] is no {} number", tensor.name, tensor.file, value, i,
                                  name_of(wanted.dtype)),
                      "norms stored as BF16");
  }
  return converted;
}

// By tiles that stay in the nearest cache.
template <class T>
void transpose(const T* in, int64_t rows, int64_t columns, T* out, const Workers& workers) {
  constexpr int64_t tile = 64;
  workers([&](int ith, int nth) {
    const int64_t tiles = (columns + tile - 1) / tile;
    for (int64_t first = tiles * ith / nth * tile; first < std::min(tiles * (ith + 1) / nth * tile, columns); first += tile)
      for (int64_t top = 0; top < rows; top += tile)
        for (int64_t column = first; column < std::min(first + tile, columns); ++column)
          for (int64_t row = top; row < std::min(top + tile, rows); ++row) out[column * rows + row] = in[row * columns + column];
  });
}

Array transposed(const Array& matrix, const Workers& workers) {
  const int64_t rows = matrix.shape[0], columns = matrix.shape[1];
  Array result = Array::zeros(matrix.dtype, {columns, rows});
  if (matrix.dtype == DType::bf16)
    transpose(matrix.as<uint16_t>(), rows, columns, result.as<uint16_t>(), workers);
  else
    transpose(matrix.as<int8_t>(), rows, columns, result.as<int8_t>(), workers);
  return result;
}

// cos and sin for the tokens' positions, [T, rope_dim], their first half in use.
std::pair<Array, Array> rotation_tables(const ModelConfig& config, int64_t layer, const TensorShape& wanted, uint64_t seed) {
  const inputs::RandomStream stream(seed, "position");
  const auto most = static_cast<double>(config.most_positions.value_or(kUsualPositions));
  const int64_t tokens = wanted.shape[0];
  std::vector<int64_t> positions;
  for (int64_t t = 0; t < tokens; ++t) positions.push_back(static_cast<int64_t>(std::floor(stream.uniform(t) * most)));
  const checkpoint::Rotations rotations = rotations_at(positions, config.rope_of(layer), config.rope_dim);
  Array cosines = Array::zeros(DType::f32, wanted.shape), sines = cosines;
  const int64_t pairs = config.rope_dim / 2;
  for (int64_t t = 0; t < tokens; ++t) {
    std::copy_n(rotations.cosines.as<float>() + t * pairs, pairs, cosines.as<float>() + t * wanted.shape[1]);
    std::copy_n(rotations.sines.as<float>() + t * pairs, pairs, sines.as<float>() + t * wanted.shape[1]);
  }
  return {std::move(cosines), std::move(sines)};
}

// A matrix as bf16, or as it is where the kernel takes e4m3; then with its scales, which lie as the weights do.
struct StoredOperand {
  Array weight;
  std::optional<Array> scales;
};

// An engine has this memory before it reads a model.
StoredOperand room_for(const StoredMatrix& matrix, DType wanted) {
  StoredOperand operand{Array::zeros(wanted, {matrix.rows, matrix.columns}), {}};
  if (wanted == DType::e4m3) operand.scales = Array::zeros(DType::e8m0, matrix.scale->shape);
  return operand;
}

// UserError "option-value" where the matrix has no such blocks.
void require_blocks(const StoredMatrix& matrix, const TensorShape& weight, const TensorShape& scales) {
  const bool is_fp8 = matrix.form == MatrixForm::fp8_blocks;
  if (is_fp8 && scales.shape[0] == matrix.scale->shape[1] && scales.shape[1] == matrix.scale->shape[0]) return;
  const std::string has = is_fp8 ? fmt::format("e4m3 with scales for blocks of {} x {}", matrix.block.rows, matrix.block.columns)
                                 : "not stored as e4m3 with scales";
  throw UserError("option-value",
                  fmt::format("tensor '{}' in '{}' is {}; the kernel takes {} with scales [{}, {}]", matrix.weight.name,
                              matrix.weight.file, has, weight.name, scales.shape[0], scales.shape[1]),
                  is_fp8 && matrix.block.rows == matrix.block.columns ? fmt::format("--set fp8_block={}", matrix.block.rows)
                                                                      : "--set fp8_block=0, which expands it to bf16");
}

void read(const StoredMatrix& matrix, StoredOperand& to, const Workers& workers) {
  if (!to.scales) return to_bf16(matrix, to.weight.as<uint16_t>(), workers);
  require_exact(matrix, workers);
  std::memcpy(to.weight.bytes.data(), matrix.weight.data, to.weight.bytes.size());
  std::memcpy(to.scales->bytes.data(), matrix.scale->data, to.scales->bytes.size());
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

LayerInputs inputs_of(Checkpoint& model, int64_t layer, int64_t first_head, const std::vector<TensorShape>& wanted, uint64_t seed,
                      const Workers& workers) {
  const ModelConfig& config = model.config();
  const auto shape_of = [&](const std::string& name) -> const TensorShape& {
    return *std::find_if(wanted.begin(), wanted.end(), [&](const TensorShape& shape) { return shape.name == name; });
  };
  LayerInputs result;
  result.description = text_of(config.rope_of(layer));
  auto begin = std::chrono::steady_clock::now();
  FrontLayer stored = front_layer(model, layer);
  stored.wq_b = rows_of(stored.wq_b, first_head * head_dim, shape_of("wq_b").shape[1]);
  bring_into_memory(stored, workers);
  result.load_seconds = seconds_since(begin);
  result.bytes = bytes_of(stored);
  result.identity = fmt::format("{}heads from {} on\n", identity_of(stored, workers), first_head);

  std::map<std::string, const StoredMatrix*> projections = {{"wq_a", &stored.wq_a}, {"wkv", &stored.wkv}};
  const bool quantizes = shape_of("wq_b").dtype == DType::int8;
  if (!quantizes) projections.emplace("wq_b", &stored.wq_b);
  std::map<std::string, StoredOperand> operands;
  for (const auto& [name, matrix] : projections) {
    const TensorShape& weight = shape_of(name);
    if (weight.dtype == DType::e4m3) require_blocks(*matrix, weight, shape_of(name + "_scale"));
    operands.emplace(name, room_for(*matrix, weight.dtype));
  }
  Array wq_b, wq_b_scale;
  if (quantizes) {
    wq_b = Array::zeros(DType::int8, {stored.wq_b.rows, stored.wq_b.columns});
    wq_b_scale = Array::zeros(DType::f32, {stored.wq_b.rows});
  }
  begin = std::chrono::steady_clock::now();
  for (const auto& [name, matrix] : projections) read(*matrix, operands.at(name), workers);
  if (quantizes) to_int8(stored.wq_b, wq_b.as<int8_t>(), wq_b_scale.as<float>(), workers);
  Tensors norms = {{"norm_w", norm(stored.attn_norm, shape_of("norm_w"))},
                   {"gamma_cq", norm(stored.q_norm, shape_of("gamma_cq"))},
                   {"gamma_ckv", norm(stored.kv_norm, shape_of("gamma_ckv"))}};
  result.convert_seconds = seconds_since(begin);

  result.inputs = std::move(norms);
  result.made = {"x", "rope_cos", "rope_sin"};
  result.inputs.merge(made_inputs({shape_of("x")}, seed));
  std::tie(result.inputs["rope_cos"], result.inputs["rope_sin"]) = rotation_tables(config, layer, shape_of("rope_cos"), seed);
  if (quantizes) {
    result.inputs.emplace("wq_b_scale", std::move(wq_b_scale));
    result.weights_by_row.emplace("wq_b", std::move(wq_b));
  }
  for (auto& [name, operand] : operands) {
    if (operand.scales) result.inputs.emplace(name + "_scale", transposed(*operand.scales, workers));
    result.weights_by_row.emplace(name, std::move(operand.weight));
  }
  for (const auto& [name, weight] : result.weights_by_row) result.inputs.emplace(name, transposed(weight, workers));
  return result;
}

}  // namespace

FromCheckpoint from_checkpoint() { return {options_of, inputs_of}; }
FromCheckpoint from_checkpoint_as_it_is() { return {options_as_it_is, inputs_of}; }

}  // namespace imbrex::kernels::deepseek_v4
