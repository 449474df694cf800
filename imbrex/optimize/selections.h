// Products with a matrix that selects: one that the kernel makes itself, with at most one number in each column that is not zero,
// such as select(eq(transpose(iota(32)), 2 * iota(16)), 1, 0). Such a product is the element that it selects, where every other
// product is a zero that changes no sum:
//   - of bytes, always: the element, or a small multiple of it;
//   - of bf16 and f32 only where all elements are bytes that were cast (finite, not subnormal, no -0) and the number is 1. Else
//     infinity times zero is NaN, -0 plus 0 is +0, and bf16 products take subnormals as zero.
#pragma once

#include "imbrex/optimize/terms.h"

namespace imbrex::optimize {

// The term with what such products select in their place, those inside definitions too. Requires the ranges of all names in it.
TermId with_selections(Terms& terms, TermId term);

}  // namespace imbrex::optimize
