// Rows and columns that a tile lists.
#pragma once

#include <string>
#include <vector>

#include "imbrex/plan/symbols.h"

namespace imbrex::plan {

// Whether an axis is listed by a tile, and may have no element that could be read in the place of one that does not exist.
bool may_list_nothing(const Symbols& symbols, const std::string& tensor, const std::vector<ir::Axis>& slice, size_t axis);

}  // namespace imbrex::plan
