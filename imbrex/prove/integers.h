// No index expression leaves 64 bits, for any legal value of dimensions and data ("index-overflow"), and no loop runs a constant
// number of times that no machine finishes ("endless-loop").
#pragma once

#include "imbrex/prove/subject.h"

namespace imbrex::prove {

// Loops of constant numbers of iterations, one inside the other, that run this often together take days even at a nanosecond
// each.
inline constexpr int64_t kEndlessTrips = int64_t{1} << 48;

Findings check_integers(const Subject& subject);

}  // namespace imbrex::prove
