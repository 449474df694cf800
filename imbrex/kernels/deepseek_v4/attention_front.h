// The front of DeepSeek-V4's attention in the forms that inference engines call it in: qkv_proj_rope, qkv_proj_rope_w8a16 or
// qkv_proj_rope_fp8_reference, whose arithmetic it shares (rows.h, fp8_front_parts.h), with what an engine has around it. Where a
// form differs from those in the place or type of its arguments alone, its results are the same bits.
//
// Tensors, in the order of the call; those in brackets are there in some forms:
//   x bf16 or f32 [T, D], [norm_w [D]], wq_a bf16 [D, Q], gamma_cq bf16 [Q], wq_b int8 [Q, H*512], wq_b_scale f32 [H*512],
//   [wkv bf16 [D, 512], gamma_ckv bf16 [512]], [w_extra bf16 [D, E]], rotations, [slots int32 or int64 [T]],
// with blocks, wq_a and wkv, and in the other modes wq_b, are e4m3, each before its scales e8m0 [rows / block, columns / block],
// named NAME_scale,
//   q bf16 or f32 [T, H, 512], [qr int8 [T, Q], qr_scale f32 [T, 1]], [latent bf16 [T, Q]], [kv bf16 [T, 512]], [extra f32 [T, E]],
//   [cache]
#pragma once

#include "imbrex/kernels/deepseek_v4/latent_cache.h"
#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"

namespace imbrex::kernels::deepseek_v4 {

// Where a token's 32 cosines and sines are.
enum class Rotations : uint8_t {
  rows_bf16,  // rope_cos, rope_sin bf16 [T, 64], the first 32 columns used
  rows_f32,   // the same in f32
  tables_f32,  // positions [T], table_cos, table_sin f32 [P, 32]: a table of 32 cosines and then 32 sines is both, 32 columns apart
  pairs_f32,   // positions [T], table f32 [P, 64]: a cosine, its sine, the next cosine, ...
  tables_bf16  // positions [T], table_cos, table_sin bf16 [P, 32]
};
bool by_position(Rotations rotations);

enum class Arithmetic : uint8_t { w8a8, w8a16, fp8_reference };

struct AttentionFront : FrontSizes, LatentCache {
  Arithmetic arithmetic = Arithmetic::w8a8;
  // Rows and columns of a weight of e4m3 that have a scale. 0, of w8a8 alone: there are none, and wq_a and wkv are bf16. In w8a8 they
  // are expanded to bf16 where they are multiplied.
  Int block = 0;
  DType x = bf16;                // or f32
  bool x_is_normalized = false;  // then there is no norm_w, and an x in f32 is rounded to bf16
  Rotations rotations = Rotations::rows_bf16;
  DType positions = int32;                       // or int64
  DType q = bf16;                                // or f32: not rounded
  bool latent_int8 = true, latent_bf16 = false;  // the former of w8a8 alone
  bool has_kv = true;  // else the layer uses the keys and values of another: no wkv, gamma_ckv, kv or cache
  bool kv_rows = true;
  Int extra = 0;  // E, columns of further projections of the normalized x; 0: none
};

Kernel attention_front(const AttentionFront& form);

}  // namespace imbrex::kernels::deepseek_v4
