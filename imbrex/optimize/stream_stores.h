// Marks stores that should go past the caches: `@stream`.
//
// Requires:   a verified program.
// Guarantees: the same program, with the annotation on each store to an output that the program does not read and whose rows are
//             whole cache lines, where its plan has a form of the store that goes past the caches. Whether such a tensor is large
//             enough to be kept out of the caches is decided when the kernel runs.
// Why here:   last, when it is settled which tensors are read again; loads of an earlier form may be gone.
#pragma once

#include <set>

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

ir::Program stream_stores(const ir::Program& program);

// The stores with `@stream` that its plan sends past the caches: their numbers among those with `@stream`, in the order of the text.
// UserError where the program has no plan (plan/make_plan.h).
std::set<int64_t> streamed_stores(const ir::Program& program);

}  // namespace imbrex::optimize
