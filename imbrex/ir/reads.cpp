#include "imbrex/ir/reads.h"

#include <algorithm>

#include "imbrex/ir/visit.h"

namespace imbrex::ir {

bool reads_tile(const Statement& statement, const std::string& tile) {
  const auto lists = [&](const std::vector<Axis>& slice) {
    return std::any_of(slice.begin(), slice.end(),
                       [&](const Axis& axis) { return axis.kind == Axis::Kind::by && axis.tile == tile; });
  };
  bool found = false;
  for_each_expr(statement, [&](const Expr& e) { found = found || (e.op == Op::variable && e.name == tile) || lists(e.slice); });
  if (const auto* store = std::get_if<Store>(&statement.node)) found = found || lists(store->slice);
  if (const auto* elements = std::get_if<AssumeElements>(&statement.node)) found = found || elements->tile == tile;
  if (const auto* assume = std::get_if<Assume>(&statement.node))
    for (const Comparison& comparison : assume->condition)
      found = found || names_in(comparison.left).contains(tile) || names_in(comparison.right).contains(tile);
  return found;
}

}  // namespace imbrex::ir
