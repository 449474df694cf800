#include <algorithm>
#include <cmath>

#include "imbrex/kernels/reference/matrix.h"
#include "imbrex/kernels/reference/nn.h"

namespace imbrex::kernels::reference {

Tensors rms_norm(const Tensors& inputs, double eps) {
  const Matrix x = matrix_of(inputs.at("x")), w = matrix_of(inputs.at("w"));
  Matrix y(x.rows, x.columns);
  for (int64_t r = 0; r < x.rows; ++r) {
    double squares = 0;
    for (int64_t c = 0; c < x.columns; ++c) squares += x(r, c) * x(r, c);
    const double root = std::sqrt(in_f32(squares) / double(x.columns) + eps);
    for (int64_t c = 0; c < x.columns; ++c) y(r, c) = x(r, c) / root * w(0, c);
  }
  return {{"y", array_of(y, DType::bf16, inputs.at("x").shape)}};
}

Tensors layer_norm(const Tensors& inputs, double eps) {
  const Matrix x = matrix_of(inputs.at("x")), w = matrix_of(inputs.at("w")), b = matrix_of(inputs.at("b"));
  Matrix y(x.rows, x.columns);
  for (int64_t r = 0; r < x.rows; ++r) {
    double sum = 0, squares = 0;
    for (int64_t c = 0; c < x.columns; ++c) sum += x(r, c);
    const double mean = in_f32(sum) / double(x.columns);
    for (int64_t c = 0; c < x.columns; ++c) squares += (x(r, c) - mean) * (x(r, c) - mean);
    const double root = std::sqrt(in_f32(squares) / double(x.columns) + eps);
    for (int64_t c = 0; c < x.columns; ++c) y(r, c) = (x(r, c) - mean) / root * w(0, c) + b(0, c);
  }
  return {{"y", array_of(y, DType::bf16, inputs.at("x").shape)}};
}

Tensors softmax(const Tensors& inputs) {
  const Matrix x = matrix_of(inputs.at("x"));
  Matrix y(x.rows, x.columns);
  for (int64_t r = 0; r < x.rows; ++r) {
    double largest = x(r, 0), sum = 0;
    for (int64_t c = 0; c < x.columns; ++c) largest = std::max(largest, x(r, c));
    for (int64_t c = 0; c < x.columns; ++c) sum += std::exp(x(r, c) - largest);
    for (int64_t c = 0; c < x.columns; ++c) y(r, c) = std::exp(x(r, c) - largest) / sum;
  }
  return {{"y", array_of(y, DType::f32, inputs.at("x").shape)}};
}

}  // namespace imbrex::kernels::reference
