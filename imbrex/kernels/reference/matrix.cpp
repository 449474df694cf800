#include "imbrex/kernels/reference/matrix.h"

#include <bit>
#include <cmath>
#include <limits>

#include "imbrex/base/error.h"

namespace imbrex::kernels::reference {

Matrix matrix_of(const Array& array) {
  const int64_t columns = array.shape.back();
  Matrix m(array.size() / columns, columns);
  for (int64_t i = 0; i < array.size(); ++i) {
    double& value = m.values[static_cast<size_t>(i)];
    if (array.dtype == DType::f32)
      value = array.as<float>()[i];
    else if (array.dtype == DType::bf16)
      value = std::bit_cast<float>(static_cast<uint32_t>(array.as<uint16_t>()[i]) << 16);
    else
      throw InternalError("a reference reads f32 and bf16");
  }
  return m;
}

Array array_of(const Matrix& matrix, DType dtype, std::vector<int64_t> shape) {
  Estimate estimate{matrix.rows, matrix.columns, matrix.values, std::vector<double>(matrix.values.size())};
  return rounded(estimate, dtype, std::move(shape));
}

double in_f32(double value) {
  constexpr double beyond = 0x1.ffffffp127;  // rounds to infinity, as all above it
  return std::fabs(value) < beyond || std::isnan(value) ? value : std::copysign(std::numeric_limits<double>::infinity(), value);
}

double greater(double a, double b) { return std::isnan(a) || a > b ? a : b; }

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.columns);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.columns; ++k)
      for (int64_t j = 0; j < b.columns; ++j) c(i, j) += normal(a(i, k)) * normal(b(k, j));
  return c;
}

}  // namespace imbrex::kernels::reference
