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
  const auto* store = std::get_if<ir::Store>(&group.segments.front().steps.front().statement->node);
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
    for (size_t i = 0; i < group_.segments.size(); ++i)
      nest_.stages[stage_of_[i]].push_back(pass(group_.segments[i], stage_of_[i]));
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
    for (size_t i = 0; i < group_.segments.size(); ++i)
      for (const RowStep& step : group_.segments[i].steps) visit(i, step);
  }

  // What waits for the value of a row's reduction waits long: its lanes are folded, then come a square root and a division. So it
  // is a stage of its own, and each stage runs over a few rows: their reductions overlap, and what they hand over is still near.
  void find_stages() {
    size_t stage = 0;
    bool is_reduced = false;
    for (const Segment& segment : group_.segments) {
      if (is_reduced && !segment.is_single() && !nest_.one_row) {
        ++stage;
        is_reduced = false;
      }
      stage_of_.push_back(stage);
      for (const RowStep& step : segment.steps)
        is_reduced = is_reduced || (step.kind == Kind::row_reduction && !segment.is_single());
    }
    nest_.stages.resize(stage + 1);
  }

  // Decides for each tile that the group assigns: a C++ value, memory for one row or those of a stage, or a full tile.
  void place_tiles() {
    std::map<std::string, int> mentions;
    std::map<std::string, std::set<size_t>> segments;
    std::set<std::string> in_memory, declared, buffered;
    for_each_step([&](size_t segment, const RowStep& step) {
      ir::for_each_expr(step.value, [&](const Expr& e) {
        if (e.op == Op::variable) ++mentions[e.name], segments[e.name].insert(segment);
        if (reads_across_columns(e.op))
          if (e.args[0]->op == Op::variable) in_memory.insert(e.args[0]->name);
      });
      const ir::Assign* assign = assign_of(step);
      if (!assign) return;
      ++mentions[assign->name], segments[assign->name].insert(segment);
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
      for (const size_t segment : segments[name]) stages.insert(stage_of_[segment]);
      const bool in_one_stage = stages.size() == 1;
      if (local && !in_memory.contains(name) && in_one_stage && (ir::is_one(tile.columns) || segments[name].size() == 1)) return;
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

  Pass pass(const Segment& segment, size_t stage) const {
    Pass pass;
    pass.steps = segment.steps;
    if (segment.is_single()) return pass;
    if (segment.steps.front().kind == Kind::concat) {
      pass.form = Pass::Form::concat;
      return pass;
    }
    pass.columns = symbols_.fixed(segment.steps.front().columns);
    pass.form = Pass::Form::vectors;
    if (std::any_of(segment.steps.begin(), segment.steps.end(), [&](const RowStep& step) { return has_a_lane_for_64(step); }))
      pass.form = Pass::Form::groups_of_64;
    else if (pass.columns && find_pairs(segment, *pass.columns, pass.in_pairs))
      pass.form = Pass::Form::pairs;
    pass.fetches = fetches_around(segment, stage);
    return pass;
  }

  // An f32 reduction that is not continued in memory.
  bool has_a_lane_for_64(const RowStep& step) const {
    if (step.kind != Kind::row_reduction || step.value->dtype != DType::f32) return false;
    const bool is_sum = step.value->op == Op::row_sum || step.value->op == Op::row_sum_acc;
    return !is_sum || !symbols_.tiles.at(assign_of(step)->name).accumulator;
  }

  // The stores that take two vectors at once, a cache line: what they round to bf16 goes nowhere else in this loop.
  bool find_pairs(const Segment& segment, int64_t columns, std::set<const ir::Statement*>& in_pairs) const {
    for (const RowStep& step : segment.steps) {
      const auto* store = std::get_if<ir::Store>(&step.statement->node);
      if (!store || step.kind != Kind::elementwise || columns % kPair != 0 || !rounded_to_bf16(step.value)) continue;
      const std::string& storage = symbols_.tensors.at(store->tensor).storage;
      int uses = 0;
      for (const RowStep& other : segment.steps) {
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

  // Of three stages the one in the middle computes on what is near already. Meanwhile what the first reads of the next rows comes
  // nearer, and what the last stores of these.
  std::vector<Fetch> fetches_around(const Segment& segment, size_t stage) const {
    constexpr size_t middle = 1;
    const bool reduces = segment.steps.back().kind == Kind::row_reduction;  // one loop of the stage does
    if (nest_.stages.size() <= middle + 1 || stage != middle || !reduces) return {};
    std::vector<Fetch> fetches;
    for_each_step([&](size_t other, const RowStep& step) {
      if (stage_of_[other] >= middle) return;
      ir::for_each_expr(step.value, [&](const Expr& e) {
        if (e.op == Op::load && passes_by_rows(e.name, e.slice)) fetches.push_back({step.statement, e.name, &e.slice, false, 0});
      });
    });
    if (fetches.empty()) return {};  // the rows come from where they were just computed
    for_each_step([&](size_t other, const RowStep& step) {
      const auto* store = std::get_if<ir::Store>(&step.statement->node);
      if (stage_of_[other] > middle && store && passes_by_rows(store->tensor, store->slice))
        fetches.push_back({step.statement, store->tensor, &store->slice, true, 0});
    });
    return fetches;
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
  std::vector<size_t> stage_of_;  // by segment
  RowNest nest_;
};

}  // namespace

RowNest plan_row_nest(Planner& planner, const RowGroup& group, Arena arena) { return NestPlanner(planner, group, arena).run(); }

}  // namespace imbrex::plan
