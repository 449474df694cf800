// The `parallel` loops that are one phase: a loop and those it nests perfectly, through scopes, with bounds that are the same in
// all iterations of the loops around them.
#pragma once

#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::plan {

struct ParallelNest {
  std::vector<const ir::Loop*> loops;        // outermost first
  std::vector<const ir::Statement*> scopes;  // between them, outermost first
};

ParallelNest parallel_nest(const ir::Loop& outermost);

}  // namespace imbrex::plan
