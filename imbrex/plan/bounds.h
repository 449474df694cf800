// How large the extents of a planned program can be where a statement stands: what sizes memory, and where an extent may be
// empty. One service over ir/ranges.h for all that plans and prints.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/ir/place.h"
#include "imbrex/ir/program.h"
#include "imbrex/ir/ranges.h"

namespace imbrex::plan {

class Bounds {
 public:
  // The program must outlive it.
  explicit Bounds(const ir::Program& program);
  // A loop that the plan made, with bounds over dimensions. It is known at each statement from now on, and must stay where it is.
  void add(const ir::Loop& own_loop) { own_loops_[own_loop.variable] = &own_loop; }

  // The values of an extent where the statement stands; of what is never empty only that it is not.
  ir::Range range_of(const ir::IndexExpr& extent, const ir::Statement& statement) const;
  // The elements along an extent where the statement stands: the extent, or 0 where it may be less.
  ir::IndexExpr elements_along(const ir::IndexExpr& extent, const ir::Statement& statement) const;
  // The most that an expression can be where the statement stands, over the dimensions alone; none where they do not bound it.
  std::optional<ir::IndexExpr> upper(const ir::IndexExpr& e, const ir::Statement& statement) const;
  // Whether it holds in every iteration of further loops that stand before the statement.
  bool always(const ir::Comparison& comparison, const ir::Statement& statement, const std::vector<const ir::Loop*>& inside) const;
  // The most bytes, over the dimensions alone and in whole cache lines, that elements of some bytes each can take where the
  // statement stands. UserError "unbounded-tile" where the dimensions do not bound them.
  ir::IndexExpr most_bytes(const ir::IndexExpr& elements, int64_t element_bytes, const ir::Statement& statement) const;

 private:
  ir::Ranges ranges_at(const ir::Statement& statement, const std::vector<const ir::Loop*>& inside = {}) const;

  const ir::Program& program_;
  std::map<const ir::Statement*, ir::Place> places_;  // what holds before each statement
  std::map<std::string, const ir::Loop*> own_loops_;
};

}  // namespace imbrex::plan
