// What integers of all sizes can be: whether conditions can hold at all, and whether boxes leave nothing out.
#pragma once

#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::prove {

// False only where it is shown that no legal values of these dimensions, and no integers for the `free` names, fulfil all of
// `conditions`. Other names must not occur in them. A condition that is not affine is taken for one that may hold.
bool can_hold(const std::vector<ir::Dim>& dims, const ir::Condition& conditions, const std::vector<std::string>& free = {});

// The places least[d] + step[d] * i[d] with 0 <= i[d] < count[d] along each axis d. Ends along one axis may have the names of the
// i along others.
struct Box {
  std::vector<ir::IndexExpr> least, count;
  std::vector<int64_t> step;
};

// True only where it is shown that each place of a tensor of this shape lies in one of the boxes, for all dimensions that fulfil
// `conditions`. `names` are those of i[0], i[1], ...
bool cover(const std::vector<ir::Dim>& dims, const ir::Condition& conditions, const std::vector<ir::IndexExpr>& shape,
           const std::vector<Box>& boxes, const std::vector<std::string>& names);

}  // namespace imbrex::prove
