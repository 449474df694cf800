#include <algorithm>
#include <cmath>
#include <functional>

#include "imbrex/kernels/reference/matrix.h"
#include "imbrex/kernels/reference/nn.h"

namespace imbrex::kernels::reference {
namespace {

// Turns columns `first(i)` and `second(i)` of each head by angle i of the row.
template <class Place>
Tensors rotate(const Tensors& inputs, const Place& first, const Place& second) {
  const Matrix x = matrix_of(inputs.at("x")), cosine = matrix_of(inputs.at("cosine")), sine = matrix_of(inputs.at("sine"));
  const int64_t heads = cosine.rows == 0 ? 0 : x.rows / cosine.rows;
  Matrix y(x.rows, x.columns);
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t i = 0; i < cosine.columns; ++i) {
      const double a = x(r, first(i)), b = x(r, second(i)), c = cosine(r / heads, i), s = sine(r / heads, i);
      y(r, first(i)) = a * c - b * s;
      y(r, second(i)) = a * s + b * c;
    }
  return {{"y", array_of(y, DType::bf16, inputs.at("x").shape)}};
}

}  // namespace

Tensors rope_interleaved(const Tensors& inputs) {
  using Place = int64_t (*)(int64_t);
  return rotate<Place>(
      inputs, [](int64_t i) { return 2 * i; }, [](int64_t i) { return 2 * i + 1; });
}

Tensors rope_half_split(const Tensors& inputs) {
  const int64_t half = inputs.at("cosine").shape.back();
  using Place = std::function<int64_t(int64_t)>;
  return rotate<Place>(
      inputs, [](int64_t i) { return i; }, [half](int64_t i) { return half + i; });
}

Tensors quantize_rows(const Tensors& inputs) {
  const Matrix x = matrix_of(inputs.at("x"));
  Matrix y(x.rows, x.columns), scale(x.rows, 1);
  for (int64_t r = 0; r < x.rows; ++r) {
    double largest = 1e-4;
    for (int64_t c = 0; c < x.columns; ++c) largest = greater(largest, std::fabs(x(r, c)));
    scale(r, 0) = largest / 127;
    for (int64_t c = 0; c < x.columns; ++c) y(r, c) = x(r, c) * 127 / largest;
  }
  return {{"y", array_of(y, DType::int8, inputs.at("x").shape)}, {"scale", array_of(scale, DType::f32, {x.rows, 1})}};
}

}  // namespace imbrex::kernels::reference
