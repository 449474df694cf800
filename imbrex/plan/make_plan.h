// Decides how a program runs on a machine.
//
// Requires:   a verified program.
// Guarantees: a plan of the same meaning (plan.h); the program it is about computes the same, statement by statement.
// Why here:   behind the optimizer, which says what is computed where; before code generation, which prints the plan.
#pragma once

#include "imbrex/plan/plan.h"

namespace imbrex::plan {

// With the program's `tap`s only where they are asked for. UserError "unbounded-tile" where a buffer has no bound that follows
// from the dimensions.
Plan make_plan(const ir::Program& program, const target::Machine& machine, bool taps);

}  // namespace imbrex::plan
