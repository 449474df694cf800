// Which target's code is made, and for machines of which speed, as the command line says it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "imbrex/target/rates.h"

namespace imbrex::tools {

struct MachineOptions {
  std::string isa, machine;

  // --isa and --machine, whose help names what there is.
  void add_to(CLI::App& command);
  // To run on this machine. UserError "unknown-isa", "unsupported-isa", "machine-file".
  target::Machine to_run() const;
  // To look at: the target may be one that this machine lacks. UserError "unknown-isa", "machine-file".
  target::Machine to_read() const;
};

// "scalar, ...": targets that code is generated for, or machine classes.
std::string names_of_targets();
std::string names_of_machines();
// The target that code is generated for, as the command line names it. UserError "unknown-isa".
const target::Target& known_target(const std::string& name, bool to_run = false);
// The name of a target that kernels are judged against, if it is one. UserError "unknown-target".
const std::string& known_judged_target(const std::string& name);

}  // namespace imbrex::tools
