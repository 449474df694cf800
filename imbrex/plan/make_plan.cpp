#include "imbrex/plan/make_plan.h"

#include "imbrex/ir/visit.h"
#include "imbrex/plan/assume_each_element.h"
#include "imbrex/plan/dead_values.h"
#include "imbrex/plan/planner.h"
#include "imbrex/plan/split.h"

namespace imbrex::plan {
namespace {

// What a worker's queue of tasks takes, a cache line.

void find_memory_extents(Plan& plan) {
  ir::for_each_statement(plan.program->body, [&](const ir::Statement& s) {
    const auto* assign = std::get_if<ir::Assign>(&s.node);
    if (!assign || !assign->declares) return true;
    Tile& tile = plan.symbols.tiles.at(assign->name);
    tile.rows_in_memory = plan.bounds.elements_along(tile.rows, s);
    tile.columns_in_memory = plan.bounds.elements_along(tile.columns, s);
    return true;
  });
}

int count_assumptions(const ir::Program& program) {
  int count = 0;
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    count += std::holds_alternative<ir::Assume>(s.node);
    return true;
  });
  return count;
}

}  // namespace

Plan make_plan(const ir::Program& program, const target::Machine& machine, bool taps) {
  Plan plan(split(without_dead_values(assume_each_element(program).program, taps)));
  plan.assumptions = count_assumptions(*plan.program);
  find_memory_extents(plan);
  Planner planner(plan, machine);
  plan_layouts(planner);
  planner.packs = find_packs_ahead(planner);
  plan.body = plan_kernel(planner, plan.program->body);
  plan.finishes_streams = planner.may_stream;
  planner.worker.take(ir::constant(kQueueBytes * plan.queues));
  plan.shared_bytes = planner.shared.most();
  plan.worker_bytes = planner.worker.most();
  return plan;
}

}  // namespace imbrex::plan
