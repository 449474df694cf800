// An assumption about the elements of a tile becomes one about an index that is read from each of them.
//
// Requires: a verified program. Guarantees: the same assumptions, in the same order; none names a tile. Destroys: nothing. Stands
// first: the passes behind it, and code generation, see a tile stored, and indices read and assumed about, as an author could
// have written.
#pragma once

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

ir::Program assume_each_element(const ir::Program& program);

}  // namespace imbrex::optimize
