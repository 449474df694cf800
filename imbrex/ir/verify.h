// Is this a tile program? What every folder below may rely on without looking: names are unique and used in their scope, slices
// have their tensor's rank, stores and rebindings keep shape and type, parallel loops carry no tile, every output is stored to,
// sums and products accumulate as docs/semantics.md allows, and the text of the program parses back to it. What needs arithmetic
// over all sizes (bounds, coverage, races) is the prover's.
#pragma once

#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// All findings, in the order of the program; empty if it is well formed.
std::vector<Diagnostic> verify(const Program& program);
// Throws UserError with all findings.
void verify_or_throw(const Program& program);

}  // namespace imbrex::ir
