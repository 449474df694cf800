// The unfused variant: every step is a scope of its own that reads and writes tensors in GM, in parallel over chunks of columns
// where rows need not be complete.
#include "imbrex/kernels/deepseek_v4/parts.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

constexpr Int row_tile = 16, chunk = 256, k_tile = 256, matmul_columns = 64;

// inverse(t) = 1 / sqrt(mean of squares + eps) of the rows of a.
void row_rms(const std::string& scope, const Dim& T, const Tensor& a, const Tensor& inverse, float eps) {
  const Index columns = a.extent(1);
  const Int n = *ir::constant_value(columns.expr());
  parallel(tiles(T, row_tile), [&](Span t) {
    at(scope, [&] {
      Tile sum = zeros(f32, {t, 1}).named("sum");
      range(tiles(columns, chunk).named("c"), [&](Span c) {
        Tile v = to_f32(a(t, c)).named("v");
        sum += row_sum(v * v);
      });
      inverse(t, all) = inverse_rms(sum, n, eps);
    });
  });
}

// Calls body for tiles of rows and chunks of columns, in parallel over the chunks, in a scope.
void by_chunks(const std::string& scope, const Dim& T, const Index& columns, const std::function<void(Span, Span)>& body) {
  parallel(tiles(columns, chunk).named("c"),
           [&](Span c) { at(scope, [&] { range(tiles(T, row_tile), [&](Span t) { body(t, c); }); }); });
}

// Weights of e4m3 are taken a block of columns and all of k at a time.
void multiply(const std::string& scope, const Dim& T, const Tensor& a, const Projection& w, const Tensor& out) {
  for_columns(w, *ir::constant_value(out.extent(1).expr()), matmul_columns, [&](Span n) {
    at(scope, [&] {
      range(tiles(T, 64), [&](Span t) {
        if (w.scales) {
          out(t, n) = project(a(t, all), w, n);
          return;
        }
        Tile acc = zeros(out.dtype(), {t, n});
        range(tiles(a.extent(1), k_tile).named("k"), [&](Span k) { acc += matmul(a(t, k), w.weight(k, n)); });
        out(t, n) = acc;
      });
    });
  });
}

void attn_norm(const LatentTensors& f, const QkvProjRope& config, const Tensor& token_x_bf16) {
  Tensor inverse = create_tensor("x_inv_rms", f32, {f.T, 1});
  Tensor token_x_fp32 = create_tensor("token_x_fp32", f32, {f.T, config.hidden});
  row_rms("attn_norm_rms", f.T, f.x, inverse, config.eps);
  by_chunks("attn_norm_apply", f.T, config.hidden,
            [&](Span t, Span c) { token_x_fp32(t, c) = cast(f.x(t, c), f32) * inverse(t, all) * to_f32(f.norm_w(c)); });
  by_chunks("attn_norm_cast", f.T, config.hidden,
            [&](Span t, Span c) { token_x_bf16(t, c) = cast(token_x_fp32(t, c), bf16, rint); });
}

void qr_norm(const LatentTensors& f, const QkvProjRope& config, const Tensor& qr_fp32, const Tensor& qr_bf16) {
  Tensor inverse = create_tensor("qr_inv_rms", f32, {f.T, 1});
  row_rms("qr_rms", f.T, qr_fp32, inverse, config.eps);
  by_chunks("qr_apply", f.T, config.q_lora,
            [&](Span t, Span c) { qr_fp32(t, c) = qr_fp32(t, c) * inverse(t, all) * cast(f.gamma_cq(c), f32); });
  by_chunks("qr_cast", f.T, config.q_lora, [&](Span t, Span c) { qr_bf16(t, c) = cast(qr_fp32(t, c), bf16, rint); });
}

void qr_quant(const LatentTensors& f, const QkvProjRope& config, const Tensor& qr_bf16) {
  Tensor quant = create_tensor("qr_quant_factor", f32, {f.T, 1});
  parallel(tiles(f.T, row_tile), [&](Span t) {
    at("qr_quant_scale", [&] {
      Tile factor = (127.0f / row_magnitude(qr_bf16, t)).named("factor");
      quant(t, all) = factor;
      f.qr_scale(t, all) = 1.0f / factor;
    });
  });
  by_chunks("qr_quant", f.T, config.q_lora,
            [&](Span t, Span c) { f.qr(t, c) = cast(cast(cast(qr_bf16(t, c), f32) * quant(t, all), int32, rint), int8, rint); });
}

