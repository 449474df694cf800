// A plan as a page to read, in order of time: `imbrex show NAME --plan`. The generated code does what it says, line by line.
#pragma once

#include <string>

#include "imbrex/plan/plan.h"

namespace imbrex::plan {

std::string print(const Plan& plan, const target::Machine& machine);
// The page's line of a phase, "phase 2: t in tiles of 72 of T; idle workers steal", which stands above its function, too.
std::string line_of(const Phase& phase);

}  // namespace imbrex::plan
