// Every access lies inside its tensor ("out-of-bounds"), for every value of the dimensions and every iteration in which the slice
// is not empty. An access whose place is read from data needs an `assume` that keeps it inside ("undecidable" where there is
// none).
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

Findings check_bounds(const Subject& subject);

}  // namespace imbrex::prove
