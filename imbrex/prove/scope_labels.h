// What scopes are called in reports and graphs: names need not differ, labels do. Private to prove/.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::prove {

// Of every `at` in program order: its name where no other has it, else with its line or, as that need not differ either, a
// number.
std::vector<std::pair<const ir::At*, std::string>> scope_labels(const ir::Program& program);

}  // namespace imbrex::prove
