// The optimizer, from top to bottom: pins read, as written, cut into segments, each dissolved and scheduled.
#pragma once

#include <string>
#include <vector>

#include "imbrex/optimize/apart.h"
#include "imbrex/optimize/schedule.h"

namespace imbrex::optimize {

struct Optimized {
  ir::Program program;  // verified; the program as written (lowered) where none of it could be optimized
  bool is_scheduled = false;
  SourceLine where;  // why not, where it is not
  std::string reason;
  std::vector<Apart> apart;  // scopes that are not optimized with the rest, in the order in which they stand
  std::vector<Choice> choices;
  std::vector<ir::Tensor> dropped;  // temporaries of the original that no longer exist
  int scopes_before = 0, scopes_after = 0;
};

// Requires: a verified program that the prover passes. Guarantees: the same bits in every output.
Optimized optimize(const ir::Program& program, const Machine& machine = host_machine());

}  // namespace imbrex::optimize
