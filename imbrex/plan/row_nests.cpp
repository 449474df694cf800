// How a group of row steps runs: in which stages and passes, and what of its tiles is in memory.
#include <algorithm>
#include <set>

#include "imbrex/ir/visit.h"
#include "imbrex/plan/planner.h"
#include "imbrex/plan/split.h"

namespace imbrex::plan {
namespace {

using ir::DType;
using ir::Expr;
using ir::Op;
using Kind = RowStep::Kind;

constexpr int64_t kPair = 32;
// Dividing by a reciprocal pays once there are some columns.
constexpr int64_t kFewColumns = 64;

bool stores_listed_rows(const RowGroup& group) {
  const auto* store = std::get_if<ir::Store>(&group.loops.front().steps.front().statement->node);
  return store && std::any_of(store->slice.begin(), store->slice.end(),
                              [](const ir::Axis& axis) { return axis.kind == ir::Axis::Kind::by; });
}

class NestPlanner {
 public:
  NestPlanner(Planner& planner, const RowGroup& group, Arena arena)
      : planner_(planner), symbols_(planner.plan.symbols), group_(group), arena_(arena) {}

  RowNest run() {
    nest_.rows = group_.rows;
    nest_.one_row = ir::is_one(group_.rows) && !stores_listed_rows(group_);
    nest_.all_rows_at_once = symbols_.at_most(group_.rows, kRowsOfStage);
    find_stages();
    place_tiles();
    // What outlives the nest stands before its branch.
    std::stable_partition(nest_.memory.begin(), nest_.memory.end(), [](const TileMemory& each) {
      return each.kind == TileMemory::Kind::whole || each.kind == TileMemory::Kind::lanes;
    });
    for (size_t i = 0; i < group_.loops.size(); ++i) nest_.stages[stage_of_[i]].push_back(pass(group_.loops[i], stage_of_[i]));
    for_each_step([&](size_t, const RowStep& step) {
      planner_.streams(*step.statement);
      ir::for_each_expr(step.value, [&](const Expr& e) {
        const auto columns = symbols_.fixed(e.columns);
        if (e.op == Op::div && e.dtype == DType::f32 && ir::is_one(e.args[1]->columns) && (!columns || *columns > kFewColumns))
          nest_.reciprocals.insert(&e);
      });
    });
    return std::move(nest_);
  }

 private:
  template <class Visit>
  void for_each_step(Visit visit) const {
    for (size_t i = 0; i < group_.loops.size(); ++i)
      for (const RowStep& step : group_.loops[i].steps) visit(i, step);
  }

  // Row reductions have a long latency (a fold of lanes, a square root, a division): their consumers are a stage of their own, and
  // each stage runs over a few rows, so that reductions overlap and what a stage hands over is still in L1.
  void find_stages() {
    size_t stage = 0;
    bool is_reduced = false;
    for (const ColumnLoop& loop : group_.loops) {
      if (is_reduced && !loop.is_single() && !nest_.one_row) {
        ++stage;
        is_reduced = false;
      }
      stage_of_.push_back(stage);
      for (const RowStep& step : loop.steps) is_reduced = is_reduced || (step.kind == Kind::row_reduction && !loop.is_single());
    }
    nest_.stages.resize(stage + 1);
  }

  // Decides for each tile that the group assigns: a C++ value, memory for one row or those of a stage, or a full tile.
  void place_tiles() {
    std::map<std::string, int> mentions;
    std::map<std::string, std::set<size_t>> loops;
    std::set<std::string> in_memory, declared, buffered;
    for_each_step([&](size_t loop, const RowStep& step) {
      ir::for_each_expr(step.value, [&](const Expr& e) {
        if (e.op == Op::variable) ++mentions[e.name], loops[e.name].insert(loop);
        if (reads_across_columns(e.op))
          if (e.args[0]->op == Op::variable) in_memory.insert(e.args[0]->name);
      });
      const ir::Assign* assign = assign_of(step);
      if (!assign) return;
      ++mentions[assign->name], loops[assign->name].insert(loop);
      if (assign->declares) declared.insert(assign->name);
      if (step.kind == Kind::interleave || step.kind == Kind::concat) in_memory.insert(assign->name);
    });
    for_each_step([&](size_t, const RowStep& step) {
      const ir::Assign* assign = assign_of(step);
      if (!assign) return;
      const std::string& name = assign->name;
      const Tile& tile = symbols_.tiles.at(name);
      const bool local = declared.contains(name) && mentions[name] == tile.mentions && !tile.accumulator;
      std::set<size_t> stages;
      for (const size_t loop : loops[name]) stages.insert(stage_of_[loop]);
      const bool in_one_stage = stages.size() == 1;
      if (local && !in_memory.contains(name) && in_one_stage && (ir::is_one(tile.columns) || loops[name].size() == 1)) return;
      if (!local || nest_.one_row) {
        if (auto memory = planner_.place(name, arena_, *step.statement)) nest_.memory.push_back(std::move(*memory));
      } else if (buffered.insert(name).second) {
        const ir::IndexExpr elements =
            in_one_stage ? tile.columns_in_memory : ir::mul(ir::constant(kRowsOfStage), tile.columns_in_memory);
        nest_.memory.push_back(
            {name, in_one_stage ? TileMemory::Kind::row : TileMemory::Kind::rows,
             planner_.allocate(Arena::worker, tile.dtype, elements, name + (in_one_stage ? "_row" : "_rows"), *step.statement)});
      }
    });
  }

