// The fused variant: the norm, the latents' norms and the rotations each in one scope, matrix products as pipelined accumulation.
#include "imbrex/kernels/deepseek_v4/parts.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

constexpr Int row_tile = 16;         // rows of an elementwise scope
constexpr Int matmul_row_tile = 64;  // rows that use one panel of weights while it is in cache
constexpr Int latent_column_tile = 64, k_tile = 256;
constexpr Int column_chunk = 256;  // columns of many rows that are on chip at once

void attn_norm(const LatentTensors& f, const QkvProjRope& config, const Tensor& token_x_bf16) {
  const Int D = config.hidden;
  parallel(tiles(f.T, row_tile), [&](Span t) {
    at("attn_norm", [&] {
      Tile sum = zeros(f32, {t, 1}).named("x_sum");
      range(tiles(D, k_tile).named("d"), [&](Span d) {
        Tile v = cast(f.x(t, d), f32);
        sum += row_sum(v * v);
      });
      Tile inv = inverse_rms(sum, D, config.eps).named("x_inv");
      range(tiles(D, k_tile).named("d_apply"),
            [&](Span d) { token_x_bf16(t, d) = cast(cast(f.x(t, d), f32) * inv * to_f32(f.norm_w(d)), bf16, rint); });
    });
  });
}

// out[:, n] = a . w[:, n] for each tile of columns: K runs through a pipeline of two stages; its first step starts the
// accumulator.
// Weights of e4m3 are taken a block of columns and all of k at a time.
void matmul_columns(const std::string& scope, const Tensor& a, const Projection& w, const Tensor& out, const Dim& T) {
  for_columns(w, *ir::constant_value(out.extent(1).expr()), latent_column_tile, [&](Span n) {
    at(scope, [&] {
      range(tiles(T, matmul_row_tile), [&](Span t) {
        if (w.scales) {
          out(t, n) = project(a(t, all), w, n);
          return;
        }
        Tile acc = zeros(out.dtype(), {t, n});
        pipeline(2, tiles(a.extent(1), k_tile).named("k"), [&](Span k) {
          when(
              k.index == 0, [&] { acc = matmul(a(t, k), w.weight(k, n)); },
              [&] { acc = matmul_acc(acc, a(t, k), w.weight(k, n)); });
        });
        out(t, n) = acc;
      });
    });
  });
}

void qr_rms(const LatentTensors& f, const QkvProjRope& config, const Tensor& qr_fp32, const Tensor& qr_bf16) {
  const Int Q = config.q_lora;
  parallel(tiles(f.T, row_tile), [&](Span t) {
    at("qr_rms", [&] {
      Tile sum = zeros(f32, {t, 1}).named("qr_sum");
      range(tiles(Q, k_tile).named("c"), [&](Span c) {
        Tile v = qr_fp32(t, c);
        sum += row_sum(v * v);
      });
      Tile inv = inverse_rms(sum, Q, config.eps).named("qr_inv");
      range(tiles(Q, k_tile).named("c_apply"),
            [&](Span c) { qr_bf16(t, c) = cast(qr_fp32(t, c) * inv * cast(f.gamma_cq(c), f32), bf16, rint); });
    });
  });
}

void qr_quant(const LatentTensors& f, const QkvProjRope& config, const Tensor& qr_bf16) {
  parallel(tiles(f.T, row_tile), [&](Span t) {
    at("qr_quant", [&] {
      Tile quant = (127.0f / row_magnitude(qr_bf16, t)).named("quant");
      f.qr_scale(t, all) = 1.0f / quant;
      range(tiles(config.q_lora, k_tile).named("c"),
            [&](Span c) { f.qr(t, c) = cast(cast(cast(qr_bf16(t, c), f32) * quant, int32, rint), int8, rint); });
    });
  });
}

