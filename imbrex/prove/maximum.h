// The largest value of expressions over a domain, by branch and bound: a box of points whose bound is not above the best point
// found is dropped, others are halved. Exact where it ends within its budget; else a bound from above, and a point below it.
#pragma once

#include <optional>
#include <vector>

#include "imbrex/prove/domain.h"

namespace imbrex::prove {

// One of the expressions of which the largest counts, written in two ways: the value is the same, the bounds may differ.
struct Alternative {
  int as_written, multiplied_out;
};

struct Maximum {
  Domain::Box at;        // the best point found; empty if there is none
  int64_t at_least = 0;  // the value there
  int64_t at_most = 0;   // no point has more; Interval::kNoMost where there is no bound
  bool is_exact() const { return at_least == at_most; }
};

// Of values that are at least 0. Values up to `known` are of no interest: where there is nothing above, both ends are `known`.
Maximum largest(Domain& domain, const std::vector<Alternative>& alternatives, int64_t known, SearchBudget& budget);

// The least value of a variable with which some alternative may exceed `limit`: below it none does. None if none ever does.
std::optional<int64_t> first_above(Domain& domain, const std::vector<Alternative>& alternatives, size_t variable, int64_t limit,
                                   SearchBudget& budget);

}  // namespace imbrex::prove
