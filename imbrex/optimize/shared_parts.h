// What several tensors need alike of each element, and is worth computing once: they stand in one scope, where a tile holds it.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "imbrex/optimize/dissolve.h"

namespace imbrex::optimize {

// How many operations compute a term, those of its operands included and counted at each use; no reduction's. What is loaded is as
// cheap as a tile that holds it, and so is a conversion that rounds nothing; functions, and roundings to e4m3, take several.
class OperationCounts {
 public:
  explicit OperationCounts(const Terms& terms) : terms_(terms) {}
  int of(TermId term) const;

 private:
  const Terms& terms_;
  mutable std::map<TermId, int> known_;
};

// Fewer are computed again in less time than they are stored and loaded.
constexpr int kOperationsWorthHolding = 2;

// The parts that are worth it of what is stored, where one expression is all of it, and of what the reductions along its rows,
// `definitions`, go over. All are terms over the coordinates of a tensor of this shape, so that equal ones are the same.
std::set<TermId> parts_worth_holding(Terms& terms, const std::vector<ir::IndexExpr>& shape,
                                     const std::vector<OutputPiece>& pieces, const std::set<int>& definitions);

}  // namespace imbrex::optimize