void rope_reassemble_and_write(const std::string& stem, const Dim& T, const Tensor& even_bf16, const Tensor& odd_bf16,
                               const Tensor& rope_fp32, const std::function<void(Span, Tile)>& write) {
  range(tiles(T, row_tile), [&](Span t) {
    at(stem + "_rope_reassemble",
       [&] { rope_fp32(t, all) = interleave(cast(even_bf16(t, all), f32), cast(odd_bf16(t, all), f32)); });
  });
  range(tiles(T, row_tile), [&](Span t) { at(stem + "_rope_write", [&] { write(t, cast(rope_fp32(t, all), bf16, rint)); }); });
}

void q_heads(const QueryTensors& f, const QkvProjRope& config, const Tensor& q_proj_fp32) {
  parallel(Range(config.heads).named("h"), [&](Index h) {
    Tensor q_rot_even_bf16 = create_tensor("q_rot_even_bf16", bf16, {f.T, even_columns});
    Tensor q_rot_odd_bf16 = create_tensor("q_rot_odd_bf16", bf16, {f.T, even_columns});
    Tensor q_rope_fp32 = create_tensor("q_rope_fp32", f32, {f.T, rope_dim});
    const Span head = span(h * head_dim, head_dim);
    range(tiles(f.T, row_tile), [&](Span t) {
      at("q_head_rms", [&] {
        Tile u = Tile(q_proj_fp32(t, head)).named("u");
        q_proj_fp32(t, head) = u * inverse_rms(row_sum(u * u), head_dim, config.eps);
      });
    });
    range(tiles(f.T, row_tile), [&](Span t) {
      at("q_head_rope", [&] {
        f.q(t, h, span(0, nope_dim)) = cast(q_proj_fp32(t, span(h * head_dim, nope_dim)), bf16, rint);
        Tile tail = Tile(q_proj_fp32(t, span(h * head_dim + nope_dim, rope_dim))).named("q_tail");
        const Pair rotated = rotate(f.rope, t, tail);
        q_rot_even_bf16(t, all) = cast(rotated.even, bf16, rint);
        q_rot_odd_bf16(t, all) = cast(rotated.odd, bf16, rint);
      });
    });
    rope_reassemble_and_write("q", f.T, q_rot_even_bf16, q_rot_odd_bf16, q_rope_fp32,
                              [&](Span t, Tile value) { f.q(t, h, span(nope_dim, rope_dim)) = std::move(value); });
  });
}

void kv_rows(const LatentTensors& f, const QkvProjRope& config, const Tensor& kv_fp32) {
  Tensor inverse = create_tensor("kv_inv_rms", f32, {f.T, 1});
  Tensor kv_rot_even_bf16 = create_tensor("kv_rot_even_bf16", bf16, {f.T, even_columns});
  Tensor kv_rot_odd_bf16 = create_tensor("kv_rot_odd_bf16", bf16, {f.T, even_columns});
  Tensor kv_rope_fp32 = create_tensor("kv_rope_fp32", f32, {f.T, rope_dim});
  row_rms("kv_rms", f.T, kv_fp32, inverse, config.eps);
  by_chunks("kv_apply", f.T, head_dim,
            [&](Span t, Span c) { kv_fp32(t, c) = kv_fp32(t, c) * inverse(t, all) * cast(f.gamma_ckv(c), f32); });
  range(tiles(f.T, row_tile), [&](Span t) {
    at("kv_rope", [&] {
      f.kv(t, span(0, nope_dim)) = cast(kv_fp32(t, span(0, nope_dim)), bf16, rint);
      Tile tail = Tile(kv_fp32(t, span(nope_dim, rope_dim))).named("kv_tail");
      const Pair rotated = rotate(f.rope, t, tail);
      kv_rot_even_bf16(t, all) = cast(rotated.even, bf16, rint);
      kv_rot_odd_bf16(t, all) = cast(rotated.odd, bf16, rint);
    });
  });
  rope_reassemble_and_write("kv", f.T, kv_rot_even_bf16, kv_rot_odd_bf16, kv_rope_fp32,
                            [&](Span t, Tile value) { f.kv(t, span(nope_dim, rope_dim)) = std::move(value); });
}

