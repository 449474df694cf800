// Edits of programs that change what they compute, unless the program makes no use of it.
#pragma once

#include <optional>
#include <string>

#include "rewrites.h"

namespace imbrex::attack {

struct Mutated {
  std::string edit;
  ir::Program program;  // parsed from its own text; verified
  std::string text;
};
// One edit, drawn by the seed; none where it does not apply.
std::optional<Mutated> mutated(const ir::Program& program, uint64_t seed);

}  // namespace imbrex::attack
