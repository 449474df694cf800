// Brings each marked statement (exclusions.h) to the top level of the program, in copies of the scopes and parallel loops around it,
// so that what stands before it and behind it can be optimized without it.
//
//   parallel t { A  B @marked  C }   ->   parallel t { A }   parallel t_2 { B } @marked   parallel t_3 { C }
//
// Requires:   a verified program whose `parallel` loops are proven.
// Guarantees: the same bits: iterations of a parallel loop do not depend on each other, so that one part may run in all of them
//             before the next part does.
// Destroys:   the one loop around several scopes.
//
// A marked statement that shares a tile, an index or a tensor of the iteration's own with its neighbours takes them along, as
// does one inside a sequential loop or a branch; all of it is then kept as written, and the mark's reason says so.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "imbrex/optimize/exclusions.h"

namespace imbrex::optimize {

// `taken`: names that the program does not have and must not get.
ir::Program isolate(const ir::Program& program, std::vector<Exclusion>& exclusions, const std::set<std::string>& taken = {});

}  // namespace imbrex::optimize
