#include "analysis.h"

#include <algorithm>
#include <optional>

#include "imbrex/ir/rename.h"
#include "imbrex/ir/visit.h"

namespace imbrex::attack {
namespace {

using ir::Axis;
using ir::Op;

std::string base_of(const ir::Program& program, std::string name) {
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* view = std::get_if<ir::View>(&statement.node); view && view->name == name) name = view->base;
    return true;
  });
  // Views of views stand before those of which they are views, in the text: again until nothing changes.
  bool is_view = false;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    const auto* view = std::get_if<ir::View>(&statement.node);
    is_view |= view && view->name == name;
    return true;
  });
  return is_view ? base_of(program, name) : name;
}

struct Access {
  std::string tensor;  // as it is named there
  std::vector<Axis> slice;
  bool writes = false;
};

std::vector<Access> accesses_in(const ir::Block& block) {
  std::vector<Access> all;
  ir::for_each_statement(block, [&](const ir::Statement& statement) {
    if (const auto* store = std::get_if<ir::Store>(&statement.node)) all.push_back({store->tensor, store->slice, true});
    if (const auto* read = std::get_if<ir::ReadIndex>(&statement.node)) {
      Access access{read->tensor, {}, false};
      for (const ir::IndexExpr& at : read->position) access.slice.push_back({Axis::Kind::point, at, ir::constant(1), {}});
      all.push_back(access);
    }
    ir::for_each_expr(statement, [&](const ir::Expr& e) {
      if (e.op == Op::load) all.push_back({e.name, e.slice, false});
    });
    return true;
  });
  return all;
}

std::set<std::string> created_in(const ir::Block& block) {
  std::set<std::string> names;
  ir::for_each_statement(block, [&](const ir::Statement& statement) {
    if (const auto* create = std::get_if<ir::CreateTensor>(&statement.node)) names.insert(create->tensor.name);
    return true;
  });
  return names;
}

std::string text(const Axis& axis) {
  if (axis.kind == Axis::Kind::by) return "by";
  return ir::to_text(axis.begin) + (axis.kind == Axis::Kind::point ? "" : " +: " + ir::to_text(axis.size));
}

// True if the axis of each iteration is apart from that of every other.
bool is_own(const Axis& axis, const ir::Loop& loop) {
  if (axis.kind == Axis::Kind::by) return false;
  if (loop.tile > 0)
    return axis.kind == Axis::Kind::range && axis.begin->kind == ir::Index::Kind::span_begin &&
           axis.begin->name == loop.variable && axis.size->kind == ir::Index::Kind::span_size && axis.size->name == loop.variable;
  const int64_t size = axis.kind == Axis::Kind::point ? 1 : ir::constant_value(axis.size).value_or(-1);
  if (size < 0) return false;
  const ir::Index& begin = *axis.begin;
  if (begin.kind == ir::Index::Kind::name && begin.name == loop.variable) return size <= 1;
  if (begin.kind != ir::Index::Kind::mul) return false;
  for (const auto& [by, name] : {std::pair(begin.a, begin.b), std::pair(begin.b, begin.a)})
    if (const auto factor = ir::constant_value(by);
        factor && *factor >= size && name->kind == ir::Index::Kind::name && name->name == loop.variable)
      return true;
  return false;
}

}  // namespace

Touched touched_by(const ir::Program& program, const ir::Block& block) {
  Touched all;
  for (const Access& access : accesses_in(block))
    (access.writes ? all.writes : all.reads).insert(base_of(program, access.tensor));
  ir::for_each_statement(block, [&](const ir::Statement& statement) {
    const auto& node = statement.node;
    if (const auto* assign = std::get_if<ir::Assign>(&node))
      (assign->declares ? all.declares : all.writes_tiles).insert(assign->name);
    if (const auto* create = std::get_if<ir::CreateTensor>(&node)) all.declares.insert(create->tensor.name);
    if (const auto* view = std::get_if<ir::View>(&node)) all.declares.insert(view->name);
    if (const auto* loop = std::get_if<ir::Loop>(&node)) all.declares.insert(loop->variable);
    if (const auto* read = std::get_if<ir::ReadIndex>(&node)) all.declares.insert(read->name);
    all.is_fixed |= std::holds_alternative<ir::Assume>(node) || std::holds_alternative<ir::AssumeElements>(node) ||
                    std::holds_alternative<ir::Tap>(node);
    ir::for_each_expr(statement, [&](const ir::Expr& e) {
      if (e.op == Op::variable) all.reads_tiles.insert(e.name);
      for (const Axis& axis : e.slice)
        if (axis.kind == Axis::Kind::by) all.reads_tiles.insert(axis.tile);
    });
    if (const auto* store = std::get_if<ir::Store>(&node))
      for (const Axis& axis : store->slice)
        if (axis.kind == Axis::Kind::by) all.reads_tiles.insert(axis.tile);
    return true;
  });
  ir::for_each_name(block, [&](const std::string& name) { all.mentions.insert(name); });
  return all;
}

