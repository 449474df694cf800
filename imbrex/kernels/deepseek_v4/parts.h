// What the variants of qkv_proj_rope share: the tensors of the call, and the arithmetic of one tile.
#pragma once

#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"

namespace imbrex::kernels::deepseek_v4 {

struct Front {
  Dim T;
  Tensor x, norm_w, wq_a, gamma_cq, wq_b, wq_b_scale, wkv, gamma_ckv, rope_cos, rope_sin;
  Tensor q, kv, qr, qr_scale;
};
Front declare(Builder& k, const QkvProjRope& config);

inline constexpr Int even_columns = rope_dim / 2;

// f32 of a tile of f32 or of a type that converts exactly.
Tile to_f32(Tile x);
// 1 / sqrt(sum * (1 / n) + eps), for a sum of n squares.
Tile inverse_rms(const Tile& sum_of_squares, Int n, float eps);
// The two halves of a rotation by the angles of rows t: even * cos - odd * sin, even * sin + odd * cos.
struct Pair {
  Tile even, odd;
};
Pair rotate(const Front& front, const Span& t, const Tile& tail);
// (f32(acc) * scale of the rows) * scale of head h's columns.
Tile dequantize(const Front& front, const QkvProjRope& config, Tile acc, const Span& t, const Span& columns);
// max(1e-4, largest magnitude) of each row t of r, read in spans of columns.
Tile row_magnitude(const Tensor& r, const Span& t);

}  // namespace imbrex::kernels::deepseek_v4