void quantized_latent(const LatentTensors& f, const QkvProjRope& config, const Tensor& token_x_bf16, const Tensor& qr_fp32,
                      const Tensor& qr_bf16) {
  multiply("qr_proj_matmul", f.T, token_x_bf16, query_projection(f, config), qr_fp32);
  qr_norm(f, config, qr_fp32, qr_bf16);
  qr_quant(f, config, qr_bf16);
}

void query_heads(const QueryTensors& f, const QkvProjRope& config, const Tensor& q_proj_int32, const Tensor& q_proj_fp32) {
  multiply("qproj_matmul", f.T, f.qr, f.wq_b, q_proj_int32);
  by_chunks("qproj_dequant", f.T, config.heads * head_dim,
            [&](Span t, Span c) { q_proj_fp32(t, c) = dequantize(f, config, q_proj_int32(t, c), t, c); });
  q_heads(f, config, q_proj_fp32);
}

void latent_kv(const LatentTensors& f, const QkvProjRope& config, const Tensor& token_x_bf16, const Tensor& kv_fp32) {
  multiply("kv_proj_matmul", f.T, token_x_bf16, kv_projection(f, config), kv_fp32);
  kv_rows(f, config, kv_fp32);
}

}  // namespace

Kernel qkv_proj_rope_unfused(const QkvProjRope& config) {
  return kernel("qkv_proj_rope", [&](Builder& k) {
    const auto [latents, queries] = declare(k, config);
    const Dim& T = latents.T;
    const Int N = config.heads * head_dim;
    Tensor token_x_bf16 = create_tensor("token_x_bf16", bf16, {T, config.hidden});
    Tensor qr_fp32 = create_tensor("qr_fp32", f32, {T, config.q_lora});
    Tensor qr_bf16 = create_tensor("qr_bf16", bf16, {T, config.q_lora});
    Tensor q_proj_int32 = create_tensor("q_proj_int32", int32, {T, N});
    Tensor q_proj_fp32 = create_tensor("q_proj_fp32", f32, {T, N});
    Tensor kv_fp32 = create_tensor("kv_fp32", f32, {T, head_dim});

    attn_norm(latents, config, token_x_bf16);
    quantized_latent(latents, config, token_x_bf16, qr_fp32, qr_bf16);
    query_heads(queries, config, q_proj_int32, q_proj_fp32);
    latent_kv(latents, config, token_x_bf16, kv_fp32);
  });
}

Kernel qkv_proj_rope_latents_unfused(const QkvProjRope& config) {
  return kernel("qkv_proj_rope_latents", [&](Builder& k) {
    const LatentTensors f = declare_latents(k, config);
    Tensor token_x_bf16 = create_tensor("token_x_bf16", bf16, {f.T, config.hidden});
    Tensor qr_fp32 = create_tensor("qr_fp32", f32, {f.T, config.q_lora});
    Tensor qr_bf16 = create_tensor("qr_bf16", bf16, {f.T, config.q_lora});
    Tensor kv_fp32 = create_tensor("kv_fp32", f32, {f.T, head_dim});

    attn_norm(f, config, token_x_bf16);
    quantized_latent(f, config, token_x_bf16, qr_fp32, qr_bf16);
    latent_kv(f, config, token_x_bf16, kv_fp32);
  });
}

Kernel qkv_proj_rope_queries_unfused(const QkvProjRope& config) {
  return kernel("qkv_proj_rope_queries", [&](Builder& k) {
    const QueryTensors f = declare_queries(k, config);
    const Int N = config.heads * head_dim;
    Tensor q_proj_int32 = create_tensor("q_proj_int32", int32, {f.T, N});
    Tensor q_proj_fp32 = create_tensor("q_proj_fp32", f32, {f.T, N});
    query_heads(f, config, q_proj_int32, q_proj_fp32);
  });
}

}  // namespace imbrex::kernels::deepseek_v4
