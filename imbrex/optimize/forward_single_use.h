// A tile that is made once and used once, later in the same block, becomes a part of the expression that uses it.
//
// Requires: a verified program. Guarantees: the same operations in the same order of rounding: nothing is computed twice, and
// nothing moves past a store to a tensor that it loads or past a rebinding of a tile that it reads, nor into or out of a loop, a
// branch or a scope. Destroys: the tile's name. Stands last: the expressions of the result are what code generation fuses.
#pragma once

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

ir::Program forward_single_use(const ir::Program& program);

}  // namespace imbrex::optimize
