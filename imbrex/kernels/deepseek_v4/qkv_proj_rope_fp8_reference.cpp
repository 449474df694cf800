// Each rounding point of the model is a tensor, so that each stage can be judged on what it had.
#include "imbrex/kernels/deepseek_v4/fp8_front_parts.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

constexpr Int row_tile = 16, matmul_row_tile = 64, column_tile = 64;

// Rows of bf16 as e4m3 and scales e8m0, one for each block of columns.
struct BlockQuantized {
  Tensor elements, scales;
};

// Of groups of f32 [n, block]: the least power of two that is not below the largest magnitude, or 1e-4, times f32(1 / 448), e8m0 [n, 1].
Tile scale_of(const Tile& groups) { return cast(max(1e-4f, row_max(abs(groups))) * (1.0f / 448.0f), e8m0, ceil); }
// Divided by it, at most 448: e4m3.
Tile quantized(const Tile& groups, const Tile& scale) {
  return cast(min(max(groups / cast(scale, f32), -448.0f), 448.0f), e4m3, rint);
}

BlockQuantized quantize(const std::string& name, const Dim& T, const Tensor& rows, Int columns, Int block) {
  const Int blocks = columns / block;
  BlockQuantized out{create_tensor(name + "_fp8", e4m3, {T, columns}), create_tensor(name + "_fp8_scale", e8m0, {T, blocks})};
  parallel(tiles(T, row_tile), [&](Span t) {
    at(name + "_quant", [&] {
      const Tile groups = reshape(cast(rows(t, all), f32), {t.size * blocks, block}).named("groups");
      const Tile scale = scale_of(groups).named("scale");
      out.scales(t, all) = reshape(scale, {t, blocks});
      out.elements(t, all) = reshape(quantized(groups, scale), {t, columns});
    });
  });
  return out;
}

// Columns of a weight that stay on chip at a time: a part of a block, or whole ones.
Int column_tile_of(Int block) { return block % column_tile == 0 ? column_tile : std::max(block, column_tile / block * block); }

// bf16 rows of a product, whose blocks of k are scaled and added in f32.
void multiply(const std::string& scope, const Dim& T, const BlockQuantized& a, const Projection& w, const Tensor& out,
              Int columns) {
  const Int block = w.block;
  parallel(tiles(columns, column_tile_of(block)).named("n"), [&](Span n) {
    at(scope, [&] {
      const Span blocks = span(n.begin / block, ceil_div(n.size, block));
      range(tiles(T, matmul_row_tile), [&](Span t) {
        const Tile sum =
            matmul_scaled(a.scales(t, all), (*w.scales)(all, blocks), a.elements(t, all), w.weight(all, n), {block, block});
        out(t, n) = cast(sum, bf16, rint);
      });
    });
  });
}

void normalize(const std::string& scope, const Dim& T, const Tensor& in, const Tensor& gamma, const Tensor& out, Int columns,
               float eps) {
  parallel(tiles(T, row_tile), [&](Span t) {
    at(scope, [&] {
      const Tile v = cast(in(t, all), f32).named("v");
      out(t, all) = cast(v * inverse_rms(row_sum(v * v), columns, eps) * to_f32(gamma(all)), bf16, rint);
    });
  });
}

// The last 64 columns of bf16 rows, rotated, as `out` takes them.
Tile rotated(const Tensor& out, const Tile& tail, const Fp8FrontTensors& f, const Span& t) {
  const Span used = span(0, even_columns);
  const Tile x = cast(tail, f32), e = even(x), o = odd(x);
  const Tile cosine = to_f32(f.rope_cos(t, used)).named("cosine"), sine = to_f32(f.rope_sin(t, used)).named("sine");
  return interleave(as_stored(out, e * cosine - o * sine), as_stored(out, e * sine + o * cosine));
}

void query_heads(const Fp8FrontTensors& f, const FrontSizes& sizes, const Tensor& q_proj) {
  parallel(Range(sizes.heads).named("h"), [&](Index h) {
    range(tiles(f.T, row_tile), [&](Span t) {
      at("q_heads", [&] {
        const Tile u = cast(q_proj(t, span(h * head_dim, head_dim)), f32).named("u");
        const Tile v = cast(u * inverse_rms(row_sum(u * u), head_dim, sizes.eps), bf16, rint).named("head");
        f.q(t, h, span(0, nope_dim)) = as_stored(f.q, columns(v, 0, nope_dim));
        f.q(t, h, span(nope_dim, rope_dim)) = rotated(f.q, columns(v, nope_dim, rope_dim), f, t);
      });
    });
  });
}

// Columns that are not rotated go through e4m3 and back, in blocks of 64.
void kv_rows(const Fp8FrontTensors& f, const Tensor& kv_normed) {
  constexpr Int block = 64, blocks = nope_dim / block;
  const Tensor& kv = *f.kv;
  parallel(tiles(f.T, row_tile), [&](Span t) {
    at("kv_round_trip", [&] {
      const Tile groups = reshape(cast(kv_normed(t, span(0, nope_dim)), f32), {t.size * blocks, block}).named("groups");
      const Tile scale = scale_of(groups).named("scale");
      const Tile back = cast(quantized(groups, scale), f32) * cast(scale, f32);
      kv(t, span(0, nope_dim)) = cast(reshape(back, {t, nope_dim}), bf16, rint);
      kv(t, span(nope_dim, rope_dim)) = rotated(kv, kv_normed(t, span(nope_dim, rope_dim)), f, t);
    });
  });
}

}  // namespace

void store_fp8_reference(const Fp8FrontTensors& f, const Tensor& normed, const FrontSizes& sizes) {
  const Int D = sizes.hidden, Q = sizes.q_lora, N = sizes.heads * head_dim, block = f.wq_a.block;
  Tensor qr_proj = create_tensor("qr_proj", bf16, {f.T, Q});
  Tensor q_proj = create_tensor("q_proj", bf16, {f.T, N});

  const BlockQuantized x = quantize("x", f.T, normed, D, block);
  multiply("qr_proj", f.T, x, f.wq_a, qr_proj, Q);
  normalize("qr_rms", f.T, qr_proj, f.gamma_cq, f.qr, Q, sizes.eps);
  const BlockQuantized qr = quantize("qr", f.T, f.qr, Q, block);
  multiply("q_proj", f.T, qr, f.wq_b, q_proj, N);
  query_heads(f, sizes, q_proj);
  if (!f.kv) return;
  Tensor kv_proj = create_tensor("kv_proj", bf16, {f.T, head_dim});
  Tensor kv_normed = create_tensor("kv_normed", bf16, {f.T, head_dim});
  multiply("kv_proj", f.T, x, *f.wkv, kv_proj, head_dim);
  normalize("kv_rms", f.T, kv_proj, *f.gamma_ckv, kv_normed, head_dim, sizes.eps);
  kv_rows(f, kv_normed);
}

Kernel qkv_proj_rope_fp8_reference(const Fp8Front& config) {
  return kernel("qkv_proj_rope_fp8_reference", [&](Builder& k) {
    const Fp8FrontTensors f = declare(k, config);
    Tensor x_normed = create_tensor("x_normed", bf16, {f.T, config.hidden});
    normalize("attn_norm", f.T, f.x, *f.norm_w, x_normed, config.hidden, config.eps);
    store_fp8_reference(f, x_normed, config);
  });
}

}  // namespace imbrex::kernels::deepseek_v4
