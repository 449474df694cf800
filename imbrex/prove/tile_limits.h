// How large a tile may be, whatever the dimensions: as large as the interpreter, which defines what a program means, can hold.
#pragma once

#include "imbrex/ir/program.h"

namespace imbrex::prove {

// UserError "tile-too-large" at the first tile of constant size that has more elements.
void check_tile_limits(const ir::Program& program);

}  // namespace imbrex::prove
