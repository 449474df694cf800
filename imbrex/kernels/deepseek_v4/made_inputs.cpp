// A layer of qkv_proj_rope: hostile, so that a kernel that drops a factor, a sign or a row cannot pass by luck.
#include <algorithm>
#include <cmath>

#include "imbrex/base/error.h"
#include "imbrex/inputs/random.h"
#include "imbrex/kernels/deepseek_v4/entry_parts.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

using inputs::filled;
using inputs::RandomStream;
using inputs::TensorShape;

constexpr int64_t zero_token = 1;
constexpr int64_t rope_columns_used = 32;

// [T, D]: every token has its size, about one channel of 200 is an outlier.
Array hidden_states(const TensorShape& spec, uint64_t seed) {
  const RandomStream element(seed, "x"), size(seed, "x size"), outlier(seed, "x outlier");
  const int64_t columns = spec.shape.back();
  std::vector<double> channel(static_cast<size_t>(columns));
  for (int64_t d = 0; d < columns; ++d) channel[static_cast<size_t>(d)] = outlier.uniform(d) < 0.005 ? 30 : 1;
  return filled(spec, [&](int64_t t, int64_t d) {
    if (t == zero_token) return 0.0;
    const double token = std::exp2(6 * size.uniform(t) - 3);
    return element.normal(t * columns + d) * token * channel[static_cast<size_t>(d)];
  });
}

// [in, out] of unit gain, the columns' sizes a factor of 4 apart.
Array projection(const TensorShape& spec, uint64_t seed) {
  const RandomStream element(seed, spec.name), size(seed, spec.name + " size");
  const int64_t columns = spec.shape.back();
  const double gain = 1 / std::sqrt(static_cast<double>(spec.shape.front()));
  std::vector<double> column(static_cast<size_t>(columns));
  for (int64_t n = 0; n < columns; ++n) column[static_cast<size_t>(n)] = gain * std::exp2(2 * size.uniform(n) - 1);
  return filled(spec, [&](int64_t k, int64_t n) { return element.normal(k * columns + n) * column[static_cast<size_t>(n)]; });
}

// e4m3, [in, out]: normally distributed as in released checkpoints, where the largest of a block of weights is near the largest
// code; in three of a hundred blocks of 32 rows and 32 columns also all other codes of numbers; one column of 500 is 448 throughout.
Array fp8_projection(const TensorShape& spec, uint64_t seed) {
  const RandomStream element(seed, spec.name), extreme(seed, spec.name + " extreme"), hostile(seed, spec.name + " hostile");
  const int64_t columns = spec.shape.back();
  std::vector<bool> is_extreme(static_cast<size_t>(columns));
  for (int64_t n = 0; n < columns; ++n) is_extreme[static_cast<size_t>(n)] = extreme.uniform(n) < 0.002;
  return filled(spec, [&](int64_t k, int64_t n) {
    const int64_t i = k * columns + n;
    if (is_extreme[static_cast<size_t>(n)]) return 448.0;
    if (hostile.uniform(k / 32 * columns + n / 32) < 0.03 && extreme.uniform(columns + i) < 0.2)
      return element.signed_magnitude(i, 0x1p-11, 448);
    return std::clamp(128 * element.normal(i), -448.0, 448.0);
  });
}

// e8m0: powers of two a factor of 16 apart.
Array fp8_scales(const TensorShape& spec, uint64_t seed) {
  const RandomStream element(seed, spec.name);
  const int64_t columns = spec.shape.back();
  return filled(spec, [&](int64_t k, int64_t n) { return std::exp2(std::floor(5 * element.uniform(k * columns + n)) - 15); });
}

// int8, the whole range; one column of 500 is -128 throughout.
Array quantized_projection(const TensorShape& spec, uint64_t seed) {
  const RandomStream element(seed, spec.name), extreme(seed, spec.name + " extreme");
  Array array = Array::zeros(spec.dtype, spec.shape);
  auto* values = array.as<int8_t>();
  const int64_t columns = spec.shape.back();
  for (int64_t i = 0; i < array.size(); i += 8) {
    const uint64_t bits = element.bits(i / 8);
    for (int64_t j = i; j < std::min(i + 8, array.size()); ++j) values[j] = static_cast<int8_t>(bits >> (8 * (j - i)));
  }
  for (int64_t n = 0; n < columns; ++n)
    if (extreme.uniform(n) < 0.002)
      for (int64_t i = n; i < array.size(); i += columns) values[i] = -128;
  return array;
}

// int8 [T, Q], as of tokens: one is zero.
Array quantized_latent(const TensorShape& spec, uint64_t seed) {
  Array array = quantized_projection(spec, seed);
  const int64_t columns = spec.shape.back();
  if (spec.shape.front() > zero_token) std::fill_n(array.as<int8_t>() + zero_token * columns, columns, int8_t{0});
  return array;
}

// cos or sin of the 32 frequencies at a position of the token's own; the columns that no kernel may use hold nonsense.
Array rope_table(const TensorShape& spec, uint64_t seed, bool sine) {
  const RandomStream position(seed, "rope position");
  return filled(spec, [&](int64_t t, int64_t i) {
    if (i >= rope_columns_used) return 777.0;
    const double angle = std::floor(position.uniform(t) * 65536) * std::pow(10000.0, -static_cast<double>(i) / rope_columns_used);
    return sine ? std::sin(angle) : std::cos(angle);
  });
}

Array magnitudes(const TensorShape& spec, uint64_t seed, double least, double most, bool positive) {
  const RandomStream element(seed, spec.name);
  const int64_t columns = spec.shape.back();
  return filled(spec, [&](int64_t row, int64_t column) {
    const double value = element.signed_magnitude(row * columns + column, least, most);
    return positive ? std::fabs(value) : value;
  });
}

}  // namespace

Tensors made_inputs(const std::vector<inputs::TensorShape>& wanted, uint64_t seed) {
  Tensors layer;
  for (const TensorShape& spec : wanted) {
    const std::string& name = spec.name;
    const auto make = [&]() -> Array {
      if (name == "x") return hidden_states(spec, seed);
      if (name == "norm_w" || name == "gamma_cq" || name == "gamma_ckv") return magnitudes(spec, seed, 0.125, 2, false);
      if (name == "wq_a" || name == "wkv" || name == "w_extra")
        return spec.dtype == DType::e4m3 ? fp8_projection(spec, seed) : projection(spec, seed);
      if (spec.dtype == DType::e8m0) return fp8_scales(spec, seed);
      if (name == "wq_b") return spec.dtype == DType::e4m3 ? fp8_projection(spec, seed) : quantized_projection(spec, seed);
      if (name == "qr") return quantized_latent(spec, seed);
      if (name == "qr_scale") return magnitudes(spec, seed, 0x1p-20, 0x1p-4, true);
      if (name == "wq_b_scale") return magnitudes(spec, seed, 0x1p-10, 0x1p-7, true);
      if (name == "rope_cos" || name == "rope_sin") return rope_table(spec, seed, name == "rope_sin");
      throw InternalError("every input of the attention front has a synthetic form");
    };
    layer.emplace(name, make());
  }
  return layer;
}

}  // namespace imbrex::kernels::deepseek_v4
