// A kernel as a page to look at: one HTML file that needs nothing else, readable without its script, light and dark.
//
// Everything on it comes from the objects that the commands print: the prover's report (`check --json`), the translation
// (`explain`, `emit`, `show`), the estimates of its scopes, and the tensors that are gone and kept (`run --json`).
#pragma once

#include <map>
#include <string>

#include "imbrex/ir/program.h"
#include "imbrex/target/rates.h"

namespace imbrex::report {

struct PageOptions {
  std::string name;         // of the kernel, as it was asked for
  std::string description;  // "variant fused, preset demo"
  target::Machine machine;
  std::map<std::string, int64_t> dims;     // a value for each: for bytes, estimates and times
  std::map<std::string, double> measured;  // seconds by scope, of a run at these dimensions; empty: not measured
};

// Of any program that verifies: one that is refused is shown with its counterexamples. UserError where it means nothing.
std::string page_of(const ir::Program& program, const PageOptions& options);

}  // namespace imbrex::report
