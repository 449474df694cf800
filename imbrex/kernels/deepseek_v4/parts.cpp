#include "imbrex/kernels/deepseek_v4/parts.h"

namespace imbrex::kernels::deepseek_v4 {

Front declare(Builder& k, const QkvProjRope& config) {
  const Int D = config.hidden, Q = config.q_lora, N = config.heads * head_dim;
  const Dim T = k.dim("T", {.typical = 128});
  const std::vector<Index> scale_shape = config.scale_by_blocks ? std::vector<Index>{N / 128, 128} : std::vector<Index>{N};
  const bool is_fp8 = config.fp8_block > 0;
  const DType projection = is_fp8 ? e4m3 : bf16;
  const auto scales = [&](const char* name, Int columns) {
    return is_fp8 ? std::optional(declare_scales(k, name, D, columns, config.fp8_block)) : std::nullopt;
  };
  // Braces evaluate from left to right: this is the order of the call.
  return Front{T,
               k.input("x", bf16, {T, D}),
               k.input("norm_w", config.norm_w, {D}),
               k.weight("wq_a", projection, {D, Q}),
               k.input("gamma_cq", bf16, {Q}),
               k.weight("wq_b", int8, {Q, N}),
               k.input("wq_b_scale", f32, scale_shape),
               k.weight("wkv", projection, {D, head_dim}),
               k.input("gamma_ckv", bf16, {head_dim}),
               k.input("rope_cos", config.rope, {T, rope_dim}),
               k.input("rope_sin", config.rope, {T, rope_dim}),
               scales("wq_a_scale", Q),
               scales("wkv_scale", head_dim),
               k.output("q", bf16, {T, config.heads, head_dim}),
               k.output("kv", bf16, {T, head_dim}),
               k.output("qr", int8, {T, Q}),
               k.output("qr_scale", f32, {T, 1})};
}

Tensor declare_scales(Builder& k, const std::string& name, Int rows, Int columns, Int block) {
  return k.input(name, e8m0, {(rows + block - 1) / block, (columns + block - 1) / block});
}

Projection query_projection(const Front& front, const QkvProjRope& config) {
  return {front.wq_a, front.wq_a_scale, config.fp8_block};
}
Projection kv_projection(const Front& front, const QkvProjRope& config) { return {front.wkv, front.wkv_scale, config.fp8_block}; }

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

Pair rotate(const Front& front, const Span& t, const Tile& tail) {
  const Span used = span(0, even_columns);
  const Tile cosine = to_f32(front.rope_cos(t, used)).named("cosine");
  const Tile sine = to_f32(front.rope_sin(t, used)).named("sine");
  const Tile e = even(tail).named("e"), o = odd(tail).named("o");
  return {e * cosine - o * sine, e * sine + o * cosine};
}

Tile dequantize(const Front& front, const QkvProjRope& config, Tile acc, const Span& t, const Span& columns) {
  Tensor scale = front.wq_b_scale;
  if (config.scale_by_blocks) scale = view("wq_b_scale_row", scale, {config.heads * head_dim});
  return cast(std::move(acc), f32, rint) * front.qr_scale(t, all) * scale(columns);
}

Tile row_magnitude(const Tensor& r, const Span& t) {
  Tile largest = full(f32, {t, 1}, 1e-4).named("amax");
  range(tiles(r.extent(1), 512).named("c"), [&](Span c) { largest = max(largest, row_max(abs(cast(r(t, c), f32)))); });
  return largest;
}

}  // namespace imbrex::kernels::deepseek_v4
