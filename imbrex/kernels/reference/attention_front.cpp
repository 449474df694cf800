#include "imbrex/kernels/reference/attention_front.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "imbrex/base/numbers.h"

namespace imbrex::kernels::reference {
namespace {

constexpr int64_t head_dim = 512, rope_dim = 64, plain_dim = head_dim - rope_dim, pairs = rope_dim / 2, fp8_block = 64;

// The smallest power of two by which 448 covers a: 2^ceil(log2(a * fl(1 / 448))).
double fp8_scale(double a) {
  int exponent = 0;
  const double fraction = std::frexp(static_cast<double>(static_cast<float>(a) * static_cast<float>(1.0 / 448)), &exponent);
  return std::ldexp(1.0, fraction == 0.5 ? exponent - 1 : exponent);
}

// 448 columns of a token, in blocks of 64, each divided by its scale.
void insert_fp8(const Array& kv, int64_t token, int64_t slot, std::map<std::string, Array>& caches) {
  Array &values = caches.at("cache_e4m3"), &scales = caches.at("cache_scale"), &rotated = caches.at("cache_rope");
  for (int64_t block = 0; block < plain_dim / fp8_block; ++block) {
    double largest = static_cast<double>(1e-4f);
    const auto at = [&](int64_t i) { return value_at(kv, token * head_dim + block * fp8_block + i); };
    for (int64_t i = 0; i < fp8_block; ++i)
      largest = std::isnan(at(i)) || std::isnan(largest) ? std::nan("") : std::max(largest, std::fabs(at(i)));
    const double scale = std::isfinite(largest) ? fp8_scale(largest) : std::nan("");
    set_value_at(scales, slot * (plain_dim / fp8_block) + block, scale);
    for (int64_t i = 0; i < fp8_block; ++i) {
      const double value = at(i) / scale;
      set_value_at(values, slot * plain_dim + block * fp8_block + i,
                   std::isnan(value) ? value : std::clamp(value, -448.0, 448.0));
    }
  }
  std::memcpy(rotated.as<uint16_t>() + slot * rope_dim, kv.as<uint16_t>() + token * head_dim + plain_dim,
              rope_dim * sizeof(uint16_t));
}

}  // namespace

std::map<std::string, Array> with_rotations(std::map<std::string, Array> inputs) {
  const auto positions = inputs.find("positions");
  if (positions == inputs.end()) return inputs;
  const int64_t tokens = positions->second.shape[0];
  Array cosines = Array::zeros(DType::f32, {tokens, rope_dim}), sines = cosines;
  for (int64_t t = 0; t < tokens; ++t) {
    const int64_t position = index_at(positions->second, t);
    for (int64_t i = 0; i < pairs; ++i) {
      const auto table = inputs.find("table");  // of pairs: a cosine, its sine, the next cosine
      const auto from = [&](const char* one, int64_t place) {
        return table != inputs.end() ? value_at(table->second, position * rope_dim + place)
                                     : value_at(inputs.at(one), position * pairs + i);
      };
      set_value_at(cosines, t * rope_dim + i, from("table_cos", 2 * i));
      set_value_at(sines, t * rope_dim + i, from("table_sin", 2 * i + 1));
    }
  }
  inputs.insert_or_assign("rope_cos", std::move(cosines));
  inputs.insert_or_assign("rope_sin", std::move(sines));
  return inputs;
}

std::map<std::string, Array> with_inserted(const std::map<std::string, Array>& tensors, const Array& kv) {
  std::map<std::string, Array> caches;
  for (const char* name : {"cache", "cache_e4m3", "cache_scale", "cache_rope"})
    if (const auto cache = tensors.find(name); cache != tensors.end()) caches.insert(*cache);
  for (int64_t t = 0; !caches.empty() && t < kv.shape[0]; ++t) {
    const int64_t slot = index_at(tensors.at("slots"), t);
    if (slot < 0) continue;
    if (const auto rows = caches.find("cache"); rows != caches.end())
      std::memcpy(rows->second.as<uint16_t>() + slot * head_dim, kv.as<uint16_t>() + t * head_dim, head_dim * sizeof(uint16_t));
    else
      insert_fp8(kv, t, slot, caches);
  }
  return caches;
}

std::map<std::string, Array> attention_front(const std::map<std::string, Array>& inputs, const FrontForm& form,
                                             const Array* settled) {
  const std::map<std::string, Array> rows = with_rotations(inputs);
  std::map<std::string, Array> out;
  const auto keep = [&](const Estimate& q, const Estimate& kv) {
    out["q"] = rounded(q, form.q, {q.rows, q.columns / head_dim, head_dim});
    if (kv.rows > 0) out["kv"] = rounded(kv, DType::bf16, {kv.rows, head_dim});
  };
  if (form.arithmetic == Arithmetic::w8a8) {
    FrontValues front = front_values(rows, form.eps, settled);
    keep(front.q, front.kv);
    out["qr"] = std::move(front.qr);
    out["qr_scale"] = std::move(front.qr_scale);
    out["latent"] = std::move(front.latent);
  } else {
    const Bf16LatentValues front = form.arithmetic == Arithmetic::w8a16
                                       ? w8a16_values(rows, form.eps, settled)
                                       : fp8_reference_values(rows, form.eps, form.block, settled);
    keep(front.q, front.kv);
    out["latent"] = rounded(front.latent, DType::bf16, {front.latent.rows, front.latent.columns});
  }
  if (const auto kv = out.find("kv"); kv != out.end()) out.merge(with_inserted(inputs, kv->second));
  if (inputs.count("w_extra")) {
    const Estimate extra = further_columns(inputs, form.eps);
    out["extra"] = rounded(extra, DType::f32, {extra.rows, extra.columns});
  }
  return out;
}

}  // namespace imbrex::kernels::reference
