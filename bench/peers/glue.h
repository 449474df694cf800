// What is between oneDNN's products: norms, quantization, dequantization, rope, casts, each for one row. Compiled once for each
// instruction set; f32 throughout, bf16 as its bits, and the compiler may reassociate.
#pragma once

#include <cstdint>

namespace imbrex::peers {

inline constexpr int64_t head_dim = 512, rope_dim = 64;
inline constexpr int64_t cache_block = 64, cache_blocks = (head_dim - rope_dim) / cache_block;  // of columns that have a scale

// One head of some rows: their int32 sums, and what makes values of them.
struct HeadTile {
  const int32_t* sums;
  int64_t rows, sums_per_row;
  const int32_t* shift;  // what is too much in the sums of each column, or null
  const float *row_scales, *column_scales;
  const float *cosines, *sines;  // of the first row; rows are rope_dim apart
  uint16_t* out;
  int64_t out_per_row;
};

// Rope takes, of each token, rope_dim cosines (each pair's twice) and sines (each pair's negated, then as it is): a rotated row
// is x * cosines + (x with the elements of each pair swapped) * sines.
struct Glue {
  void (*norm)(const uint16_t* x, const float* weight, int64_t n, float eps, uint16_t* out);
  void (*widen)(const uint16_t* bf16, int64_t n, float* out);
  // The normalized latent as int8 and, where `shifted` is given, 128 more as uint8; its scale.
  void (*quantize)(const float* latent, const float* gamma, int64_t n, float eps, int8_t* qr, uint8_t* shifted, float* scale);
  void (*finish_kv)(const float* latent, const float* gamma, float eps, const float* cosines, const float* sines, uint16_t* out);
  void (*finish_head)(const HeadTile& tile, float eps);
  // A bf16 row as int8, and its scale.
  void (*quantize_row)(const uint16_t* row, int64_t n, int8_t* out, float* scale);
  // A bf16 head times a scale, in its place.
  void (*finish_query)(uint16_t* head, float scale, float eps, const float* cosines, const float* sines);
  // A normalized bf16 row of kv as e4m3 with a scale e8m0 for each block, and its rotated columns as bf16.
  void (*insert_fp8)(const uint16_t* kv, const float* cosines, const float* sines, uint8_t* values, uint8_t* scales,
                     uint16_t* rotated);
};

namespace avx512 {
extern const Glue glue;
}
namespace avx512_base {
extern const Glue glue;
}
namespace avx2 {
extern const Glue glue;
}

}  // namespace imbrex::peers
