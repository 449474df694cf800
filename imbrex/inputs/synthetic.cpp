#include "imbrex/inputs/synthetic.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/inputs/random.h"

namespace imbrex::inputs {
namespace {

constexpr int64_t zero_token = 1;
constexpr int64_t rope_columns_used = 32;

// Fills [rows, columns] from a function of the place.
Array filled(const TensorShape& spec, const std::function<double(int64_t row, int64_t column)>& value) {
  Array array = Array::zeros(spec.dtype, spec.shape);
  const int64_t columns = spec.shape.empty() ? 1 : spec.shape.back();
  for (int64_t i = 0; i < array.size(); ++i) set_value_at(array, i, value(i / columns, i % columns));
  return array;
}

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

Array random_tensor(const TensorShape& spec, uint64_t seed, int64_t indices) {
  const RandomStream element(seed, spec.name), size(seed, spec.name + " size");
  const int64_t columns = spec.shape.empty() ? 1 : spec.shape.back();
  return filled(spec, [&](int64_t row, int64_t column) -> double {
    const int64_t i = row * columns + column;
    const ElementType& type = element_type(spec.dtype);
    switch (type.form) {
      case Form::boolean: return static_cast<double>(element.bits(i) & 1);
      case Form::integer: {
        if (type.bytes > 1) return static_cast<double>(element.bits(i) % static_cast<uint64_t>(indices));
        const auto any = static_cast<int64_t>(element.bits(i) & 0xff);
        return static_cast<double>(any > type.greatest ? any - 256 : any);
      }
      case Form::floating: return element.normal(i) * std::exp2(2 * size.uniform(row) - 1);
    }
    throw InternalError("a type of no form");
  });
}

}  // namespace

std::map<std::string, Array> synthetic_layer(const std::vector<TensorShape>& inputs, uint64_t seed) {
  std::map<std::string, Array> layer;
  for (const TensorShape& spec : inputs) {
    const std::string& name = spec.name;
    const auto make = [&]() -> Array {
      if (name == "x") return hidden_states(spec, seed);
      if (name == "norm_w" || name == "gamma_cq" || name == "gamma_ckv") return magnitudes(spec, seed, 0.125, 2, false);
      if (name == "wq_a" || name == "wkv") return projection(spec, seed);
      if (name == "wq_b") return quantized_projection(spec, seed);
      if (name == "wq_b_scale") return magnitudes(spec, seed, 0x1p-10, 0x1p-7, true);
      if (name == "rope_cos" || name == "rope_sin") return rope_table(spec, seed, name == "rope_sin");
      throw InternalError("every input of deepseek_v4/qkv_proj_rope has a synthetic form");
    };
    layer.emplace(name, make());
  }
  return layer;
}

std::map<std::string, Array> synthetic_inputs(const std::vector<TensorShape>& inputs, uint64_t seed) {
  int64_t indices = INT32_MAX;
  for (const TensorShape& spec : inputs)
    for (int64_t extent : spec.shape) indices = std::min(indices, extent);
  std::map<std::string, Array> arrays;
  for (const TensorShape& spec : inputs) arrays.emplace(spec.name, random_tensor(spec, seed, indices));
  return arrays;
}

}  // namespace imbrex::inputs
