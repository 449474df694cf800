// Blocks that language models share. T is any number of rows; the other sizes are fixed when the kernel is built.
#pragma once

#include "imbrex/language/language.h"

namespace imbrex::kernels::nn {

// y = bf16(x * inv * w), inv = 1 / sqrt(sum(x * x) * (1 / D) + eps).   x bf16 [T, D], w f32 [D], y bf16 [T, D]
Kernel rms_norm(Int D, float eps);
// y = bf16((x - mean) * inv * w + b), inv = 1 / sqrt(sum((x - mean)^2) * (1 / D) + eps).   w, b f32 [D]
Kernel layer_norm(Int D, float eps);
// y = exp(x - max) / sum(exp(x - max)) of each row.   x, y f32 [T, D]
Kernel softmax(Int D);
// c = a . b.   a bf16 [T, K], b bf16 [K, N], c f32 [T, N]
Kernel matmul(Int K, Int N);
// c = bf16(silu(a . b + bias)), silu(v) = v / (1 + exp(-v)).   bias f32 [N], c bf16 [T, N]
Kernel gemm_bias_silu(Int K, Int N);
// Rotates pairs of the columns of each head by the row's angles.   x, y bf16 [T, H, D], cosine, sine f32 [T, D/2]
Kernel rope_interleaved(Int H, Int D);  // pairs (2i, 2i + 1)
Kernel rope_half_split(Int H, Int D);   // pairs (i, D/2 + i)
// scale = max(1e-4, max|x|) / 127 and y = x / scale of each row, as 127 / amax and its inverse.   x bf16, y int8, scale f32 [T, 1]
Kernel quantize_rows(Int D);
// q = bf16(x . wq), k and v alike: several projections of one input.   x bf16 [T, D], wq bf16 [D, N], wk and wv bf16 [D, M]
Kernel projections(Int D, Int N, Int M);

}  // namespace imbrex::kernels::nn
