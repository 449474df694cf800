// The optimizer, from top to bottom: pins read, as written, cut into segments, each dissolved and scheduled.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "imbrex/optimize/defects.h"
#include "imbrex/optimize/exclusions.h"
#include "imbrex/optimize/schedule.h"
#include "imbrex/optimize/segments.h"

namespace imbrex::optimize {

struct Optimized {
  ir::Program program;  // verified; the program as written (lowered) where none of it could be optimized
  bool is_scheduled = false;
  SourceLine where;  // why not, where it is not
  std::string reason;
  std::vector<Exclusion> exclusions;  // scopes that are not optimized with the rest, in the order in which they stand
  std::vector<Choice> choices;
  std::vector<ir::Tensor> dropped;  // temporaries of the original that no longer exist
  int scopes_before = 0, scopes_after = 0;
  Defects defects;     // of the optimizer: what it failed on is as written
  uint64_t steps = 0;  // of its algebra (budget.h)
};

std::optional<std::string> proven_now(const ir::Program& program);

// Requires: a verified program. Guarantees: a verified program that the prover passes and that gives the same bits in every
// output, or the program as written: always where the prover does not pass the author's, whose word is then not to be taken for
// anything. Whatever fails in between costs what it failed on its schedule, and is a defect. UserError: an annotation that means
// nothing.
Optimized optimize(const ir::Program& program, const Machine& machine = target::this_machine(),
                   const Prover& prover = proven_now);

}  // namespace imbrex::optimize
