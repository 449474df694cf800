// Whether conditions on dimensions can hold at all.
#pragma once

#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::prove {

// False only where it is shown that no legal values of these dimensions, and no integers for the `free` names, fulfil all of
// `conditions`. Other names must not occur in them. A condition that is not affine is taken for one that may hold.
bool can_hold(const std::vector<ir::Dim>& dims, const ir::Condition& conditions, const std::vector<std::string>& free = {});

}  // namespace imbrex::prove
