// Which target's code is run, written or measured, as the command line says it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "imbrex/target/target.h"

namespace imbrex::tools {

// The option --isa, whose help names what there is.
void add_isa(CLI::App& command, std::string& name);
// The target that code is generated for, as the command line names it. UserError "unknown-isa".
const target::Target& known_target(const std::string& name);
// The same, or the best of this machine for "". UserError "unknown-isa", "unsupported-isa".
const target::Target& host_target(const std::string& name);
}  // namespace imbrex::tools
