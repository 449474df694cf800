// A fault in numbers, at the smallest dimensions where it holds. Private to prove/.
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

// None where the tensor's extents or the elements follow from data. What is never written is shown twice where nothing at all is
// written at the smallest dimensions: the second time at the smallest where something is.
std::vector<Counterexample> counterexamples_of(const Subject& subject, const Fault& fault);

}  // namespace imbrex::prove
