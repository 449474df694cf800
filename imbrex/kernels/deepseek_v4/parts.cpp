#include "imbrex/kernels/deepseek_v4/parts.h"

namespace imbrex::kernels::deepseek_v4 {

namespace {

// The tensors of a call, each declared where it is asked for.
struct Declaring {
  Builder& k;
  const QkvProjRope& config;
  const Int D = config.hidden, Q = config.q_lora, N = config.heads * head_dim;
  const bool is_fp8 = config.fp8_block > 0;
  const Dim T = k.dim("T", {.typical = 128});

  Tensor x() { return k.input("x", bf16, {T, D}); }
  Tensor norm_w() { return k.input("norm_w", config.norm_w, {D}); }
  Tensor wq_a() { return k.weight("wq_a", is_fp8 ? e4m3 : bf16, {D, Q}); }
  Tensor gamma_cq() { return k.input("gamma_cq", bf16, {Q}); }
  Tensor wq_b() { return k.weight("wq_b", int8, {Q, N}); }
  Tensor wq_b_scale() {
    return k.input("wq_b_scale", f32, config.scale_by_blocks ? std::vector<Index>{N / 128, 128} : std::vector<Index>{N});
  }
  Tensor wkv() { return k.weight("wkv", is_fp8 ? e4m3 : bf16, {D, head_dim}); }
  Tensor gamma_ckv() { return k.input("gamma_ckv", bf16, {head_dim}); }
  RopeTables rope() { return {k.input("rope_cos", config.rope, {T, rope_dim}), k.input("rope_sin", config.rope, {T, rope_dim})}; }
  std::optional<Tensor> scales(const char* name, Int columns) {
    return is_fp8 ? std::optional(declare_scales(k, name, D, columns, config.fp8_block)) : std::nullopt;
  }
  Tensor q() { return k.output("q", bf16, {T, config.heads, head_dim}); }
  Tensor kv() { return k.output("kv", bf16, {T, head_dim}); }
};

}  // namespace

// Braces evaluate from left to right: this is the order of the calls.
Front declare(Builder& k, const QkvProjRope& config) {
  Declaring call{k, config};
  const Tensor x = call.x(), norm_w = call.norm_w(), wq_a = call.wq_a(), gamma_cq = call.gamma_cq(), wq_b = call.wq_b(),
               wq_b_scale = call.wq_b_scale(), wkv = call.wkv(), gamma_ckv = call.gamma_ckv();
  const RopeTables rope = call.rope();
  const std::optional<Tensor> wq_a_scale = call.scales("wq_a_scale", config.q_lora),
                              wkv_scale = call.scales("wkv_scale", head_dim);
  const Tensor q = call.q(), kv = call.kv(), qr = k.output("qr", int8, {call.T, config.q_lora}),
               qr_scale = k.output("qr_scale", f32, {call.T, 1});
  return {{call.T, x, norm_w, wq_a, gamma_cq, wkv, gamma_ckv, rope, wq_a_scale, wkv_scale, kv, qr, qr_scale},
          {call.T, qr, qr_scale, wq_b, wq_b_scale, rope, q}};
}

LatentTensors declare_latents(Builder& k, const QkvProjRope& config) {
  Declaring call{k, config};
  return {call.T,
          call.x(),
          call.norm_w(),
          call.wq_a(),
          call.gamma_cq(),
          call.wkv(),
          call.gamma_ckv(),
          call.rope(),
          call.scales("wq_a_scale", config.q_lora),
          call.scales("wkv_scale", head_dim),
          call.kv(),
          k.output("qr", int8, {call.T, config.q_lora}),
          k.output("qr_scale", f32, {call.T, 1})};
}

QueryTensors declare_queries(Builder& k, const QkvProjRope& config) {
  Declaring call{k, config};
  return {call.T,
          k.input("qr", int8, {call.T, config.q_lora}),
          k.input("qr_scale", f32, {call.T, 1}),
          call.wq_b(),
          call.wq_b_scale(),
          call.rope(),
          call.q()};
}

Tensor declare_scales(Builder& k, const std::string& name, Int rows, Int columns, Int block) {
  return k.input(name, e8m0, {(rows + block - 1) / block, (columns + block - 1) / block});
}

Projection query_projection(const LatentTensors& tensors, const QkvProjRope& config) {
  return {tensors.wq_a, tensors.wq_a_scale, config.fp8_block};
}
Projection kv_projection(const LatentTensors& tensors, const QkvProjRope& config) {
  return {tensors.wkv, tensors.wkv_scale, config.fp8_block};
}

void for_columns(const Projection& projection, Int columns, Int wanted, const std::function<void(Span)>& body) {
  if (!projection.scales) return parallel(tiles(columns, wanted).named("n"), body);
  const Int block = projection.block, whole = columns / block;
  parallel(Range(whole).named("n"), [&](Index n) { body(span(n * block, block)); });
  if (columns % block != 0) body(span(whole * block, columns % block));
}

Tile project(const Tile& rows, const Projection& projection, const Span& columns) {
  if (!projection.scales) return matmul(rows, projection.weight(all, columns));
  const Int block = projection.block;
  const Span blocks = span(columns.begin / block, ceil_div(columns.size, block));
  return matmul_expanded((*projection.scales)(all, blocks), rows, projection.weight(all, columns), {block, block});
}

Tile to_f32(Tile x) {
  if (x.dtype() == f32) return x;
  return cast(std::move(x), f32);
}

Tile inverse_rms(const Tile& sum_of_squares, Int n, float eps) { return 1.0f / sqrt(sum_of_squares * (1.0f / n) + eps); }

Pair rotate(const RopeTables& rope, const Span& t, const Tile& tail) {
  const Span used = span(0, even_columns);
  const Tile cosine = to_f32(rope.cosine(t, used)).named("cosine");
  const Tile sine = to_f32(rope.sine(t, used)).named("sine");
  const Tile e = even(tail).named("e"), o = odd(tail).named("o");
  return {e * cosine - o * sine, e * sine + o * cosine};
}

Tile dequantize(const QueryTensors& tensors, const QkvProjRope& config, Tile acc, const Span& t, const Span& columns) {
  Tensor scale = tensors.wq_b_scale;
  if (config.scale_by_blocks) scale = view("wq_b_scale_row", scale, {config.heads * head_dim});
  return cast(std::move(acc), f32, rint) * tensors.qr_scale(t, all) * scale(columns);
}

Tile row_magnitude(const Tensor& r, const Span& t) {
  Tile largest = full(f32, {t, 1}, 1e-4).named("amax");
  range(tiles(r.extent(1), 512).named("c"), [&](Span c) { largest = max(largest, row_max(abs(cast(r(t, c), f32)))); });
  return largest;
}

}  // namespace imbrex::kernels::deepseek_v4
