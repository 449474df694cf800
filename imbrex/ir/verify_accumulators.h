// The part of verify.h about sums and products that continue. See "Sums" and "Matrix products" in docs/semantics.md.
#pragma once

#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// An f32 row_sum_acc stands only as `s = row_sum_acc(s, x)`, and such an `s` is assigned zeros, a row_sum or that, nothing else.
void check_sums(const Program& program, std::vector<Diagnostic>& findings);
// A bf16 product is continued only behind chunks of k with an even number of elements.
void check_products(const Program& program, std::vector<Diagnostic>& findings);

}  // namespace imbrex::ir
