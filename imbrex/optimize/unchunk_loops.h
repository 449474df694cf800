// A range or pipeline over tiles of an axis whose body works on that axis chunk by chunk becomes its body over the whole axis: a
// K-loop of matmul_acc one product, chunked row_sum_acc one sum, chunked elementwise work whole rows. The chunks may be a window
// of the axis, `h * 512 + d.begin +: d.size`, and may be numbered by integers, `i * 64 +: 64` (chunks_as_tiles). Inner loops go
// first.
//
// Requires: a verified program. Guarantees: the same bits: chunking is not meaning (docs/semantics.md), and the conditions below
// make iterations independent but for what they accumulate. Destroys: the loop, with its annotations. Stands behind
// merge_peeled_first_step, which gives accumulators their one form, and before forward_single_use, which then sees straight code.
//
// A loop stays as written if its body has anything but tiles and stores (another loop, a branch, a scope, a tensor of its own, an
// index from data, a tap), uses the span otherwise than as a whole axis, carries a tile in another way than by row_sum_acc,
// col_sum_acc, matmul_acc, or a max or min of reductions, or touches a tensor that it stores to at another place than the
// iteration's own chunk; or if no dimension bounds its extent, so that a tile of all chunks might find no room. `@as_written`
// pins a loop or everything in a scope.
#pragma once

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

ir::Program unchunk_loops(const ir::Program& program);

}  // namespace imbrex::optimize
