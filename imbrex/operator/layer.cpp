// A layer of a checkpoint as weights of a front.
#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/front_layer.h"
#include "imbrex/checkpoint/rope.h"
#include "imbrex/operator/front.h"

using namespace imbrex::v4;
using imbrex::checkpoint::MappedTensor;
using imbrex::checkpoint::MatrixForm;
using imbrex::checkpoint::StoredMatrix;

struct imbrex_v4_layer {
  imbrex_v4_layer(const char* folder, int64_t number)
      : checkpoint(folder), layer(number), front(front_layer_with_or_without_kv(checkpoint, number)) {
    weights.wq_a = matrix_of(front.wq_a);
    weights.wq_b = matrix_of(front.wq_b);
    weights.attn_norm = vector_of(front.attn_norm);
    weights.q_norm = vector_of(front.q_norm);
    if (!has_kv()) return;
    weights.wkv = matrix_of(front.wkv);
    weights.kv_norm = vector_of(front.kv_norm);
  }
  bool has_kv() const { return front.kv_layer == front.layer; }

  imbrex_v4_matrix matrix_of(const StoredMatrix& stored) {
    imbrex_v4_matrix matrix = {};
    matrix.type = stored.form == MatrixForm::bf16        ? IMBREX_V4_BF16
                  : stored.form == MatrixForm::int8_rows ? IMBREX_V4_INT8
                                                         : IMBREX_V4_E4M3;
    matrix.data = stored.weight.data;
    matrix.rows = stored.rows;
    matrix.columns = stored.columns;
    matrix.block_rows = stored.block.rows;
    matrix.block_columns = stored.block.columns;
    if (stored.form == MatrixForm::fp8_blocks) matrix.scale = stored.scale->data;
    if (stored.form == MatrixForm::int8_rows) {  // in a file they may be bf16, or lie anywhere
      std::vector<float>& own = scales.emplace_back(static_cast<size_t>(stored.rows));
      for (int64_t row = 0; row < stored.rows; ++row) own[static_cast<size_t>(row)] = row_scale(stored, row);
      matrix.scale = own.data();
    }
    return matrix;
  }
  static imbrex_v4_vector vector_of(const MappedTensor& tensor) {
    return {tensor.dtype == "BF16" ? IMBREX_V4_BF16 : IMBREX_V4_F32, tensor.data, tensor.shape.front()};
  }

  imbrex::checkpoint::Checkpoint checkpoint;
  int64_t layer;
  imbrex::checkpoint::FrontLayer front;
  std::vector<std::vector<float>> scales;  // of int8 matrices
  imbrex_v4_weights weights = {};
};

namespace {

// Whatever is thrown, as a status.
template <class F>
imbrex_v4_status guarded(Message message, F&& body) {
  try {
    body();
    return IMBREX_V4_OK;
  } catch (const imbrex::UserError& error) {
    return say(message, IMBREX_V4_BAD_FILE, "%s", error.diagnostics().front().message.c_str());
  } catch (const std::bad_alloc&) {
    return say(message, IMBREX_V4_NO_MEMORY, "no memory for a layer");
  } catch (const std::exception& error) {
    return say(message, IMBREX_V4_BAD_FILE, "%s", error.what());
  }
}

}  // namespace

extern "C" {

imbrex_v4_status imbrex_v4_layer_open(const char* folder, int64_t layer, imbrex_v4_layer** opened, char* text,
                                      size_t text_bytes) {
  const Message message = {text, text_bytes};
  if (folder == nullptr || opened == nullptr)
    return say(message, IMBREX_V4_NULL, "the folder, or the place for the layer, is null");
  *opened = nullptr;
  return guarded(message, [&] {
    auto layer_of_folder = std::make_unique<imbrex_v4_layer>(folder, layer);
    const imbrex::checkpoint::ModelConfig& config = layer_of_folder->checkpoint.config();
    if (config.head_dim != kHeadColumns || config.rope_dim != 2 * kPairs)
      throw imbrex::UserError("config-malformed",
                              "'" + config.path + "': heads of other sizes than 512 columns, 64 of them rotated", "");
    *opened = layer_of_folder.release();
  });
}

void imbrex_v4_layer_close(imbrex_v4_layer* layer) { delete layer; }

void imbrex_v4_layer_sizes(const imbrex_v4_layer* layer, imbrex_v4_form* form) {
  if (layer == nullptr || form == nullptr) return;
  const imbrex::checkpoint::ModelConfig& config = layer->checkpoint.config();
  form->hidden = config.hidden;
  form->q_lora = config.q_lora;
  form->eps = config.eps;
  form->head_begin = 0;
  form->head_end = config.heads;
  form->without_kv = !layer->has_kv();
  const auto is_fp8 = [](const imbrex_v4_matrix& m) { return m.type == IMBREX_V4_E4M3 && m.block_rows == m.block_columns; };
  const imbrex_v4_weights& weights = layer->weights;
  if (is_fp8(weights.wq_a)) form->weight_block = weights.wq_a.block_rows;
  if (!is_fp8(weights.wq_a) || (layer->has_kv() && !is_fp8(weights.wkv))) form->keep_fp8 = 0;
}

const imbrex_v4_weights* imbrex_v4_layer_weights(const imbrex_v4_layer* layer) {
  return layer == nullptr ? nullptr : &layer->weights;
}

imbrex_v4_status imbrex_v4_layer_rotations(const imbrex_v4_layer* layer, int64_t first, int64_t count, float* table, char* text,
                                           size_t text_bytes) {
  const Message message = {text, text_bytes};
  if (layer == nullptr || table == nullptr) return say(message, IMBREX_V4_NULL, "the layer or the table is null");
  if (first < 0 || count < 0 || first > INT32_MAX || count > INT32_MAX)
    return say(message, IMBREX_V4_BAD_VALUE, "%lld positions from %lld on; expected numbers from 0 to 2^31 - 1",
               static_cast<long long>(count), static_cast<long long>(first));
  return guarded(message, [&] {
    constexpr int64_t kAtATime = 4096;
    std::vector<int64_t> positions;
    for (int64_t done = 0; done < count; done += kAtATime) {
      positions.resize(static_cast<size_t>(std::min(kAtATime, count - done)));
      std::iota(positions.begin(), positions.end(), first + done);
      const auto rotations =
          imbrex::checkpoint::rotations_at(positions, layer->checkpoint.config().rope_of(layer->layer), 2 * kPairs);
      for (size_t i = 0; i < positions.size(); ++i) {
        float* const row = table + (done + static_cast<int64_t>(i)) * 2 * kPairs;
        std::copy_n(rotations.cosines.as<float>() + i * kPairs, kPairs, row);
        std::copy_n(rotations.sines.as<float>() + i * kPairs, kPairs, row + kPairs);
      }
    }
  });
}

}  // extern "C"
