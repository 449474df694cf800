// The part of verify.h about sums and products that continue. See "Sums" and "Matrix products" in docs/semantics.md.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// Tile variables that some f32 row_sum_acc continues. One that is assigned zeros, of either sign, holds +0: the sum of nothing.
std::set<std::string> row_sum_accumulators(const Program& program);

// An f32 row_sum_acc stands only as `s = row_sum_acc(s, x)`, and such an `s` is assigned zeros, a row_sum or that, nothing else.
void check_sums(const Program& program, std::vector<Diagnostic>& findings);
// A bf16 product is continued only behind chunks of k that are multiples of 32.
void check_products(const Program& program, std::vector<Diagnostic>& findings);

}  // namespace imbrex::ir
