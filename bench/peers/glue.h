// What is between oneDNN's primitives: norms, quantization, dequantization, rope, casts, each for one row. Compiled once for each
// instruction set; f32 throughout, bf16 as its bits, and the compiler may reassociate.
#pragma once

#include <cstdint>

namespace imbrex::peers {

inline constexpr int64_t head_dim = 512, rope_dim = 64;

// Cosines and sines of one token, rope_dim / 2 each.
struct Rotation {
  const float *cosines, *sines;
};

struct Glue {
  void (*norm)(const uint16_t* x, const float* weight, int64_t n, float eps, uint16_t* out);
  void (*widen)(const uint16_t* bf16, int64_t n, float* out);
  // The normalized latent as int8 and, 128 more, as uint8; its scale.
  void (*quantize)(const float* latent, const float* gamma, int64_t n, float eps, int8_t* qr, uint8_t* shifted, float* scale);
  void (*finish_kv)(const float* latent, const float* gamma, float eps, Rotation rotation, uint16_t* out);
  // One head of one token. `shift` is what the 128 of each activation added to each column.
  void (*finish_head)(const int32_t* sums, const int32_t* shift, float row_scale, const float* column_scales, float eps,
                      Rotation rotation, uint16_t* out);
};

namespace avx512 {
extern const Glue glue;
}
namespace avx2 {
extern const Glue glue;
}

}  // namespace imbrex::peers
