#include "imbrex/kernels/deepseek_v4/fp8_front_parts.h"

namespace imbrex::kernels::deepseek_v4 {

Projection declare_projection(Builder& k, const std::string& name, Int rows, Int columns, Int block) {
  Tensor weight = k.weight(name, e4m3, {rows, columns});
  return Projection(std::move(weight), declare_scales(k, name + "_scale", rows, columns, block), block);
}

Fp8FrontTensors declare(Builder& k, const Fp8Front& config) {
  const Int D = config.hidden, Q = config.q_lora, N = config.heads * head_dim;
  const Dim T = k.dim("T", {.typical = 128});
  const auto projection = [&](const char* name, Int rows, Int columns) {
    return declare_projection(k, name, rows, columns, config.block);
  };
  // Braces evaluate from left to right: this is the order of the call.
  return Fp8FrontTensors{T,
                         k.input("x", bf16, {T, D}),
                         k.input("norm_w", config.norm_w, {D}),
                         projection("wq_a", D, Q),
                         k.input("gamma_cq", bf16, {Q}),
                         projection("wq_b", Q, N),
                         projection("wkv", D, head_dim),
                         k.input("gamma_ckv", bf16, {head_dim}),
                         k.input("rope_cos", config.rope, {T, rope_dim}),
                         k.input("rope_sin", config.rope, {T, rope_dim}),
                         k.output("q", bf16, {T, config.heads, head_dim}),
                         k.output("kv", bf16, {T, head_dim}),
                         k.output("qr", bf16, {T, Q})};
}

}  // namespace imbrex::kernels::deepseek_v4
