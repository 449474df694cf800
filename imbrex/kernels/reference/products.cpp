#include <cmath>

#include "imbrex/kernels/reference/matrix.h"
#include "imbrex/kernels/reference/nn.h"

namespace imbrex::kernels::reference {

Tensors matmul(const Tensors& inputs) {
  const Matrix c = product(matrix_of(inputs.at("a")), matrix_of(inputs.at("b")));
  return {{"c", array_of(c, DType::f32, {c.rows, c.columns})}};
}

Tensors gemm_bias_silu(const Tensors& inputs) {
  Matrix c = product(matrix_of(inputs.at("a")), matrix_of(inputs.at("b")));
  const Matrix bias = matrix_of(inputs.at("bias"));
  for (int64_t r = 0; r < c.rows; ++r)
    for (int64_t n = 0; n < c.columns; ++n) {
      const double v = in_f32(c(r, n) + bias(0, n));
      c(r, n) = v / (1 + std::exp(-v));
    }
  return {{"c", array_of(c, DType::bf16, {c.rows, c.columns})}};
}

Tensors projections(const Tensors& inputs) {
  Tensors outputs;
  for (const char* name : {"q", "k", "v"}) {
    const Matrix m = product(matrix_of(inputs.at("x")), matrix_of(inputs.at(std::string("w") + name)));
    outputs[name] = array_of(m, DType::bf16, {m.rows, m.columns});
  }
  return outputs;
}

}  // namespace imbrex::kernels::reference
