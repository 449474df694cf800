// The value of a tile expression, element by element: a term over the row .r and the column .c of its tile.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/optimize/stored_values.h"

namespace imbrex::optimize {

class Values {
 public:
  Values(Terms& terms, StoredValues& stored) : terms_(terms), stored_(stored) {}

  std::map<std::string, TermId> variables;   // tile variables in scope
  std::map<std::string, Makings> histories;  // of these (Terms::history)
  // Definitions that reduce over a part whose size a sequential loop decides: only all parts together have a size of their own.
  std::map<int, Refused> parts_of_loops;
  // Whether a sum or product that continues from this value is one that a loop carries (carried.h).
  std::function<bool(TermId)> goes_on = [](TermId) { return false; };

  // Throws Refused.
  TermId evaluate(const ir::ExprPtr& e);

 private:
  TermId evaluate_here(const ir::ExprPtr& e);
  TermId evaluate_continued(const ir::ExprPtr& e);
  TermId moved(const ir::ExprPtr& arg, const ir::IndexExpr& row, const ir::IndexExpr& column, const ir::ExprPtr& result);
  TermId evaluate_elementwise(const ir::ExprPtr& e);
  TermId evaluate_concat(const ir::ExprPtr& e);
  TermId reduced(Reduction reduction, const ir::Expr& e, const ir::IndexExpr& extent, std::vector<TermId> body);
  TermId evaluate_reduction(const ir::Expr& e);
  TermId evaluate_matmul(const ir::Expr& e);

  Terms& terms_;
  StoredValues& stored_;
};

}  // namespace imbrex::optimize
