#include "imbrex/plan/row_groups.h"

#include <algorithm>
#include <set>

#include "imbrex/ir/visit.h"
#include "imbrex/plan/listed_rows.h"
#include "imbrex/plan/split.h"

namespace imbrex::plan {
namespace {

using ir::Axis;
using ir::Expr;
using ir::IndexExpr;
using ir::Op;
using ir::Statement;

// Where a step touches tensors and variables.
struct TensorAccess {
  std::string tensor;
  const std::vector<Axis>* slice;
  bool across_columns;  // read by even, odd or gather: not at the loop's own column
};
struct Touches {
  std::vector<TensorAccess> loads, stores;
  std::set<std::string> reads, reads_across, writes;  // variables; reads_across: not at the loop's own column
  std::set<std::string> row_indices;                  // variables that list rows
  bool is_checked = false;                            // some slice depends on data: stands alone
};

Touches touches_of(const RowStep& step, const Symbols& symbols) {
  Touches t;
  const auto note_slice = [&](const std::vector<Axis>& slice) {
    for (const Axis& axis : slice) {
      if (axis.kind == Axis::Kind::by)
        t.row_indices.insert(axis.tile);
      else if (symbols.depends_on_data(axis.begin) || symbols.depends_on_data(axis.size))
        t.is_checked = true;
    }
  };
  std::set<const Expr*> across;
  ir::for_each_expr(step.value, [&](const Expr& e) {
    if (reads_across_columns(e.op)) across.insert(e.args[0].get());
    if (e.op == Op::variable) (across.contains(&e) ? t.reads_across : t.reads).insert(e.name);
    if (e.op != Op::load) return;
    t.loads.push_back({e.name, &e.slice, across.contains(&e)});
    note_slice(e.slice);
    for (size_t axis = 0; axis < e.slice.size(); ++axis)
      t.is_checked = t.is_checked || may_list_nothing(symbols, e.name, e.slice, axis);
  });
  if (const auto* store = std::get_if<ir::Store>(&step.statement->node)) {
    t.stores.push_back({store->tensor, &store->slice, false});
    note_slice(store->slice);
    for (const Axis& axis : store->slice) t.is_checked = t.is_checked || axis.kind == Axis::Kind::by;
  } else {
    t.writes.insert(std::get<ir::Assign>(step.statement->node).name);
  }
  return t;
}

// How two slices of one tensor's memory meet.
enum class Meeting { apart, same_element, same_row, anyhow };

bool equal_axis(const Axis& a, const Axis& b) {
  return a.kind == b.kind && a.kind != Axis::Kind::by && ir::same(a.begin, b.begin) && ir::same(a.size, b.size);
}

bool lies_before(const Axis& a, const Axis& b) {
  const IndexExpr end = ir::add(a.begin, a.size);
  if (ir::same(end, b.begin)) return true;
  const auto x = ir::constant_value(end), y = ir::constant_value(b.begin);
  return x && y && *x <= *y;
}

Meeting meeting(const TensorAccess& a, const TensorAccess& b, const Symbols& symbols) {
  if (symbols.tensors.at(a.tensor).storage != symbols.tensors.at(b.tensor).storage) return Meeting::apart;
  if (a.tensor != b.tensor) return Meeting::anyhow;
  bool all_equal = true, leading_equal = true;
  int extents = 0;
  for (size_t i = 0; i < a.slice->size(); ++i) {
    const Axis &x = (*a.slice)[i], &y = (*b.slice)[i];
    if (x.kind == Axis::Kind::by || y.kind == Axis::Kind::by) return Meeting::anyhow;
    if (lies_before(x, y) || lies_before(y, x)) return Meeting::apart;
    const bool equal = equal_axis(x, y);
    all_equal = all_equal && equal;
    if (i + 1 < a.slice->size()) leading_equal = leading_equal && equal;
    if (x.kind != Axis::Kind::point) ++extents;
  }
  const bool both_neighbouring = has_neighbouring_columns(*a.slice) && has_neighbouring_columns(*b.slice);
  if (!both_neighbouring) return Meeting::anyhow;
  if (all_equal && !a.across_columns && !b.across_columns) return Meeting::same_element;
  return leading_equal && (extents == 2 || (*a.slice).size() == 1) ? Meeting::same_row : Meeting::anyhow;
}

bool intersects(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& each) { return b.contains(each); });
}

