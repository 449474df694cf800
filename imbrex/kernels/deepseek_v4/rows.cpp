#include "imbrex/kernels/deepseek_v4/rows.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

// Stores rows of 512 columns, the last 64 of them rotated in pairs by the angles of each row.
void store_rotated(const Tensor& out, const Tile& rows, const Tile& cosine, const Tile& sine) {
  out(all, span(0, nope_dim)) = as_stored(out, columns(rows, 0, nope_dim));
  const Tile tail = columns(rows, nope_dim, rope_dim);
  const Tile e = even(tail), o = odd(tail);
  out(all, span(nope_dim, rope_dim)) = interleave(as_stored(out, e * cosine - o * sine), as_stored(out, e * sine + o * cosine));
}

}  // namespace

Tile as_stored(const Tensor& out, Tile value) {
  if (out.dtype() == f32) return to_f32(std::move(value));
  return value.dtype() == out.dtype() ? value : cast(std::move(value), out.dtype(), rint);
}

Tile rms_normalized(const Tile& x, Int n, float eps) { return x * inverse_rms(row_sum(x * x), n, eps); }

Tile normalized_tokens(const Tensor& x, const Tensor& norm_w, Int hidden, float eps) {
  return cast(rms_normalized(to_f32(x(all, all)), hidden, eps) * to_f32(norm_w(all)), bf16, rint);
}

Tile query_latent(const Tile& normed, const Projection& wq_a, const Tensor& gamma_cq, Int q_lora, float eps) {
  return cast(rms_normalized(project(normed, wq_a, span(0, q_lora)), q_lora, eps) * cast(gamma_cq(all), f32), bf16, rint);
}

QuantizedRows quantized_latent(const Tile& latent) {
  const Tile r = cast(latent, f32);
  const Tile quant = 127.0f / max(1e-4f, row_max(abs(r)));
  return {cast(cast(r * quant, int32, rint), int8, rint), 1.0f / quant};
}

void store_query_heads(const Tensor& out, const QuantizedRows& latent, const Tensor& wq_b, const Tensor& wq_b_scale,
                       const Angles& angles, float eps) {
  const Tile u = cast(matmul(latent.integers, wq_b(all, all)), f32, rint) * latent.scale * wq_b_scale(all);
  store_normalized_heads(out, u, angles, eps);
}

void store_normalized_heads(const Tensor& out, const Tile& u, const Angles& angles, float eps) {
  const Index tokens = out.extent(0), heads = out.extent(1);
  const Int H = *ir::constant_value(heads.expr());
  const Tile rows = rms_normalized(reshape(u, {tokens * H, head_dim}), head_dim, eps);
  store_rotated(view("q_heads", out, {tokens * H, head_dim}), rows, repeat_rows(angles.cosine, H), repeat_rows(angles.sine, H));
}

void store_latent_kv(const Tensor& out, const Tile& normed, const Projection& wkv, const Tensor& gamma_ckv, const Angles& angles,
                     float eps) {
  const Tile rows = rms_normalized(project(normed, wkv, span(0, head_dim)), head_dim, eps);
  store_rotated(out, rows * cast(gamma_ckv(all), f32), angles.cosine, angles.sine);
}

}  // namespace imbrex::kernels::deepseek_v4
