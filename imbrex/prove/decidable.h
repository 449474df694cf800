// Puts every access in affine terms. One that cannot be is an error ("undecidable") that names the part that stands in the way
// and what would make it decidable; the other checks pass its tensor over.
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

Findings find_undecidable(Subject& subject);
// The diagnostic for an access that cannot be decided because of `culprit`.
Diagnostic undecidable(const Subject& subject, const Access& access, const ir::IndexExpr& culprit);
// For a tensor of which it cannot be said what elements it has.
Diagnostic undecidable(const Subject& subject, const Memory& memory, const ir::IndexExpr& culprit);
// Where an axis cannot be put in affine terms, its ends may still be known to lie inside the tensor, as those of `i % N` below N.
bool ranges_show_inside(const Subject& subject, const Access& access, size_t axis);

}  // namespace imbrex::prove
