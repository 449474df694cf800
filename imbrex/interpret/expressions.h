// The values of tile expressions.
#pragma once

#include "imbrex/interpret/access_watch.h"
#include "imbrex/interpret/state.h"

namespace imbrex::interpret {

// Operands before the operation, from left to right. Leaves State::origin at the operation that was computed last.
TilePtr evaluate(State& state, AccessWatch& watch, const ir::ExprPtr& e);

}  // namespace imbrex::interpret
