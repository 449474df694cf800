#include "imbrex/inputs/synthetic.h"

#include <algorithm>
#include <cmath>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/inputs/random.h"

namespace imbrex::inputs {
namespace {

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
      case Form::floating: {
        const double value = element.normal(i) * std::exp2(2 * size.uniform(row) - 1);
        return type.has_sign() ? value : std::fabs(value);
      }
    }
    throw InternalError("a type of no form");
  });
}

}  // namespace

Array filled(const TensorShape& spec, const std::function<double(int64_t row, int64_t column)>& value) {
  Array array = Array::zeros(spec.dtype, spec.shape);
  const int64_t columns = spec.shape.empty() ? 1 : spec.shape.back();
  for (int64_t i = 0; i < array.size(); ++i) set_value_at(array, i, value(i / columns, i % columns));
  return array;
}

std::map<std::string, Array> synthetic_inputs(const std::vector<TensorShape>& inputs, uint64_t seed) {
  int64_t indices = INT32_MAX;
  for (const TensorShape& spec : inputs)
    for (int64_t extent : spec.shape) indices = std::min(indices, std::max<int64_t>(extent, 1));  // nothing runs where one is 0
  std::map<std::string, Array> arrays;
  for (const TensorShape& spec : inputs) arrays.emplace(spec.name, random_tensor(spec, seed, indices));
  return arrays;
}

}  // namespace imbrex::inputs
