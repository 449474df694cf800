// Index tiles that count: iota, and what differs from it by its sign and by a number, as the last row first, `int32(T - 1) -
// iota(T)`. They take a range of rows, each once, as surely as a slice does. Private to prove/.
#pragma once

#include "imbrex/prove/access.h"

namespace imbrex::prove {

// Notes on each axis that takes rows by such a tile where they begin.
void find_counted_tiles(const ir::Program& program, Accesses& accesses);

}  // namespace imbrex::prove
