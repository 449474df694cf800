// The plain variant: whole tensors, no loops, no tiles. What a model's author writes, and what the others become.
#include "imbrex/kernels/deepseek_v4/rows.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

const Span used_columns = span(0, even_columns);

Angles angles_of(const RopeTables& rope) {
  return {to_f32(rope.cosine(all, used_columns)), to_f32(rope.sine(all, used_columns))};
}

QuantizedRows store_latent(const LatentTensors& f, const QkvProjRope& config, const Tile& normed) {
  const QuantizedRows latent =
      quantized_latent(query_latent(normed, query_projection(f, config), f.gamma_cq, config.q_lora, config.eps));
  f.qr(all, all) = latent.integers;
  f.qr_scale(all, all) = latent.scale;
  return latent;
}

void store_queries(const QueryTensors& f, const QkvProjRope& config, const QuantizedRows& latent, const Angles& angles) {
  const Tensor column_scale = view("wq_b_scale_row", f.wq_b_scale, {config.heads * head_dim});
  store_query_heads(f.q, latent, f.wq_b, column_scale, angles, config.eps);
}

void store_kv(const LatentTensors& f, const QkvProjRope& config, const Tile& normed, const Angles& angles) {
  store_latent_kv(f.kv, normed, kv_projection(f, config), f.gamma_ckv, angles, config.eps);
}

}  // namespace

Kernel qkv_proj_rope_plain(const QkvProjRope& config) {
  return kernel("qkv_proj_rope", [&](Builder& k) {
    const auto [latents, queries] = declare(k, config);
    const Tile normed = normalized_tokens(latents.x, latents.norm_w, config.hidden, config.eps);
    const QuantizedRows latent = store_latent(latents, config, normed);
    const Angles angles = angles_of(latents.rope);
    store_queries(queries, config, latent, angles);
    store_kv(latents, config, normed, angles);
  });
}

Kernel qkv_proj_rope_latents_plain(const QkvProjRope& config) {
  return kernel("qkv_proj_rope_latents", [&](Builder& k) {
    const LatentTensors f = declare_latents(k, config);
    const Tile normed = normalized_tokens(f.x, f.norm_w, config.hidden, config.eps);
    store_latent(f, config, normed);
    store_kv(f, config, normed, angles_of(f.rope));
  });
}

Kernel qkv_proj_rope_queries_plain(const QkvProjRope& config) {
  return kernel("qkv_proj_rope_queries", [&](Builder& k) {
    const QueryTensors f = declare_queries(k, config);
    store_queries(f, config, {f.qr(all, all), f.qr_scale(all, all)}, angles_of(f.rope));
  });
}

}  // namespace imbrex::kernels::deepseek_v4
