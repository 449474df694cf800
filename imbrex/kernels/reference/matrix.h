// Matrices of doubles, for the references.
#pragma once

#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/kernels/reference/qkv_proj_rope.h"

namespace imbrex::kernels::reference {

// Row-major; all axes but the last are rows.
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;
  Matrix(int64_t m, int64_t n) : rows(m), columns(n), values(static_cast<size_t>(m * n)) {}
  double& operator()(int64_t r, int64_t c) { return values[static_cast<size_t>(r * columns + c)]; }
  double operator()(int64_t r, int64_t c) const { return values[static_cast<size_t>(r * columns + c)]; }
};

Matrix matrix_of(const Array& array);                                           // f32 or bf16
Array array_of(const Matrix& matrix, DType dtype, std::vector<int64_t> shape);  // rounded to nearest even
// A number beyond the range of f32 is infinite.
double in_f32(double value);
// NaN if either is.
double greater(double a, double b);
// A product of bf16 takes numbers below the smallest normal one as zero.
inline constexpr double smallest_normal = 0x1p-126;
inline double normal(double value) { return value > -smallest_normal && value < smallest_normal ? 0 : value; }
Matrix product(const Matrix& a, const Matrix& b);  // of bf16

}  // namespace imbrex::kernels::reference
