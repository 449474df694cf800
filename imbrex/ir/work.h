// How much an operation computes: the one count of work. `check` reports it, estimates are made of it.
#pragma once

#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// `each` times the product of the extents. A multiply-add is two operations; what only moves elements, or makes them from nothing,
// is none.
struct OperationCount {
  int each = 0;
  std::vector<IndexExpr> extents;
};

// Of the operation itself, without its operands'.
OperationCount operations_of(const Expr& e);

}  // namespace imbrex::ir
