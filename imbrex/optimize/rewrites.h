// The rewrites of operations that hold for every value, to the bit: NaN, infinities, zeros of both signs and wrapping integers
// included (docs/semantics.md). docs/optimizing.md lists them, tests/correct/optimize/rewrites.cpp tries them on such values.
#pragma once

#include <vector>

#include "imbrex/optimize/terms.h"

namespace imbrex::optimize {

// The operation in a simpler form, or kNoTerm where no rewrite applies.
TermId rewritten(Terms& terms, ir::Op op, DType dtype, const std::vector<TermId>& args);

// What a chain of maxima (or of minima) is over, where `op` is max or min: it has no order. Empty for other operations and for
// long chains.
std::vector<TermId> extremum_leaves(const Terms& terms, ir::Op op, const std::vector<TermId>& args);

}  // namespace imbrex::optimize
