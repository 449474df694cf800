#include "imbrex/plan/split.h"

#include <map>
#include <set>

#include "imbrex/ir/visit.h"

namespace imbrex::plan {
namespace {

using ir::Axis;
using ir::Expr;
using ir::ExprPtr;
using ir::Op;
using ir::Statement;

bool is_root_only(Op op) {
  switch (kind_of(op)) {
    case ir::OpKind::leaf:
    case ir::OpKind::elementwise: return false;
    case ir::OpKind::row_movement: return !reads_across_columns(op);
    case ir::OpKind::row_reduction:
    case ir::OpKind::column_reduction:
    case ir::OpKind::product:
    case ir::OpKind::movement: return true;
  }
  throw InternalError("an operation of no kind");
}

bool has_by(const std::vector<Axis>& slice) {
  for (const Axis& axis : slice)
    if (axis.kind == Axis::Kind::by) return true;
  return false;
}

bool equal_slices(const std::vector<Axis>& a, const std::vector<Axis>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].kind != b[i].kind || a[i].kind == Axis::Kind::by) return false;
    if (!ir::same(a[i].begin, b[i].begin) || !ir::same(a[i].size, b[i].size)) return false;
  }
  return true;
}

class Splitter {
 public:
  explicit Splitter(const ir::Program& program) : program_(program) {
    collect_names(program.body);
    for (const auto& tensor : program.tensors) used_.insert(tensor.name);
    for (const auto& dim : program.dims) used_.insert(dim.name);
  }

  ir::Program run() {
    ir::for_each_statement(program_.body, [&](const Statement& s) {
      ir::for_each_expr(s, [&](const Expr& e) {
        if (e.op == Op::row_sum_acc && e.args[0]->op == Op::variable) accumulators_.insert(e.args[0]->name);
      });
      const auto* assign = std::get_if<ir::Assign>(&s.node);
      if (assign && assign->value->op == Op::row_sum_acc) accumulators_.insert(assign->name);
      return true;
    });
    ir::Program result = program_;
    result.body = block(program_.body);
    return result;
  }

 private:
  void collect_names(const ir::Block& body) {
    ir::for_each_statement(body, [&](const Statement& s) {
      if (const auto* create = std::get_if<ir::CreateTensor>(&s.node)) used_.insert(create->tensor.name);
      if (const auto* assign = std::get_if<ir::Assign>(&s.node)) used_.insert(assign->name);
      if (const auto* read = std::get_if<ir::ReadIndex>(&s.node)) used_.insert(read->name);
      if (const auto* loop = std::get_if<ir::Loop>(&s.node)) used_.insert(loop->variable);
      if (const auto* view = std::get_if<ir::View>(&s.node)) {
        used_.insert(view->name);
        base_[view->name] = view->base;
      }
      return true;
    });
  }

  std::string storage_of(std::string name) const {
    for (auto found = base_.find(name); found != base_.end(); found = base_.find(name)) name = found->second;
    return name;
  }

  std::string fresh(const std::string& stem) {
    for (int i = 1;; ++i) {
      std::string name = stem + "_" + std::to_string(i);
      if (used_.insert(name).second) return name;
    }
  }

  ir::Block block(const ir::Block& body) {
    ir::Block outer = std::move(out_);
    out_.clear();
    for (const Statement& s : body) statement(s);
    std::swap(outer, out_);
    return outer;
  }

  void statement(const Statement& s) {
    origin_ = s.origin;
    Statement changed = s;
    if (auto* assign = std::get_if<ir::Assign>(&changed.node)) {
      assign->value = root(assign->value);
      if (!assign->declares && overwrites_what_it_reads(*assign)) assign->value = hoist(assign->value, assign->name);
    } else if (auto* store = std::get_if<ir::Store>(&changed.node)) {
      store->value = store->value->op == Op::interleave ? root(store->value) : elementwise(store->value);
      const bool copied = !has_neighbouring_columns(store->slice);
      if ((copied && store->value->op != Op::variable) || reads_elsewhere(*store))
        store->value = hoist(store->value, store->tensor);
    } else if (auto* tap = std::get_if<ir::Tap>(&changed.node)) {
      tap->value = variable_of(tap->value, "tap");
    } else if (auto* loop = std::get_if<ir::Loop>(&changed.node)) {
      loop->body = block(loop->body);
    } else if (auto* at = std::get_if<ir::At>(&changed.node)) {
      at->body = block(at->body);
    } else if (auto* branch = std::get_if<ir::If>(&changed.node)) {
      branch->then_block = block(branch->then_block);
      branch->else_block = block(branch->else_block);
    }
    out_.push_back(std::move(changed));
  }

  // A new variable for e, which is already in the form of a root.
  ExprPtr hoist(const ExprPtr& e, const std::string& stem) {
    const std::string name = fresh(stem);
    out_.push_back(Statement{ir::Assign{name, e, true}, {}, e->origin < 0 ? origin_ : e->origin});
    return ir::make_variable(name, e->dtype, e->rows, e->columns, {{}, e->origin});
  }

  ExprPtr variable_of(const ExprPtr& e, const std::string& stem) {
    if (e->op == Op::variable && !accumulators_.contains(e->name)) return e;
    return hoist(root(e), stem);
  }

