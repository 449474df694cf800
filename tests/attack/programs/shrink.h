// Smaller programs that fail in the same way, for whoever mends the compiler.
#pragma once

#include <string>

#include "attack.h"

namespace imbrex::attack {

// Writes `folder`/<generator>-<seed>.tile: the smallest program found, what it does in comments above it.
void write_smallest(const std::string& folder, const std::string& generator, const Outcome::Found& found);

}  // namespace imbrex::attack
