// Inputs that a command makes itself.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "imbrex/tools/subject.h"

namespace imbrex::tools {

// Seeded: those of the kernel's entry, or inputs such that what the program assumes of them holds. UserError "no-inputs", with the
// assumption, if none are found for which it does; "out-of-memory".
Tensors made_inputs(const Subject& subject, const std::map<std::string, int64_t>& dims, uint64_t seed);

}  // namespace imbrex::tools
