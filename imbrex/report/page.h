// A kernel as a page to look at: one HTML file that needs nothing else, readable without its script, light and dark.
//
// Everything on it comes from the objects that the commands print: the prover's report (`check --json`), the translation
// (`explain`, `emit`, `show`), the estimates of its scopes, and the tensors that are gone and kept (`run --json`).
#pragma once

#include <functional>
#include <map>
#include <string>

#include "imbrex/ir/program.h"
#include "imbrex/target/rates.h"

namespace imbrex::report {

struct PageOptions {
  std::string name;         // of the kernel, as it was asked for
  std::string description;  // "variant fused, preset demo"
  target::Machine machine;
  std::map<std::string, int64_t> dims;  // a value for each: for bytes, estimates and times
  // Seconds by scope, of runs at these dimensions; asked of a kernel that is proven. Unset: not measured.
  std::function<std::map<std::string, double>()> measure;
};

// Of any program that verifies: one that is refused is shown with its counterexamples. UserError where it means nothing.
std::string page_of(const ir::Program& program, const PageOptions& options);
// The same in a few lines, for notebooks: a piece of HTML without styles of its own but sizes. What is proven or why it is refused, what
// the optimizer made of it, and the estimate.
std::string card_of(const ir::Program& program, const PageOptions& options);

}  // namespace imbrex::report
