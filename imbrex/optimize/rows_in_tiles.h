// Lays the left operands of products out as tile registers load them: `@tiles` on the tensor's creation.
//
// Requires:   a verified program, and which kinds of products run on tile registers (target/target.h).
// Guarantees: the same meaning. A tensor of bytes or bf16 that such products read by whole rows, from multiples of sixteen on,
//             gets a copy with `@tiles`, which is stored where the tensor is stored, from the same values, and which those
//             products read. A temporary that nothing else reads gets no copy, but the annotation.
// Why here:   last, when it is settled which products read what; before weights are packed, as those are right operands alone.
#pragma once

#include "imbrex/plan/rows_in_tiles.h"

namespace imbrex::optimize {

ir::Program rows_in_tiles(const ir::Program& program, const plan::TakesTiles& takes_tiles);

}  // namespace imbrex::optimize
