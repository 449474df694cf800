// How much of a tensor passes from one scope to another. Private to prove/.
#pragma once

#include "imbrex/prove/quantity.h"
#include "imbrex/prove/subject.h"

namespace imbrex::prove {

// Bytes of the elements in `part`, a set over [binders of `access`, elements] of those that it touches. Each element counts once,
// those of a tensor created inside loops once for each iteration. Exact for boxes; else "at most" the box around them.
Quantity bytes_exchanged(const Subject& subject, const Access& access, const isl::set& part);

// The part with its binders reduced to the loops that number instances of the tensor: parts of all accesses to one tensor can
// then be united.
isl::set by_instance(const Access& access, const isl::set& part);

}  // namespace imbrex::prove