// The loosest meeting between what one writes and the other touches.
Meeting worst_meeting(const Touches& a, const Touches& b, const Symbols& symbols) {
  Meeting worst = Meeting::apart;
  const auto meet = [&](const std::vector<TensorAccess>& xs, const std::vector<TensorAccess>& ys) {
    for (const TensorAccess& x : xs)
      for (const TensorAccess& y : ys) worst = std::max(worst, meeting(x, y, symbols));
  };
  meet(a.stores, b.stores);
  meet(a.stores, b.loads);
  meet(a.loads, b.stores);
  return worst;
}

class Grouping {
 public:
  Grouping(RowGroup& group, const Symbols& symbols) : group_(group), symbols_(symbols) {}

  bool accepts(const RowStep& step, const Touches& t) const {
    if (group_.loops.empty()) return true;
    if (!ir::same(step.rows, group_.rows) || t.is_checked || touched_.front().front().is_checked) return false;
    return std::all_of(touched_.begin(), touched_.end(), [&](const std::vector<Touches>& loop) {
      return std::all_of(loop.begin(), loop.end(), [&](const Touches& earlier) {
        return ir::is_one(group_.rows) ? follows_in_one_row(earlier, t) : follows_row_by_row(earlier, t);
      });
    });
  }

  void add(const RowStep& step, Touches t) {
    if (group_.loops.empty()) group_.rows = step.rows;
    const size_t index = segment_for(step, t);
    if (index == group_.loops.size()) {
      group_.loops.push_back({});
      touched_.push_back({});
    }
    group_.loops[index].steps.push_back(step);
    touched_[index].push_back(std::move(t));
  }

 private:
  bool follows_row_by_row(const Touches& earlier, const Touches& t) const {
    if (worst_meeting(earlier, t, symbols_) == Meeting::anyhow) return false;
    if (intersects(earlier.writes, t.row_indices) || intersects(t.writes, earlier.row_indices)) return false;
    return std::all_of(t.writes.begin(), t.writes.end(), [&](const std::string& name) {
      // Loops of this group read a row of it while the next rows are still to come.
      if (!ir::same(symbols_.tiles.at(name).rows, group_.rows)) return false;
      return !symbols_.tiles.at(name).accumulator || !earlier.writes.contains(name);
    });
  }

  // With a single row, loops simply follow each other; a sum continued twice needs its position moved in between.
  bool follows_in_one_row(const Touches& earlier, const Touches& t) const {
    if (intersects(earlier.writes, t.row_indices) || intersects(t.writes, earlier.row_indices)) return false;
    return std::none_of(t.writes.begin(), t.writes.end(), [&](const std::string& name) {
      return symbols_.tiles.at(name).accumulator && earlier.writes.contains(name);
    });
  }

  // The loop whose loop the step joins: the last, or one from which on nothing minds that the step comes first. Values that
  // wait for a reduction stay behind it.
  size_t segment_for(const RowStep& step, const Touches& t) const {
    for (size_t i = group_.loops.size(); i > 0; --i) {
      if (joins(i - 1, step, t)) return i - 1;
      if (!may_come_before(i - 1, t)) break;
    }
    return group_.loops.size();
  }

  bool may_come_before(size_t index, const Touches& t) const {
    const ColumnLoop& loop = group_.loops[index];
    if (loop.is_single()) return false;
    for (size_t i = 0; i < loop.steps.size(); ++i) {
      const Touches& other = touched_[index][i];
      if (loop.steps[i].kind == RowStep::Kind::row_reduction || worst_meeting(other, t, symbols_) != Meeting::apart) return false;
      for (const auto* names : {&t.reads, &t.reads_across, &t.row_indices, &t.writes})
        if (intersects(other.writes, *names)) return false;
      for (const auto* names : {&other.reads, &other.reads_across, &other.row_indices})
        if (intersects(t.writes, *names)) return false;
    }
    return true;
  }