// A head's 512 columns at a time: the exact product stays in cache until it is dequantized.
void qproj(const QueryTensors& f, const QkvProjRope& config, const Tensor& q_proj_fp32) {
  parallel(tiles(config.heads * head_dim, head_dim).named("n"), [&](Span n) {
    Tensor q_proj_int32 = create_tensor("q_proj_int32", int32, {f.T, head_dim});
    at("qproj_matmul", [&] {
      range(tiles(f.T, matmul_row_tile), [&](Span t) {
        Tile acc = zeros(int32, {t, n});
        pipeline(2, tiles(config.q_lora, k_tile).named("k"), [&](Span k) {
          when(
              k.index == 0, [&] { acc = matmul(f.qr(t, k), f.wq_b(k, n)); },
              [&] { acc = matmul_acc(acc, f.qr(t, k), f.wq_b(k, n)); });
        });
        q_proj_int32(t, span(0, n.size)) = acc;
      });
    });
    at("qproj_dequant", [&] {
      range(tiles(f.T, row_tile),
            [&](Span t) { q_proj_fp32(t, n) = dequantize(f, config, q_proj_int32(t, span(0, n.size)), t, n); });
    });
  });
}

// The rows of split s of `splits`, all at once: how many rows fit on chip decides how many splits there must be.
Span rows_of_split(const Dim& T, Int splits, const Index& s) {
  const Index rows = ceil_div(T, splits);
  return between(s * rows, min((s + 1) * rows, T));
}

void rope_reassemble(const std::string& scope, const Dim& T, const Tensor& even_bf16, const Tensor& odd_bf16,
                     const Tensor& rope_fp32) {
  at(scope, [&] {
    range(tiles(T, row_tile),
          [&](Span t) { rope_fp32(t, all) = interleave(cast(even_bf16(t, all), f32), cast(odd_bf16(t, all), f32)); });
  });
}

void q_heads(const QueryTensors& f, const QkvProjRope& config, const Tensor& q_proj_fp32) {
  parallel(Range(config.heads).named("h"), [&](Index h) {
    Tensor q_rot_even_bf16 = create_tensor("q_rot_even_bf16", bf16, {f.T, even_columns});
    Tensor q_rot_odd_bf16 = create_tensor("q_rot_odd_bf16", bf16, {f.T, even_columns});
    Tensor q_rope_fp32 = create_tensor("q_rope_fp32", f32, {f.T, rope_dim});
    at("q_head_rms_rope", [&] {
      range(Range(config.row_splits).named("split"), [&](Index s) {
        const Span t = rows_of_split(f.T, config.row_splits, s);
        const auto head = [&](const Span& c) { return Tile(q_proj_fp32(t, span(h * head_dim + c.begin, c.size))); };
        Tile sum = zeros(f32, {t, 1}).named("q_sum");
        range(tiles(head_dim, column_chunk).named("c"), [&](Span c) {
          Tile u = head(c).named("u");
          sum += row_sum(u * u);
        });
        Tile inv = inverse_rms(sum, head_dim, config.eps).named("q_inv");
        range(tiles(nope_dim, column_chunk).named("c_apply"), [&](Span c) { f.q(t, h, c) = cast(head(c) * inv, bf16, rint); });
        Tile tail = (head(span(nope_dim, rope_dim)) * inv).named("q_tail");
        const Pair rotated = rotate(f.rope, t, tail);
        q_rot_even_bf16(t, all) = cast(rotated.even, bf16, rint);
        q_rot_odd_bf16(t, all) = cast(rotated.odd, bf16, rint);
      });
    });
    rope_reassemble("q_rope_reassemble", f.T, q_rot_even_bf16, q_rot_odd_bf16, q_rope_fp32);
    at("q_rope_write", [&] {
      range(tiles(f.T, row_tile), [&](Span t) { f.q(t, h, span(nope_dim, rope_dim)) = cast(q_rope_fp32(t, all), bf16, rint); });
    });
  });
}

