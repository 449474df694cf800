// The front of DeepSeek-V4's attention: from a layer's input to its normalized, rotated queries and its latent key/value row.
//
// Rounding points, the same in every variant; all else is f32 in the order written:
//   n = bf16((x * inv) * norm_w)                       inv = 1 / sqrt(sum(x * x) * (1 / D) + eps)
//   r = bf16(((n . wq_a) * inv) * gamma_cq)            inv over the Q columns
//   quant = 127 / max(1e-4, max|r|);  qr_scale = 1 / quant;  qr = int8(int32(r * quant))
//   u = (f32(qr . wq_b) * qr_scale[row]) * wq_b_scale[column]
//   q = bf16(rope(u * inv))                            inv over the 512 columns of a head, no weight
//   kv = bf16(rope(((n . wkv) * inv) * gamma_ckv))     inv over its 512 columns
// rope leaves columns 0 to 447 and turns each pair (2i, 2i + 1) of the last 64 by the token's angle i:
//   (e, o) -> (e * cos - o * sin, e * sin + o * cos).
#pragma once

#include "imbrex/language/language.h"

namespace imbrex::kernels::deepseek_v4 {

// What every form of the front has.
struct FrontSizes {
  Int hidden = 4096;  // D
  Int heads = 64;     // H
  Int q_lora = 1024;  // Q
  float eps = 1e-6f;
  DType norm_w = f32;  // or bf16
};

struct QkvProjRope : FrontSizes {
  Int row_splits = 2;            // of q_head_rms_rope and kv_rms, fused variant
  DType rope = bf16;             // or f32: rope_cos and rope_sin
  bool scale_by_blocks = false;  // wq_b_scale is [H*4, 128], else [H*512]
  Int fp8_block = 0;  // wq_a and wkv are e4m3, as a checkpoint has them, with a scale e8m0 for each so many rows by so many
                      // columns, and are expanded to bf16 where they are multiplied; 0: they are bf16
};

inline constexpr Int head_dim = 512, rope_dim = 64, nope_dim = head_dim - rope_dim;

// Each step a scope of its own, through tensors in GM.
Kernel qkv_proj_rope_unfused(const QkvProjRope& config);
// Scopes merged by hand so that most intermediate values stay on chip.
Kernel qkv_proj_rope_fused(const QkvProjRope& config);
// Whole tensors, without loops or tiles.
Kernel qkv_proj_rope_plain(const QkvProjRope& config);

// The same in two parts, each the scopes of one of these: what of each token all heads share, qr, qr_scale and kv; and q of these. So
// several processes can each do the first for some tokens and the second for some heads.
Kernel qkv_proj_rope_latents_unfused(const QkvProjRope& config);
Kernel qkv_proj_rope_latents_fused(const QkvProjRope& config);
Kernel qkv_proj_rope_latents_plain(const QkvProjRope& config);
Kernel qkv_proj_rope_queries_unfused(const QkvProjRope& config);
Kernel qkv_proj_rope_queries_fused(const QkvProjRope& config);
Kernel qkv_proj_rope_queries_plain(const QkvProjRope& config);

}  // namespace imbrex::kernels::deepseek_v4