  bool joins(size_t index, const RowStep& step, const Touches& t) const {
    const ColumnLoop& loop = group_.loops[index];
    if (loop.is_single() || ir::is_one(step.columns)) return false;
    if (step.kind == RowStep::Kind::concat) return false;
    if (!ir::same(step.columns, loop.steps.front().columns)) return false;
    for (size_t i = 0; i < loop.steps.size(); ++i) {
      const RowStep& earlier = loop.steps[i];
      const Touches& before = touched_[index][i];
      if (earlier.kind == RowStep::Kind::concat) return false;
      if (worst_meeting(before, t, symbols_) > Meeting::same_element) return false;
      if (intersects(before.writes, t.reads_across) || intersects(t.writes, before.reads_across)) return false;
      const bool finished_later = earlier.kind != RowStep::Kind::elementwise || step.kind != RowStep::Kind::elementwise;
      if (finished_later && (intersects(before.writes, t.reads) || intersects(before.writes, t.writes))) {
        // Only a value of this very column may be used within the loop that makes it.
        if (earlier.kind != RowStep::Kind::elementwise || intersects(before.writes, t.writes)) return false;
      }
      if (finished_later && intersects(t.writes, before.reads)) return false;
    }
    return true;
  }

  RowGroup& group_;
  const Symbols& symbols_;
  std::vector<std::vector<Touches>> touched_;  // by loop, by step
};

}  // namespace

ir::ExprPtr rounded_to_bf16(const ir::ExprPtr& e) {
  const bool rounds = e->op == Op::cast && e->dtype == ir::DType::bf16 && e->args[0]->dtype == ir::DType::f32;
  return rounds && e->mode == ir::CastMode::rint ? e->args[0] : nullptr;
}

std::optional<RowStep> row_step(const Statement& statement) {
  RowStep step;
  step.statement = &statement;
  if (const auto* store = std::get_if<ir::Store>(&statement.node)) {
    if (!has_neighbouring_columns(store->slice)) return std::nullopt;
    step.value = store->value;
  } else if (const auto* assign = std::get_if<ir::Assign>(&statement.node)) {
    step.value = assign->value;
  } else {
    return std::nullopt;
  }
  const Expr& e = *step.value;
  step.rows = e.rows;
  step.columns = e.columns;
  switch (kind_of(e.op)) {
    case ir::OpKind::leaf:
      if (e.op == Op::load && !has_neighbouring_columns(e.slice)) return std::nullopt;
      return step;
    case ir::OpKind::elementwise: return step;
    case ir::OpKind::row_reduction:
      step.kind = RowStep::Kind::row_reduction;
      step.columns = e.args.back()->columns;
      return step;
    case ir::OpKind::row_movement:
      if (e.op == Op::concat_columns) step.kind = RowStep::Kind::concat;
      if (e.op == Op::interleave) {
        step.kind = RowStep::Kind::interleave;
        step.columns = e.args[0]->columns;
      }
      return step;
    case ir::OpKind::column_reduction:
    case ir::OpKind::product:
    case ir::OpKind::movement: return std::nullopt;
  }
  throw InternalError("an operation of no kind");
}

RowGroup row_group(std::span<const Statement> statements, const Symbols& symbols, size_t& count) {
  RowGroup group;
  Grouping grouping(group, symbols);
  for (count = 0; count < statements.size(); ++count) {
    const auto step = row_step(statements[count]);
    if (!step) break;
    Touches touches = touches_of(*step, symbols);
    if (!grouping.accepts(*step, touches)) break;
    grouping.add(*step, std::move(touches));
  }
  return group;
}

}  // namespace imbrex::plan