  // Neighbouring columns of a tile in memory need no tile of their own.
  ExprPtr columns_in_memory(const ExprPtr& e) {
    if (e->op != Op::columns) return in_memory(e);
    return ir::with_args(*e, {columns_in_memory(e->args[0])});
  }

  // A tile variable, or a load that can be addressed by a pointer and a row stride.
  ExprPtr in_memory(const ExprPtr& e) {
    if (e->op == Op::load && has_neighbouring_columns(e->slice) && !has_by(e->slice)) return e;
    return variable_of(e, e->op == Op::load ? e->name : ir::name_of(e->op));
  }

  ExprPtr root(const ExprPtr& e) {
    if (e->op == Op::load) return e;
    if (!is_root_only(e->op)) return elementwise(e);
    std::vector<ExprPtr> args;
    for (size_t i = 0; i < e->args.size(); ++i) {
      const ExprPtr& arg = e->args[i];
      if (ir::continues(e->op) && i == 0)
        args.push_back(arg->op == Op::variable && kind_of(e->op) != ir::OpKind::product ? arg : variable_of(arg, "acc"));
      else
        args.push_back(operand(e->op, arg));
    }
    return ir::with_args(*e, std::move(args));
  }

  // What an operation that stands alone is made from.
  ExprPtr operand(Op op, const ExprPtr& arg) {
    switch (kind_of(op)) {
      case ir::OpKind::product: return in_memory(arg);
      case ir::OpKind::movement: return variable_of(arg, ir::name_of(arg->op));
      case ir::OpKind::row_reduction:
      case ir::OpKind::column_reduction:
      case ir::OpKind::row_movement:
      case ir::OpKind::elementwise:
      case ir::OpKind::leaf: return elementwise(arg);
    }
    throw InternalError("an operation of no kind");
  }

  ExprPtr elementwise(const ExprPtr& e) {
    if (is_root_only(e->op)) return hoist(root(e), ir::name_of(e->op));
    if (e->op == Op::load && !has_neighbouring_columns(e->slice)) return hoist(e, e->name);
    if (e->args.empty()) return e;
    std::vector<ExprPtr> args;
    if (e->op == Op::even || e->op == Op::odd || e->op == Op::columns) {
      args = {columns_in_memory(e->args[0])};
    } else if (e->op == Op::gather) {
      args = {columns_in_memory(e->args[0]), elementwise(e->args[1])};
    } else {
      for (const ExprPtr& arg : e->args) args.push_back(elementwise(arg));
    }
    return ir::with_args(*e, std::move(args));
  }

  static bool mentions(const ExprPtr& e, const std::string& variable) {
    bool found = false;
    ir::for_each_expr(e, [&](const Expr& node) {
      found = found || (node.op == Op::variable && node.name == variable);
      for (const Axis& axis : node.slice) found = found || axis.tile == variable;
    });
    return found;
  }

  // True if some element of the variable may be written before another element of the result has read it.
  static bool overwrites_what_it_reads(const ir::Assign& assign) {
    const ExprPtr& e = assign.value;
    if (e->op == Op::matmul_acc) return mentions(e->args[1], assign.name) || mentions(e->args[2], assign.name);
    if (e->op == Op::col_sum_acc) return mentions(e->args[1], assign.name);
    if (is_row_reduction(e->op)) return false;  // a row is read whole before its result is written
    if (is_root_only(e->op)) return mentions(e, assign.name);
    bool crosses = false;
    ir::for_each_expr(e, [&](const Expr& node) {
      if (reads_across_columns(node.op)) crosses = crosses || mentions(node.args[0], assign.name);
      if (node.op == Op::load)
        for (const Axis& axis : node.slice) crosses = crosses || axis.tile == assign.name;
    });
    return crosses;
  }

  bool reads_elsewhere(const ir::Store& store) const {
    bool found = false;
    ir::for_each_expr(store.value, [&](const Expr& node) {
      if (node.op != Op::load || storage_of(node.name) != storage_of(store.tensor)) return;
      found = found || node.name != store.tensor || !equal_slices(node.slice, store.slice);
    });
    bool crosses = false;
    ir::for_each_expr(store.value, [&](const Expr& node) {
      if (reads_across_columns(node.op))
        crosses = crosses || (node.args[0]->op == Op::load && storage_of(node.args[0]->name) == storage_of(store.tensor));
    });
    return found || crosses;
  }

  const ir::Program& program_;
  std::set<std::string> used_;
  std::map<std::string, std::string> base_;
  std::set<std::string> accumulators_;  // kept as lanes: only a copy is a tile in memory
  ir::Block out_;
  int origin_ = -1;
};

}  // namespace

bool has_neighbouring_columns(const std::vector<Axis>& slice) {
  for (size_t i = 0; i < slice.size(); ++i) {
    const bool last = i + 1 == slice.size();
    if (slice[i].kind == Axis::Kind::range && last) return true;
  }
  // No range at the end: one element still has neighbouring columns.
  for (const Axis& axis : slice)
    if (axis.kind != Axis::Kind::point) return false;
  return true;
}

bool is_row_reduction(Op op) { return kind_of(op) == ir::OpKind::row_reduction; }
bool reads_across_columns(Op op) { return op == Op::even || op == Op::odd || op == Op::columns || op == Op::gather; }
bool is_column_reduction(Op op) { return kind_of(op) == ir::OpKind::column_reduction; }

ir::Program split(const ir::Program& program) { return Splitter(program).run(); }

}  // namespace imbrex::plan
