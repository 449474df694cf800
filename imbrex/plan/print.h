// A plan as a page to read, in order of time: `imbrex show NAME --plan`. The generated code does what it says, line by line.
#pragma once

#include <string>

#include "imbrex/plan/plan.h"

namespace imbrex::plan {

std::string print(const Plan& plan, const target::Machine& machine);

}  // namespace imbrex::plan
