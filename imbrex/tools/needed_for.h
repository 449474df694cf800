// A part of a program.
#pragma once

#include <set>
#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::tools {

// The same program without what none of these tensors needs: it stores the same to them, and has no other outputs. Assumptions and
// taps are left out. What it reads and writes (inout) is among them or stays as it was.
ir::Program needed_for(const ir::Program& program, const std::set<std::string>& tensors);

}  // namespace imbrex::tools
