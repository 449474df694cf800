// The plain variant: whole tensors, no loops, no tiles. What a model's author writes, and what the others become.
#include "imbrex/kernels/deepseek_v4/parts.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

// Rows of x, each divided by its root mean square.
Tile rms_normalized(const Tile& x, Int n, float eps) { return x * inverse_rms(row_sum(x * x), n, eps); }

// Stores rows of 512 columns, the last 64 of them rotated in pairs by the angles of each row.
void store_rotated(const Tensor& out, const Tile& rows, const Tile& cosine, const Tile& sine) {
  out(all, span(0, nope_dim)) = cast(columns(rows, 0, nope_dim), bf16, rint);
  const Tile tail = columns(rows, nope_dim, rope_dim);
  const Tile e = even(tail), o = odd(tail);
  out(all, span(nope_dim, rope_dim)) =
      interleave(cast(e * cosine - o * sine, bf16, rint), cast(e * sine + o * cosine, bf16, rint));
}

}  // namespace

Kernel qkv_proj_rope_plain(const QkvProjRope& config) {
  return kernel("qkv_proj_rope", [&](Builder& k) {
    const Front f = declare(k, config);
    const Int H = config.heads;
    const Span used = span(0, even_columns);

    const Tile x = cast(f.x(all, all), f32);
    const Tile normed = cast(rms_normalized(x, config.hidden, config.eps) * to_f32(f.norm_w(all)), bf16, rint);

    const Tile latent = rms_normalized(matmul(normed, f.wq_a(all, all)), config.q_lora, config.eps);
    const Tile r = cast(cast(latent * cast(f.gamma_cq(all), f32), bf16, rint), f32);
    const Tile quant = 127.0f / max(1e-4f, row_max(abs(r)));
    const Tile qr = cast(cast(r * quant, int32, rint), int8, rint);
    const Tile qr_scale = 1.0f / quant;
    f.qr(all, all) = qr;
    f.qr_scale(all, all) = qr_scale;

    const Tensor column_scale = view("wq_b_scale_row", f.wq_b_scale, {H * head_dim});
    const Tile u = cast(matmul(qr, f.wq_b(all, all)), f32, rint) * qr_scale * column_scale(all);
    const Tile heads = rms_normalized(reshape(u, {f.T * H, head_dim}), head_dim, config.eps);
    const Tile cosine = to_f32(f.rope_cos(all, used)), sine = to_f32(f.rope_sin(all, used));
    store_rotated(view("q_heads", f.q, {f.T * H, head_dim}), heads, repeat_rows(cosine, H), repeat_rows(sine, H));

    const Tile latent_kv = rms_normalized(matmul(normed, f.wkv(all, all)), head_dim, config.eps);
    store_rotated(f.kv, latent_kv * cast(f.gamma_ckv(all), f32), cosine, sine);
  });
}

}  // namespace imbrex::kernels::deepseek_v4
