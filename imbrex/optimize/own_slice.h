// What a slice of a view is as a slice of the tensor itself.
#pragma once

#include <optional>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/optimize/affine.h"

namespace imbrex::optimize {

// The slice of a tensor of `shape` that has the elements which `slice` has of a row-major view of it under `view_shape`: columns
// 8 * h + 6 +: 2 of a view [T, 32] are columns 6 +: 2 of row h where the tensor is [T, 4, 8]. None where they are no such slice.
std::optional<std::vector<ir::Axis>> own_slice(const std::vector<ir::Axis>& slice, const std::vector<ir::IndexExpr>& view_shape,
                                               const std::vector<ir::IndexExpr>& shape, const Ranges& ranges);

}  // namespace imbrex::optimize
