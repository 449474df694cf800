// Schedules for ranges of a dimension. What is best for a few rows need not be for thousands: another plan is made for such sizes
// where the cost model says that it is clearly faster there, and the program chooses:
//
//   if T <= 16 { plan } else { plan }
//
// Requires:   what schedule() requires.
// Guarantees: what it guarantees, in each branch; the branches together are every size, which the prover shows again. One plan, without a branch, where one is enough: for most programs.
// Why here:   above schedule(), which makes one plan for the typical size, and below the cutting into segments.
#pragma once

#include "imbrex/optimize/schedule.h"

namespace imbrex::optimize {

std::variant<Scheduled, NotDissolved> schedule_for_ranges(const ir::Program& original, const Dissolved& dissolved,
                                                          const Machine& machine, const ScheduleConstraints& around);

}  // namespace imbrex::optimize
