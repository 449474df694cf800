// `if k.index == 0 { acc = matmul(a, b) } else { acc = matmul_acc(acc, a, b) }` in a loop over k becomes zeros before the loop
// and matmul_acc in it; likewise row_sum and col_sum.
//
// Requires: a verified program. Guarantees: the same bits: a product or sum starts at zero (docs/semantics.md). Destroys: the
// value that the accumulator had before the loop, which the first iteration overwrites; so the loop must be known to run at least
// once, unless that value is +0. Zeros that start a row_sum_acc become +0, which they mean. Stands first: afterwards accumulators
// have one form, the one that unchunk_loops recognises.
#pragma once

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

ir::Program merge_peeled_first_step(const ir::Program& program);

}  // namespace imbrex::optimize
