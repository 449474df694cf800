#include "imbrex/kernels/deepseek_v4/fp8_front_parts.h"

namespace imbrex::kernels::deepseek_v4 {

Kernel qkv_proj_rope_w8a16(const Fp8Front& config) {
  return kernel("qkv_proj_rope_w8a16", [&](Builder& k) {
    const Fp8FrontTensors f = declare(k, config);
    const Span used = span(0, even_columns);
    const Angles angles = {to_f32(f.rope_cos(all, used)), to_f32(f.rope_sin(all, used))};
    const Tile normed = normalized_tokens(f.x, *f.norm_w, config.hidden, config.eps);
    const Tile latent = query_latent(normed, f.wq_a, f.gamma_cq, config.q_lora, config.eps);
    f.qr(all, all) = latent;
    store_normalized_heads(f.q, project(latent, f.wq_b, span(0, config.heads * head_dim)), angles, config.eps);
    store_latent_kv(*f.kv, normed, *f.wkv, *f.gamma_ckv, angles, config.eps);
  });
}

}  // namespace imbrex::kernels::deepseek_v4
