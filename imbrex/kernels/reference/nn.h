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
Tensors softmax(const Tensors& inputs, double eps);  // eps is not used by those below
Tensors matmul(const Tensors& inputs, double eps);
Tensors gemm_bias_silu(const Tensors& inputs, double eps);
Tensors rope_interleaved(const Tensors& inputs, double eps);
Tensors rope_half_split(const Tensors& inputs, double eps);
Tensors quantize_rows(const Tensors& inputs, double eps);
Tensors projections(const Tensors& inputs, double eps);

}  // namespace imbrex::kernels::reference
