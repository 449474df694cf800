// What no option takes, whichever command has it.
#pragma once

#include <CLI/CLI.hpp>

namespace imbrex::tools {

// Lets all options and arguments of the commands added so far refuse, by a UserError "option-value", an empty text and an integer
// beyond their type, which CLI11 takes for the nearest or, where the type has no sign, counts from its end.
void refuse_odd_values(CLI::App& app);

}  // namespace imbrex::tools
