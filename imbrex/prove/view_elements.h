// Which element of a tensor an element of its view is. Private to prove/.
#pragma once

#include <isl/cpp.h>

#include <cstddef>
#include <string>
#include <vector>

#include "imbrex/prove/affine.h"

namespace imbrex::prove {

// The name of the coordinate along an axis of the view, which no author can write; the tensor's own are element_name() (coordinates.h).
std::string view_element_name(size_t axis);
// The points at which both coordinates are of one element, inside of the tensor: their row-major positions under the two shapes are
// equal. Throws NotAffine where a stride is unknown and the positions on its axis are not at most kMostExpanded.
isl::set same_position(const Frame& frame, const std::vector<ir::IndexExpr>& view, const std::vector<ir::IndexExpr>& base);

}  // namespace imbrex::prove
