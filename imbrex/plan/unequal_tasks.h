// Whether the tasks of a phase take unequal times, as rows of a causal kernel do, or experts with tokens of their own.
#pragma once

#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::plan {

// `nest`: the loops whose iterations are the tasks, outermost first. True if a loop inside has as many iterations, or a branch is
// taken, as the task's number or data say. That the last tile is smaller does not count.
bool has_unequal_tasks(const std::vector<const ir::Loop*>& nest);

}  // namespace imbrex::plan
