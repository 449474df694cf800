// Gives two kernels one interface, so that what they compute can be compared.
#pragma once

#include "imbrex/ir/program.h"

namespace imbrex::equal {

// Kernel B with the dimensions, inputs and outputs of kernel A: matched by name, or by their positions where `by_order`. A tensor
// of the same memory under another shape becomes a view. UserError "not-comparable" says what does not match.
ir::Program with_interface_of(const ir::Program& a, const ir::Program& b, bool by_order);

}  // namespace imbrex::equal
