// The tensors of one layer that its attention front reads, checked against the config and each other.
//
// Matrices are as stored, [out, in]: a row for each output. Released layers have fp8 (e4m3) matrices with a power-of-two scale
// (e8m0) for each block; other tools make int8 matrices with a scale for each row, or bf16.
#pragma once

#include <optional>

#include "imbrex/checkpoint/checkpoint.h"
#include "imbrex/checkpoint/workers.h"

namespace imbrex::checkpoint {

enum class MatrixForm { fp8_blocks, int8_rows, bf16 };

constexpr uint8_t kNanScale = 0xff;  // of e8m0, whose other bytes are powers of two

struct StoredMatrix {
  MatrixForm form = MatrixForm::bf16;
  int64_t rows = 0, columns = 0;  // outputs, inputs
  MappedTensor weight;            // [rows, columns]
  std::optional<MappedTensor>
      scale;              // fp8_blocks: [ceil(rows / block.rows), ceil(columns / block.columns)]; int8_rows: F32 or BF16 [rows]
  BlockShape block;       // of fp8_blocks
  int64_t row_bytes = 0;  // from row to row of the weight; 0: without gaps
  const std::byte* row(int64_t r) const { return weight.data + r * (row_bytes > 0 ? row_bytes : weight.bytes / rows); }
};

// Of a row of an int8 matrix.
float row_scale(const StoredMatrix& matrix, int64_t row);

// `count` rows from `first` on. UserError "option-value" where they would begin inside a block of scales.
StoredMatrix rows_of(const StoredMatrix& matrix, int64_t first, int64_t count);

struct FrontLayer {
  int64_t kv_layer = 0;                     // whose keys and values it uses; where it is another, wkv and kv_norm are empty
  int64_t layer = 0;                        // those after the last layer are MTP's
  MappedTensor attn_norm, q_norm, kv_norm;  // BF16 or F32 [D], [Q], [head_dim]
  StoredMatrix wq_a, wq_b, wkv;             // [Q, D], [H * head_dim, Q], [head_dim, D]
};

// UserErrors: those of Checkpoint::tensor(); "tensor-mismatch" for another type or shape than the config says, with its fields;
// "weight-not-exact" for a scale that is no number; "config-malformed" for a layer that the model does not have; "tensor-missing",
// too, for one that uses another layer's keys and values.
FrontLayer front_layer(Checkpoint& checkpoint, int64_t layer);
// The same, also of such a layer: one that the config says to use another's, and of which nothing of wkv and kv_norm is there.
FrontLayer front_layer_with_or_without_kv(Checkpoint& checkpoint, int64_t layer);

// Reads the tensors' bytes from the disk, where they are not in memory yet.
void bring_into_memory(const FrontLayer& layer, const Workers& workers);

// What the layer's tensors are, as text: layers with equal texts have equal tensors. It has each tensor's name, type, shape and blocks,
// and a digest of all of its bytes, wherever its file is and however that was changed.
std::string identity_of(const FrontLayer& layer, const Workers& workers);

// Of all its tensors.
int64_t bytes_of(const FrontLayer& layer);

// The released names of its tensors; a scale where the matrix has one in the released checkpoints.
std::vector<std::string> front_tensor_names(const ModelConfig& config, int64_t layer);

}  // namespace imbrex::checkpoint