void kv_rms(const LatentTensors& f, const QkvProjRope& config, const Tensor& kv_fp32) {
  Tensor kv_rot_even_bf16 = create_tensor("kv_rot_even_bf16", bf16, {f.T, even_columns});
  Tensor kv_rot_odd_bf16 = create_tensor("kv_rot_odd_bf16", bf16, {f.T, even_columns});
  Tensor kv_rope_fp32 = create_tensor("kv_rope_fp32", f32, {f.T, rope_dim});
  const Span tail_columns = span(nope_dim, rope_dim);
  parallel(Range(config.row_splits).named("split"), [&](Index s) {
    at("kv_rms", [&] {
      const Span t = rows_of_split(f.T, config.row_splits, s);
      Tile sum = zeros(f32, {t, 1}).named("kv_sum");
      range(tiles(head_dim, column_chunk).named("c"), [&](Span c) {
        Tile v = Tile(kv_fp32(t, c)).named("v");
        sum += row_sum(v * v);
      });
      Tile inv = inverse_rms(sum, head_dim, config.eps).named("kv_inv");
      const auto scaled = [&](const Span& c) { return kv_fp32(t, c) * inv * cast(f.gamma_ckv(c), f32); };
      range(tiles(nope_dim, column_chunk).named("c_apply"), [&](Span c) { f.kv(t, c) = cast(scaled(c), bf16, rint); });
      Tile tail = scaled(tail_columns).named("kv_tail");
      const Pair rotated = rotate(f.rope, t, tail);
      kv_rot_even_bf16(t, all) = cast(rotated.even, bf16, rint);
      kv_rot_odd_bf16(t, all) = cast(rotated.odd, bf16, rint);
    });
  });
  rope_reassemble("kv_rope_reassemble", f.T, kv_rot_even_bf16, kv_rot_odd_bf16, kv_rope_fp32);
  at("kv_rope_write",
     [&] { range(tiles(f.T, row_tile), [&](Span t) { f.kv(t, tail_columns) = cast(kv_rope_fp32(t, all), bf16, rint); }); });
}

void quantized_latent(const LatentTensors& f, const QkvProjRope& config, const Tensor& token_x_bf16, const Tensor& qr_fp32,
                      const Tensor& qr_bf16) {
  matmul_columns("qr_proj_matmul", token_x_bf16, query_projection(f, config), qr_fp32, f.T);
  qr_rms(f, config, qr_fp32, qr_bf16);
  qr_quant(f, config, qr_bf16);
}

void latent_kv(const LatentTensors& f, const QkvProjRope& config, const Tensor& token_x_bf16, const Tensor& kv_fp32) {
  matmul_columns("kv_proj_matmul", token_x_bf16, kv_projection(f, config), kv_fp32, f.T);
  kv_rms(f, config, kv_fp32);
}

}  // namespace

Kernel qkv_proj_rope_fused(const QkvProjRope& config) {
  return kernel("qkv_proj_rope", [&](Builder& k) {
    const auto [latents, queries] = declare(k, config);
    const Dim& T = latents.T;
    Tensor token_x_bf16 = create_tensor("token_x_bf16", bf16, {T, config.hidden});
    Tensor qr_fp32 = create_tensor("qr_fp32", f32, {T, config.q_lora});
    Tensor qr_bf16 = create_tensor("qr_bf16", bf16, {T, config.q_lora});
    Tensor q_proj_fp32 = create_tensor("q_proj_fp32", f32, {T, config.heads * head_dim});
    Tensor kv_fp32 = create_tensor("kv_fp32", f32, {T, head_dim});

    attn_norm(latents, config, token_x_bf16);
    quantized_latent(latents, config, token_x_bf16, qr_fp32, qr_bf16);
    qproj(queries, config, q_proj_fp32);
    q_heads(queries, config, q_proj_fp32);
    latent_kv(latents, config, token_x_bf16, kv_fp32);
  });
}

Kernel qkv_proj_rope_latents_fused(const QkvProjRope& config) {
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

Kernel qkv_proj_rope_queries_fused(const QkvProjRope& config) {
  return kernel("qkv_proj_rope_queries", [&](Builder& k) {
    const QueryTensors f = declare_queries(k, config);
    Tensor q_proj_fp32 = create_tensor("q_proj_fp32", f32, {f.T, config.heads * head_dim});

    qproj(f, config, q_proj_fp32);
    q_heads(f, config, q_proj_fp32);
  });
}

}  // namespace imbrex::kernels::deepseek_v4
