// The kernels of nn/ in plain loops and double precision, each from its definition alone. Inputs and outputs by name; results are
// rounded once, to the output's type.
#pragma once

#include <map>
#include <string>

#include "imbrex/base/array.h"

namespace imbrex::kernels::reference {

using Tensors = std::map<std::string, Array>;

Tensors rms_norm(const Tensors& inputs, double eps);
Tensors layer_norm(const Tensors& inputs, double eps);
Tensors softmax(const Tensors& inputs);
Tensors matmul(const Tensors& inputs);
Tensors gemm_bias_silu(const Tensors& inputs);
Tensors rope_interleaved(const Tensors& inputs);
Tensors rope_half_split(const Tensors& inputs);
Tensors quantize_rows(const Tensors& inputs);
Tensors projections(const Tensors& inputs);

}  // namespace imbrex::kernels::reference
