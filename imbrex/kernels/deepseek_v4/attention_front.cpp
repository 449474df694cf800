#include "imbrex/kernels/deepseek_v4/attention_front.h"

#include <functional>
#include <optional>

#include "imbrex/kernels/deepseek_v4/fp8_front_parts.h"
#include "imbrex/kernels/deepseek_v4/latent_cache.h"
#include "imbrex/kernels/deepseek_v4/rows.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

const Span used_columns = span(0, even_columns);

// Rows of the rotation of each token, of which the first 32 columns are used.
struct RotationRows {
  Tensor cosine, sine;
  Angles angles() const { return {to_f32(cosine(all, used_columns)), to_f32(sine(all, used_columns))}; }
};

// Copied from the rows of a table by position: `at_position` gives the angles of one row.
RotationRows gathered(const Dim& T, const Dim& P, const Tensor& positions,
                      const std::function<Angles(const Index& position)>& at_position) {
  const Tensor cosine = create_tensor("cosine", f32, {T, even_columns}), sine = create_tensor("sine", f32, {T, even_columns});
  parallel(Range(T).named("token"), [&](Index token) {
    at("rotations", [&] {
      const Index position = read(positions, {token});
      assume(position >= 0 && position < P);
      const Angles angles = at_position(position);
      cosine(token, all) = angles.cosine;
      sine(token, all) = angles.sine;
    });
  });
  return {cosine, sine};
}

// Declares where the rotations of the tokens come from. What is called gives their rows.
std::function<RotationRows()> declare_rotations(Builder& k, const Dim& T, const AttentionFront& form) {
  if (!by_position(form.rotations)) {
    const DType stored = form.rotations == Rotations::rows_bf16 ? bf16 : f32;
    const Tensor cosine = k.input("rope_cos", stored, {T, rope_dim}), sine = k.input("rope_sin", stored, {T, rope_dim});
    return [=] { return RotationRows{cosine, sine}; };
  }
  const Dim P = k.dim("P", {.typical = 4096});
  const Tensor positions = k.input("positions", form.positions, {T});
  if (form.rotations == Rotations::pairs_f32) {
    const Tensor table = k.input("table", f32, {P, rope_dim});
    return [=] {
      return gathered(T, P, positions, [&](const Index& position) -> Angles {
        const Tile pairs = Tile(table(position, all)).named("pairs");
        return {even(pairs), odd(pairs)};
      });
    };
  }
  const DType stored = form.rotations == Rotations::tables_bf16 ? bf16 : f32;
  const Tensor cosine = k.input("table_cos", stored, {P, even_columns}), sine = k.input("table_sin", stored, {P, even_columns});
  return [=] {
    return gathered(T, P, positions, [&](const Index& position) -> Angles {
      return {to_f32(cosine(position, all)), to_f32(sine(position, all))};
    });
  };
}

}  // namespace

bool by_position(Rotations rotations) { return rotations != Rotations::rows_bf16 && rotations != Rotations::rows_f32; }

Kernel attention_front(const AttentionFront& form) {
  return kernel("attention_front", [&](Builder& k) {
    const Int D = form.hidden, Q = form.q_lora, H = form.heads;
    const Dim T = k.dim("T", {.typical = 128});
    const Tensor x = k.input("x", form.x, {T, D});
    std::optional<Tensor> norm_w, w_extra;
    if (!form.x_is_normalized) norm_w = k.input("norm_w", form.norm_w, {D});
    const bool is_w8a8 = form.arithmetic == Arithmetic::w8a8;
    const auto projection_of_x = [&](const char* name, Int columns) {
      return form.block > 0 ? declare_projection(k, name, D, columns, form.block)
                            : Projection(k.weight(name, bf16, {D, columns}));
    };
    const Projection wq_a = projection_of_x("wq_a", Q);
    const Tensor gamma_cq = k.input("gamma_cq", bf16, {Q});
    const Projection wq_b = is_w8a8 ? Projection(k.weight("wq_b", int8, {Q, H * head_dim}))
                                    : declare_projection(k, "wq_b", Q, H * head_dim, form.block);
    std::optional<Tensor> wq_b_scale;
    if (is_w8a8) wq_b_scale = k.input("wq_b_scale", f32, {H * head_dim});
    std::optional<Projection> wkv;
    std::optional<Tensor> gamma_ckv;
    if (form.has_kv) wkv = projection_of_x("wkv", head_dim), gamma_ckv = k.input("gamma_ckv", bf16, {head_dim});
    if (form.extra > 0) w_extra = k.weight("w_extra", bf16, {D, form.extra});
    const std::function<RotationRows()> rotations_of_tokens = declare_rotations(k, T, form);

    const Tensor q = k.output("q", form.q, {T, H, head_dim});
    std::optional<Tensor> qr, qr_scale, latent_rows, kv, extra;
    if (form.latent_int8) qr = k.output("qr", int8, {T, Q}), qr_scale = k.output("qr_scale", f32, {T, 1});
    if (form.latent_bf16) latent_rows = k.output("latent", bf16, {T, Q});
    if (form.has_kv && form.kv_rows) kv = k.output("kv", bf16, {T, head_dim});
    if (form.extra > 0) extra = k.output("extra", f32, {T, form.extra});
    std::function<void(const Tensor& kv)> insert_into_cache;
    if (form.cache != Cache::none) insert_into_cache = declare_cache(k, T, form);

    const RotationRows rotations = rotations_of_tokens();
    const Angles angles = rotations.angles();
    const Tile normed = form.x_is_normalized ? (form.x == bf16 ? Tile(x(all, all)) : cast(x(all, all), bf16, rint))
                                             : normalized_tokens(x, *norm_w, D, form.eps);
    if (form.has_kv && !kv) kv = create_tensor("kv", bf16, {T, head_dim});
    if (form.arithmetic == Arithmetic::fp8_reference) {
      const Tensor rows = create_tensor("x_normed", bf16, {T, D});
      rows(all, all) = normed;
      const Tensor latent = latent_rows ? *latent_rows : create_tensor("latent", bf16, {T, Q});
      store_fp8_reference({T, x, norm_w, wq_a, gamma_cq, wq_b, wkv, gamma_ckv, rotations.cosine, rotations.sine, q, kv, latent},
                          rows, form);
    } else {
      const Tile latent = query_latent(normed, wq_a, gamma_cq, Q, form.eps);
      if (latent_rows) (*latent_rows)(all, all) = latent;
      if (is_w8a8) {
        const QuantizedRows quantized = quantized_latent(latent);
        if (qr) (*qr)(all, all) = quantized.integers;
        if (qr_scale) (*qr_scale)(all, all) = quantized.scale;
        store_query_heads(q, quantized, wq_b.weight, *wq_b_scale, angles, form.eps);
      } else {
        store_normalized_heads(q, project(latent, wq_b, span(0, H * head_dim)), angles, form.eps);
      }
      if (kv) store_latent_kv(*kv, normed, *wkv, *gamma_ckv, angles, form.eps);
    }
    if (extra) (*extra)(all, all) = matmul(normed, (*w_extra)(all, all));
    if (insert_into_cache) insert_into_cache(*kv);
  });
}

}  // namespace imbrex::kernels::deepseek_v4
