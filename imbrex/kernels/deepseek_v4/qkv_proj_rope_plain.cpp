// The plain variant: whole tensors, no loops, no tiles. What a model's author writes, and what the others become.
#include "imbrex/kernels/deepseek_v4/rows.h"

namespace imbrex::kernels::deepseek_v4 {

Kernel qkv_proj_rope_plain(const QkvProjRope& config) {
  return kernel("qkv_proj_rope", [&](Builder& k) {
    const Front f = declare(k, config);
    const Span used = span(0, even_columns);
    const Tile normed = normalized_tokens(f.x, f.norm_w, config.hidden, config.eps);

    const QuantizedRows latent =
        quantized_latent(query_latent(normed, query_projection(f, config), f.gamma_cq, config.q_lora, config.eps));
    f.qr(all, all) = latent.integers;
    f.qr_scale(all, all) = latent.scale;

    const Angles angles = {to_f32(f.rope_cos(all, used)), to_f32(f.rope_sin(all, used))};
    const Tensor column_scale = view("wq_b_scale_row", f.wq_b_scale, {config.heads * head_dim});
    store_query_heads(f.q, latent, f.wq_b, column_scale, angles, config.eps);
    store_latent_kv(f.kv, normed, kv_projection(f, config), f.gamma_ckv, angles, config.eps);
  });
}

}  // namespace imbrex::kernels::deepseek_v4
