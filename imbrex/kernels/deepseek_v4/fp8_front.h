// The front of DeepSeek-V4's attention with the weights of a released checkpoint as they are: e4m3 with a scale e8m0 for each block of
// so many rows by so many columns.
//
// w8a16: activations are bf16 throughout, weights are expanded where they are multiplied, and nothing else is quantized.
//   n = bf16((x * inv) * norm_w)                       inv = 1 / sqrt(sum(x * x) * (1 / D) + eps)
//   qr = bf16(((n . wq_a) * inv) * gamma_cq)           inv over the Q columns
//   q = bf16(rope((qr . wq_b) * inv))                  inv over the 512 columns of a head, no weight
//   kv = bf16(rope(((n . wkv) * inv) * gamma_ckv))     inv over its 512 columns
// Products are those of bf16, the weights bf16(f32(w) * f32(scale)), which is exact for a released checkpoint.
//
// fp8_reference: the rounding points of the official model. act(v) is v in blocks of columns: each has the scale s = 2^ceil(log2(max(1e-4,
// max|v|) * f32(1 / 448))) and elements e4m3(v / s). A product multiplies two of these: the sum of each block of k is scaled and added
// in f32 (matmul_scaled).
//   n = act(bf16((x * inv) * norm_w))
//   qr = bf16((bf16(n . wq_a) * inv) * gamma_cq)
//   q = bf16(rope(bf16(bf16(act(qr) . wq_b) * inv)))   the norm of a head in f32 with one rounding, where the model's own
//                                                      operations round each to bf16
//   kv = bf16((bf16(n . wkv) * inv) * gamma_ckv)       then columns 0 to 447 become bf16(act(kv) * s), in blocks of 64, and the
//                                                      others bf16(rope(kv))
#pragma once

#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"

namespace imbrex::kernels::deepseek_v4 {

struct Fp8Front : FrontSizes {
  Int block = 128;    // rows and columns that have a scale
  DType rope = bf16;  // or f32: rope_cos and rope_sin
};

// Whole tensors, without loops or tiles.
Kernel qkv_proj_rope_w8a16(const Fp8Front& config);
// A scope and a tensor for each rounding point. Blocks divide D and Q.
Kernel qkv_proj_rope_fp8_reference(const Fp8Front& config);

}  // namespace imbrex::kernels::deepseek_v4
