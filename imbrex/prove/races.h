// No two iterations of a `parallel` loop touch one element of one tensor if one of them writes it ("parallel-conflict"). Tensors
// that are created in the loop's body are private to the iteration. Every pair of accesses is decided, through views, for every
// value of the dimensions; rows stored by an index tile conflict unless the indices are declared distinct before the loop, without exception.
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

Findings check_races(const Subject& subject);

}  // namespace imbrex::prove