  Pass pass(const ColumnLoop& loop, size_t stage) const {
    Pass pass;
    pass.steps = loop.steps;
    if (loop.is_single()) return pass;
    if (loop.steps.front().kind == Kind::concat) {
      pass.form = Pass::Form::concat;
      return pass;
    }
    pass.columns = symbols_.fixed(loop.steps.front().columns);
    pass.form = Pass::Form::vectors;
    if (std::any_of(loop.steps.begin(), loop.steps.end(), [&](const RowStep& step) { return has_a_lane_for_64(step); }))
      pass.form = Pass::Form::groups_of_64;
    else if (pass.columns && find_pairs(loop, *pass.columns, pass.in_pairs))
      pass.form = Pass::Form::pairs;
    pass.prefetches = prefetches_around(loop, stage);
    return pass;
  }

  // An f32 reduction that is not continued in memory.
  bool has_a_lane_for_64(const RowStep& step) const {
    if (step.kind != Kind::row_reduction || step.value->dtype != DType::f32) return false;
    const bool is_sum = step.value->op == Op::row_sum || step.value->op == Op::row_sum_acc;
    return !is_sum || !symbols_.tiles.at(assign_of(step)->name).accumulator;
  }

  // The stores that take two vectors at once, a cache line: what they round to bf16 goes nowhere else in this loop.
  bool find_pairs(const ColumnLoop& loop, int64_t columns, std::set<const ir::Statement*>& in_pairs) const {
    for (const RowStep& step : loop.steps) {
      const auto* store = std::get_if<ir::Store>(&step.statement->node);
      if (!store || step.kind != Kind::elementwise || columns % kPair != 0 || !rounded_to_bf16(step.value)) continue;
      const std::string& storage = symbols_.tensors.at(store->tensor).storage;
      int uses = 0;
      for (const RowStep& other : loop.steps) {
        const auto* other_store = std::get_if<ir::Store>(&other.statement->node);
        if (other_store && symbols_.tensors.at(other_store->tensor).storage == storage) ++uses;
        ir::for_each_expr(other.value, [&](const Expr& e) {
          if (e.op == Op::load && symbols_.tensors.at(e.name).storage == storage) ++uses;
        });
      }
      if (uses == 1) in_pairs.insert(step.statement);
    }
    return !in_pairs.empty();
  }

  // Of three stages the one in the middle computes on what is in L1 already. Meanwhile what the first reads of the next rows comes
  // nearer, and what the last stores of these.
  std::vector<Prefetch> prefetches_around(const ColumnLoop& loop, size_t stage) const {
    constexpr size_t middle = 1;
    const bool reduces = loop.steps.back().kind == Kind::row_reduction;  // one loop of the stage does
    if (nest_.stages.size() <= middle + 1 || stage != middle || !reduces) return {};
    std::vector<Prefetch> prefetches;
    for_each_step([&](size_t other, const RowStep& step) {
      if (stage_of_[other] >= middle) return;
      ir::for_each_expr(step.value, [&](const Expr& e) {
        if (e.op == Op::load && passes_by_rows(e.name, e.slice))
          add_prefetch(prefetches, {step.statement, e.name, &e.slice, false, 0});
      });
    });
    if (prefetches.empty()) return {};  // the rows come from where they were just computed
    for_each_step([&](size_t other, const RowStep& step) {
      const auto* store = std::get_if<ir::Store>(&step.statement->node);
      if (stage_of_[other] > middle && store && passes_by_rows(store->tensor, store->slice))
        add_prefetch(prefetches, {step.statement, store->tensor, &store->slice, true, 0});
    });
    return prefetches;
  }

  // Whether it is an argument, and each row has columns of its own, next to each other.
  bool passes_by_rows(const std::string& name, const std::vector<ir::Axis>& slice) const {
    if (symbols_.tensors.at(name).argument < 0 || planner_.plan.packed.contains(name)) return false;
    int extents = 0;
    for (const ir::Axis& axis : slice) {
      if (axis.kind == ir::Axis::Kind::by) return false;
      extents += axis.kind != ir::Axis::Kind::point;
    }
    return extents == 2 && slice.back().kind != ir::Axis::Kind::point && !ir::is_one(ir::shape_of_slice(slice).columns);
  }

  Planner& planner_;
  const Symbols& symbols_;
  const RowGroup& group_;
  const Arena arena_;
  std::vector<size_t> stage_of_;  // by loop
  RowNest nest_;
};

}  // namespace

RowNest plan_row_nest(Planner& planner, const RowGroup& group, Arena arena) { return NestPlanner(planner, group, arena).run(); }

}  // namespace imbrex::plan
