#include "imbrex/ir/visit.h"
#include "imbrex/plan/listed_rows.h"
#include "imbrex/plan/planner.h"

namespace imbrex::plan {

std::vector<SliceCheck> checks_of(const Plan& plan, const ir::Statement& statement) {
  using ir::Compare;
  const Symbols& symbols = plan.symbols;
  std::vector<SliceCheck> checks;
  const auto inside = [&](const std::string& tensor, const std::vector<ir::Axis>& slice) {
    for (size_t i = 0; i < slice.size(); ++i) {
      const ir::Axis& axis = slice[i];
      if (axis.kind == ir::Axis::Kind::by) continue;
      if (!symbols.depends_on_data(axis.begin) && !symbols.depends_on_data(axis.size)) continue;
      const ir::IndexExpr end = ir::add(axis.begin, axis.size), extent = symbols.tensors.at(tensor).shape[i];
      if (ir::constant_value(axis.begin).value_or(-1) < 0)
        checks.push_back({{axis.begin, Compare::ge, ir::constant(0)}, std::nullopt});
      if (!ir::same(end, extent)) checks.push_back({{end, Compare::le, extent}, std::nullopt});
    }
  };
  ir::for_each_expr(statement, [&](const ir::Expr& e) {
    if (e.op != ir::Op::load) return;
    inside(e.name, e.slice);
    for (size_t i = 0; i < e.slice.size(); ++i)
      if (may_list_nothing(symbols, e.name, e.slice, i))
        checks.push_back({{symbols.tensors.at(e.name).shape[i], Compare::gt, ir::constant(0)},
                          ir::Comparison{e.slice[i].size, Compare::le, ir::constant(0)}});
  });
  if (const auto* store = std::get_if<ir::Store>(&statement.node)) inside(store->tensor, store->slice);
  return checks;
}

}  // namespace imbrex::plan
