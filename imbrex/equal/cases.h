// A kernel that goes different ways for different dimensions, as one kernel for each way.
#pragma once

#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::equal {

struct Case {
  ir::Condition where;  // on dimensions
  ir::Program program;
};

// The cases cover all dimensions, and no two hold together. A branch inside a loop, or on more than dimensions, stays; so do all
// where there would be more than a few cases.
std::vector<Case> cases_of(const ir::Program& program);

}  // namespace imbrex::equal
