// Which executions of two accesses come first. Private to prove/.
#pragma once

#include <isl/cpp.h>

#include <cstddef>

#include "imbrex/prove/access.h"

namespace imbrex::prove {

// The number of binders that two accesses share.
size_t common_binders(const Access& a, const Access& b);
// Over [binders of `later`, elements]: the part of `later` for which some execution of `earlier`, before it in program order,
// touches the same element of the same tensor.
isl::set preceded(const isl::set& later_set, const Access& later, const isl::set& earlier_set, const Access& earlier);
// The part of `earlier` after which some execution of `later` touches the same element.
isl::set followed(const isl::set& earlier_set, const Access& earlier, const isl::set& later_set, const Access& later);

}  // namespace imbrex::prove
