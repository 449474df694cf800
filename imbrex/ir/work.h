// How much an operation computes, by its row in the table (Cost in operations.h): the one count of work. `check` reports it,
// estimates are made of it, and the page of a plan shows it.
#pragma once

#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// For each of as many elements as the product of the extents. A multiply-add is two operations.
struct OperationCount {
  int each = 0;   // operations
  int moves = 0;  // elements that are moved alone
  std::vector<IndexExpr> extents;
};

// Of the operation itself, without its operands'.
OperationCount operations_of(const Expr& e);

}  // namespace imbrex::ir