Touched touched_by(const ir::Program& program, const ir::Statement& statement) {
  return touched_by(program, ir::Block{statement});
}

bool are_independent(const Touched& first, const Touched& second) {
  const auto meet = [](const std::set<std::string>& a, const std::set<std::string>& b) {
    return std::any_of(a.begin(), a.end(), [&](const std::string& name) { return b.contains(name); });
  };
  return !first.is_fixed && !second.is_fixed && !meet(first.declares, second.mentions) &&
         !meet(second.declares, first.mentions) && !meet(first.writes, second.writes) && !meet(first.writes, second.reads) &&
         !meet(first.reads, second.writes) && !meet(first.writes_tiles, second.writes_tiles) &&
         !meet(first.writes_tiles, second.reads_tiles) && !meet(first.reads_tiles, second.writes_tiles);
}

bool mentions(const ir::IndexExpr& e, const std::string& name) { return e && ir::names_in(e).contains(name); }

bool mentions(const std::vector<Axis>& slice, const std::string& name) {
  return std::any_of(slice.begin(), slice.end(), [&](const Axis& axis) {
    return axis.tile == name || mentions(axis.begin, name) || mentions(axis.size, name);
  });
}

bool mentions(const ir::ExprPtr& e, const std::string& name) {
  bool found = false;
  ir::for_each_expr(e, [&](const ir::Expr& x) {
    found |= x.name == name || mentions(x.rows, name) || mentions(x.columns, name) || mentions(x.index, name) ||
             mentions(x.slice, name);
  });
  return found;
}

bool has_independent_iterations(const ir::Program& program, const ir::Loop& loop) {
  const Touched touched = touched_by(program, loop.body);
  for (const std::string& tile : touched.writes_tiles)
    if (!touched.declares.contains(tile)) return false;
  if (touched.is_fixed) return false;
  const std::set<std::string> inside = created_in(loop.body);
  const std::vector<Access> accesses = accesses_in(loop.body);
  for (const std::string& tensor : touched.writes) {
    if (inside.contains(tensor)) continue;
    // All its accesses are by one name, and share an axis that belongs to the iteration.
    std::vector<const Access*> of_tensor;
    for (const Access& access : accesses)
      if (base_of(program, access.tensor) == tensor) of_tensor.push_back(&access);
    const Access& first = *of_tensor.front();
    bool is_apart = false;
    for (size_t d = 0; d < first.slice.size() && !is_apart; ++d)
      is_apart = is_own(first.slice[d], loop) && std::all_of(of_tensor.begin(), of_tensor.end(), [&](const Access* access) {
                   return access->tensor == first.tensor && text(access->slice[d]) == text(first.slice[d]);
                 });
    if (!is_apart) return false;
  }
  return true;
}

// ---- spans in values ----------------------------------------------------------------------------------------------------------

bool is_elementwise(Op op) { return kind_of(op) == ir::OpKind::elementwise; }

bool Follow::is_size(const ir::IndexExpr& e) const { return e && e->kind == ir::Index::Kind::span_size && e->name == span_; }

Side Follow::of_slice(const std::vector<Axis>& slice, const std::string& tensor) const {
  size_t ranges = 0, at = 0, mentioned = 0;
  bool is_right = false;
  for (const Axis& axis : slice) {
    const bool is_range = axis.kind == Axis::Kind::range;
    if (axis.kind == Axis::Kind::by) return Side::unknown;
    if (mentions(axis.begin, span_) || mentions(axis.size, span_)) {
      ++mentioned;
      at = ranges;
      const bool is_begin = inside_.contains(tensor)
                                ? ir::constant_value(axis.begin) == 0
                                : axis.begin->kind == ir::Index::Kind::span_begin && axis.begin->name == span_;
      is_right = is_range && is_begin && is_size(axis.size);
    }
    ranges += is_range;
  }
  if (mentioned == 0) return inside_.contains(tensor) ? Side::unknown : Side::none;
  if (mentioned != 1 || !is_right) return Side::unknown;
  return ranges == 2 && at == 0 ? Side::rows : Side::columns;
}

Side Follow::by_shape(const ir::Expr& e) const {
  const bool rows = mentions(e.rows, span_), columns = mentions(e.columns, span_);
  if (rows && columns) return Side::unknown;
  if (rows) return is_size(e.rows) ? Side::rows : Side::unknown;
  if (columns) return is_size(e.columns) ? Side::columns : Side::unknown;
  return Side::none;
}

Side Follow::of_product(const ir::Expr& e, size_t first) const {
  const auto turned = [](Side side, bool is_turned) {
    if (!is_turned || side == Side::none || side == Side::unknown) return side;
    return side == Side::rows ? Side::columns : Side::rows;
  };
  const Side a = turned(of(e.args[first]), e.transpose_a), b = turned(of(e.args[first + 1]), e.transpose_b);
  if (a == Side::rows && b == Side::none) return Side::rows;
  if (a == Side::none && b == Side::columns) return Side::columns;
  return a == Side::none && b == Side::none ? Side::none : Side::unknown;
}

