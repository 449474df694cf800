// The arithmetic of the front on whole rows of all tokens, without loops or tiles: what the plain variant of qkv_proj_rope and
// attention_front are made of. Rounding points are those of qkv_proj_rope.h.
#pragma once

#include "imbrex/kernels/deepseek_v4/parts.h"

namespace imbrex::kernels::deepseek_v4 {

// Rows of x, each divided by its root mean square.
Tile rms_normalized(const Tile& x, Int n, float eps);
// bf16 [T, D] of x [T, D]
Tile normalized_tokens(const Tensor& x, const Tensor& norm_w, Int hidden, float eps);
// bf16 [T, Q] of the normalized tokens
Tile query_latent(const Tile& normed, const Projection& wq_a, const Tensor& gamma_cq, Int q_lora, float eps);

// A result as its tensor takes it: rounded once where that is bf16.
Tile as_stored(const Tensor& out, Tile value);

struct QuantizedRows {
  Tile integers, scale;  // int8 [T, Q], f32 [T, 1]
};
QuantizedRows quantized_latent(const Tile& latent);

// Of the rotation of each token, f32 [T, 32].
struct Angles {
  Tile cosine, sine;
};
// out [T, H, 512] of a quantized latent; wq_b_scale is [H*512].
void store_query_heads(const Tensor& out, const QuantizedRows& latent, const Tensor& wq_b, const Tensor& wq_b_scale,
                       const Angles& angles, float eps);
// out [T, H, 512] of u [T, H*512]: each head normalized, without a weight, and rotated.
void store_normalized_heads(const Tensor& out, const Tile& u, const Angles& angles, float eps);
// out [T, 512]
void store_latent_kv(const Tensor& out, const Tile& normed, const Projection& wkv, const Tensor& gamma_ckv, const Angles& angles,
                     float eps);

}  // namespace imbrex::kernels::deepseek_v4
