// deepseek_v4/qkv_proj_rope in plain loops and double precision, written from the operator's definition alone.
//
// Each stage takes the inputs of that stage, so that a kernel's stage can be compared on the very inputs that the kernel used
// there, and returns values before their last rounding together with how far the f32 arithmetic of docs/semantics.md can be from
// them. The error is a worst case, to first order, times 1.01 for the rest; u = 2^-24 is one f32 rounding.
//
// NaN and infinities are where the kernel has them: those of the inputs go through the same operations, and what is too large for
// f32 becomes infinite where f32 makes it so. They are exact, with an error of 0. Where f32 may leave its range or just not,
// nothing is known of the result: its error is infinite.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"

namespace imbrex::kernels::reference {

// A weight of e4m3 as bf16: each element times the scale, e8m0, of its block of so many rows by so many columns.
Array expanded(const Array& weight, const Array& scales, int64_t block);

// Row-major [rows, columns].
struct Estimate {
  int64_t rows = 0, columns = 0;
  std::vector<double> value, error;  // before the last rounding; the largest |f32 result - value|
};

// (x * inv) * norm_w; to be rounded to bf16.                  x bf16 [T, D], norm_w f32 or bf16 [D]
Estimate attention_norm(const Array& x, const Array& norm_w, double eps);

// The same of inputs; x itself, which is normalized already, where they have no norm_w.
Estimate normalized_tokens(const std::map<std::string, Array>& inputs, double eps);

// n . w_extra for what these are rounded to; not rounded. Of any that rounds as the kernel's may.
Estimate further_columns(const std::map<std::string, Array>& inputs, double eps);

// ((n . w) * inv) * gamma; to be rounded to bf16.              n bf16 [T, D], w bf16 [D, N], gamma bf16 [N]
Estimate latent(const Array& n, const Array& w, const Array& gamma, double eps);

// The last 64 of each 512 columns rotated in pairs (2i, 2i+1) by the angle of (row, i), the others as they are.
void rotate_tail(Estimate& heads, const Array& rope_cos, const Array& rope_sin);

// One row's scale, and r / scale; to be rounded to an integer. r bf16 [T, Q]
struct Quantized {
  Estimate scale, value;
};
Quantized quantize(const Array& r);

// Dequantized, normalized per head, rotated; to be rounded to bf16.
// qr int8 [T, Q], qr_scale f32 [T, 1], wq_b int8 [Q, H*512], wq_b_scale f32, H*512 in all.   Result [T, H*512].
Estimate query_heads(const Array& qr, const Array& qr_scale, const Array& wq_b, const Array& wq_b_scale, const Array& rope_cos,
                     const Array& rope_sin, double eps);

// All of it with every rounding point of the definition.
//
// Near a tie two integers of qr can be right: f32 sums may fall on the one side, sums in double on the other, and one step of qr
// moves all of a row's q. `settled` is a qr to follow there: where its integer is one of those that the error bounds leave, q is
// computed from it; anywhere else, and in the result's own qr, the reference's integer stands.
struct FrontValues {
  Array latent, qr, qr_scale;  // bf16 [T, Q], int8 [T, Q], f32 [T, 1]
  Estimate q, kv;              // [T, H*512], [T, 512], not rounded; without rows of inputs without wq_b or without wkv
};
// Of inputs that have qr and qr_scale, q alone.
FrontValues front_values(const std::map<std::string, Array>& inputs, double eps, const Array* settled);

// q bf16 [T, H, 512], kv bf16 [T, 512], qr int8 [T, Q], qr_scale f32 [T, 1]; of the inputs of one part of the front, its outputs.
std::map<std::string, Array> qkv_proj_rope(const std::map<std::string, Array>& inputs, double eps,
                                           const Array* settled = nullptr);

// The same operator without any rounding or quantization: what the rounding points cost is measured against this.
struct Unquantized {
  Estimate q, kv;
};
Unquantized qkv_proj_rope_unquantized(const std::map<std::string, Array>& inputs, double eps);

// Fronts whose latent is bf16 [T, Q]: each output before its last rounding. q is of a latent `qr`, or of its own, rounded. Of inputs
// without wkv, kv has no rows.
struct Bf16LatentValues {
  Estimate latent, q, kv;
};
// q bf16 [T, H, 512], kv bf16 [T, 512], qr bf16 [T, Q].
std::map<std::string, Array> rounded(const Bf16LatentValues& values);

// The front with weights of bf16 and activations of bf16 throughout.
Bf16LatentValues w8a16_values(const std::map<std::string, Array>& inputs, double eps, const Array* qr = nullptr);

// ---- the rounding points of the official model, weights and activations e4m3 in blocks ------------------------------------------

// Rows in blocks of columns: the scale of each is the least power of two that is not below f32(max(1e-4, largest magnitude) * f32(1 /
// 448)), and its elements are divided by it.
struct BlockQuantized {
  Array elements, scales;  // e4m3 [T, C], e8m0 [T, C / block]
};
BlockQuantized quantize_blocks(const Array& rows, int64_t block);

// The product of each block of k, scaled and added in f32; to be rounded to bf16.  w e4m3 [C, N], w_scales e8m0 [C / block, N / block]
Estimate scaled_product(const BlockQuantized& a, const Array& w, const Array& w_scales, int64_t block);

// bf16 rows normalized, with gamma; to be rounded to bf16.
Estimate normalized(const Array& rows, const Array& gamma, double eps);

// Heads of bf16 [T, H*512] normalized and rounded to bf16, then their tails rotated; to be rounded to bf16.
Estimate reference_heads(const Array& q_proj, const Array& rope_cos, const Array& rope_sin, double eps);

// Normalized rows bf16 [T, 512] of kv: what is not rotated goes through e4m3 in blocks of 64 and back, the others are rotated.
Estimate reference_kv(const Array& kv_normed, const Array& rope_cos, const Array& rope_sin);

// All of it.
Bf16LatentValues fp8_reference_values(const std::map<std::string, Array>& inputs, double eps, int64_t block,
                                      const Array* qr = nullptr);

// Rounds to the nearest value of the type, halves to even.
Array rounded(const Estimate& estimate, DType dtype, std::vector<int64_t> shape);

}  // namespace imbrex::kernels::reference
