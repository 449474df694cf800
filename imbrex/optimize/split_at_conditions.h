// A loop whose body asks which iteration it is becomes loops that need not ask: `range k in 0 .. 5 { if k == 0 { A } else { B }
// }` is A with k = 0 and then a loop over 1 .. 5 of B.
#pragma once

#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/optimize/affine.h"

namespace imbrex::optimize {

// Loops that together do what `loop` does, in its order, each without one comparison that `loop` makes with its variable. Empty
// where it makes none, or none that divides its iterations at one or two places.
std::vector<ir::Loop> split_at_condition(const ir::Loop& loop, const Ranges& ranges);

}  // namespace imbrex::optimize
