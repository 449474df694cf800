// Which statements are one step, and of which kind.
#include <fmt/format.h>

#include "imbrex/plan/planner.h"
#include "imbrex/plan/split.h"

namespace imbrex::plan {
namespace {

Copy plan_copy(Planner& planner, const ir::Statement& statement, const std::string& tensor, bool loads) {
  planner.remark(statement.origin, fmt::format("{} of '{}' element by element: the columns of this slice are not contiguous",
                                               loads ? "a load" : "a store", tensor));
  return {&statement};
}

CheckElements plan_check(Planner& planner, const ir::Statement& statement) {
  const auto& assumed = std::get<ir::AssumeElements>(statement.node);
  if (assumed.property == ir::AssumeElements::Property::sorted) return {&statement, std::nullopt};
  const Tile& tile = planner.plan.symbols.tiles.at(assumed.tile);
  const ir::IndexExpr count = ir::mul(tile.rows_in_memory, tile.columns_in_memory);
  return {&statement, planner.allocate(Arena::worker, ir::DType::int32, ir::mul(ir::max(count, ir::constant(1)), ir::constant(4)),
                                       assumed.tile + "_seen", statement)};
}

}  // namespace

Step plan_step(Planner& planner, std::span<const ir::Statement> statements, Arena arena, size_t& count) {
  const ir::Statement& s = statements.front();
  Step step;
  step.checks = checks_of(planner.plan, s);
  count = 1;
  if (row_step(s)) {
    step.what = plan_row_nest(planner, row_group(statements, planner.plan.symbols, count), arena);
    return step;
  }
  if (const auto* assign = std::get_if<ir::Assign>(&s.node)) {
    const auto* into = statements.size() > 1 ? std::get_if<ir::Store>(&statements[1].node) : nullptr;
    if (into && step.checks.empty() && checks_of(planner.plan, statements[1]).empty() &&
        goes_into(planner.plan, *assign, *into)) {
      step.what = plan_product(planner, s, into);
      count = 2;
      return step;
    }
    step.memory = planner.place(assign->name, arena, s);
    const ir::Expr& e = *assign->value;
    if (kind_of(e.op) == ir::OpKind::product) {
      Product product = plan_product(planner, s, nullptr);
      if (!product.panels) product.prefetches = plan_prefetches(planner, statements.subspan(1));
      step.what = std::move(product);
    } else if (is_column_reduction(e.op)) {
      step.what = ColumnReduction{&s};
    } else if (e.op == ir::Op::load) {
      step.what = plan_copy(planner, s, e.name, true);
    } else {
      step.what = Move{&s};
    }
  } else if (const auto* store = std::get_if<ir::Store>(&s.node)) {
    step.what = plan_copy(planner, s, store->tensor, false);
  } else if (std::holds_alternative<ir::Tap>(s.node)) {
    step.what = Tap{&s};
  } else if (std::holds_alternative<ir::AssumeElements>(s.node)) {
    step.what = plan_check(planner, s);
  } else {
    throw InternalError("a statement that is not one step");
  }
  return step;
}

}  // namespace imbrex::plan
