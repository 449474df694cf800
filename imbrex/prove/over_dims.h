// Ends of an expression as expressions over dimensions alone, for reports: the loops' variables are at the first or the last of
// their iterations.
#pragma once

#include "imbrex/prove/affine.h"

namespace imbrex::prove {

// In no iteration is it larger. None where no such expression is found, as for an index read from data.
std::optional<ir::IndexExpr> most_over_loops(const ir::IndexExpr& e, const ir::Program& program, const LoopsByName& loops);

// From its form alone: true where it is not negative for any dimensions and iterations.
bool is_never_negative(const ir::IndexExpr& e, const ir::Program& program, const LoopsByName& loops);
// An empty span may have a negative size, and touches nothing.
ir::IndexExpr length(const ir::IndexExpr& e, const ir::Program& program, const LoopsByName& loops);

}  // namespace imbrex::prove
