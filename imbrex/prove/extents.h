// An extent below 1 means no element, for slices, loops and tensors alike. Where numbers of elements are computed from extents
// (the parts of a `concat`, both shapes of a `view` or a `reshape`), a negative one would count as it stands: there it is an
// error
// ("negative-extent").
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

Findings check_extents(const Subject& subject);

}  // namespace imbrex::prove
