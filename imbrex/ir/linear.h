// Index expressions as sums of products with constants.
#pragma once

#include <cstdint>
#include <vector>

#include "imbrex/ir/index.h"

namespace imbrex::ir {

// constant + the sum of coefficient * atom, where atoms are whatever is no sum and no product with a constant.
struct Linear {
  struct Term {
    int64_t coefficient;
    IndexExpr atom;
  };
  std::vector<Term> terms;
  int64_t constant = 0;
};

// Adds factor * e. False, with the sum spoilt, where a number leaves 64 bits.
bool add_to(Linear& sum, const IndexExpr& e, int64_t factor);

// The same number with like terms added and constant factors multiplied: `T * 4128 * 2 + T * 8` is `T * 8264`. The expression
// itself where a number would leave 64 bits.
IndexExpr combined(const IndexExpr& e);

}  // namespace imbrex::ir
