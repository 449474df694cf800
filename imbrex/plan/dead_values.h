// Drops tile variables that nothing reads, and `tap` where taps are not compiled in.
//
// Requires: a verified program.
// Guarantees: the same outputs, and the same checks of accesses that data decides: a value whose computation may fail stays.
// Why here: before statements are split, so that what only a dropped value needs goes with it.
#pragma once

#include "imbrex/ir/program.h"

namespace imbrex::plan {

ir::Program without_dead_values(const ir::Program& program, bool keeps_taps);

}  // namespace imbrex::plan