Side Follow::of(const ir::ExprPtr& e) const {
  const auto common = [&](bool rows, bool columns) {
    Side found = Side::none;
    for (const ir::ExprPtr& arg : e->args) {
      const Side side = of(arg);
      if (side == Side::none) continue;
      if (side == Side::unknown || (found != Side::none && found != side)) return Side::unknown;
      found = side;
    }
    if ((found == Side::rows && !rows) || (found == Side::columns && !columns)) return Side::unknown;
    return found;
  };
  switch (kind_of(e->op)) {
    case ir::OpKind::leaf:
      if (e->op == Op::load) return of_slice(e->slice, e->name);
      if (e->op == Op::constant || e->op == Op::variable) return by_shape(*e);
      return mentions(e, span_) ? Side::unknown : Side::none;
    case ir::OpKind::elementwise: return common(true, true);
    case ir::OpKind::row_reduction:
    case ir::OpKind::row_movement: return common(true, false);
    case ir::OpKind::column_reduction: return common(false, true);
    case ir::OpKind::product: {
      if (e->op == Op::matmul) return of_product(*e, 0);
      const Side product = of_product(*e, 1), acc = of(e->args[0]);
      return acc == product ? acc : Side::unknown;
    }
    case ir::OpKind::movement:
      if (e->op == Op::concat_rows) return common(false, true);
      return common(false, false) == Side::none && !mentions(e, span_) ? Side::none : Side::unknown;
  }
  throw InternalError("an operation of no kind");
}

bool is_local(const ir::Program& program, const ir::Loop& loop, Side side) {
  if (loop.tile == 0 || !has_independent_iterations(program, loop)) return false;
  const Follow follow(loop, created_in(loop.body));
  const std::string& span = loop.variable;
  bool is_local = true;
  ir::for_each_statement(loop.body, [&](const ir::Statement& statement) {
    const auto& node = statement.node;
    const auto allow = [&](Side found) { is_local &= found == side || found == Side::none; };
    if (const auto* assign = std::get_if<ir::Assign>(&node)) {
      allow(follow.of(assign->value));
    } else if (const auto* store = std::get_if<ir::Store>(&node)) {
      const Side value = follow.of(store->value);
      allow(value);
      is_local &= follow.of_slice(store->slice, store->tensor) == side;
    } else if (const auto* create = std::get_if<ir::CreateTensor>(&node)) {
      for (size_t d = 0; d < create->tensor.shape.size(); ++d)
        if (mentions(create->tensor.shape[d], span)) is_local &= create->tensor.shape[d]->kind == ir::Index::Kind::span_size;
    } else if (const auto* inner = std::get_if<ir::Loop>(&node)) {
      is_local &= !mentions(inner->begin, span) && !mentions(inner->extent, span) && inner->of_span != span;
    } else if (const auto* branch = std::get_if<ir::If>(&node)) {
      for (const ir::Comparison& c : branch->condition) is_local &= !mentions(c.left, span) && !mentions(c.right, span);
    } else if (!std::holds_alternative<ir::At>(node)) {
      is_local = false;
    }
    return is_local;
  });
  return is_local;
}

Chunked chunks_of(const ir::Loop& loop) {
  if (loop.tile == 0 || loop.kind == ir::Loop::Kind::parallel || !loop.of_span.empty()) return {};
  const Follow follow(loop, {});
  Chunked chunked{true, 1};
  std::set<std::string> made, sums;
  for (const ir::Statement& statement : loop.body) {
    const auto* assign = std::get_if<ir::Assign>(&statement.node);
    if (!assign) return {};
    const ir::Expr& e = *assign->value;
    if (assign->declares) {
      const Side side = follow.of(assign->value);
      if (side == Side::unknown) return {};
      made.insert(assign->name);
      continue;
    }
    if (e.args.empty() || e.args[0]->op != Op::variable || e.args[0]->name != assign->name || !sums.insert(assign->name).second)
      return {};
    const bool is_extreme =
        (e.op == Op::max && e.args[1]->op == Op::row_max) || (e.op == Op::min && e.args[1]->op == Op::row_min);
    if (e.op == Op::row_sum_acc || is_extreme) {
      if (follow.of(is_extreme ? e.args[1]->args[0] : e.args[1]) != Side::columns) return {};
    } else if (e.op == Op::matmul_acc) {
      if (e.transpose_a || e.transpose_b || follow.of(e.args[1]) != Side::columns || follow.of(e.args[2]) != Side::rows)
        return {};
      if (e.args[1]->dtype == DType::bf16) chunked.multiple = 32;
    } else {
      return {};
    }
  }
  // A sum so far is read by nothing inside.
  for (const ir::Statement& statement : loop.body) {
    const auto& assign = std::get<ir::Assign>(statement.node);
    size_t reads = 0;
    ir::for_each_expr(assign.value, [&](const ir::Expr& e) { reads += e.op == Op::variable && sums.contains(e.name); });
    if (reads != (assign.declares ? 0u : 1u)) return {};
  }
  return chunked;
}

}  // namespace imbrex::attack
