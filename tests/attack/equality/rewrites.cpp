#include "rewrites.h"

#include <algorithm>

#include "imbrex/base/error.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/rename.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"

namespace imbrex::attack {
namespace {

using ir::Axis;
using ir::ExprPtr;
using ir::IndexExpr;
using ir::Op;

ExprPtr replaced(const ExprPtr& e, const ir::Expr* node, const ExprPtr& by) {
  if (e.get() == node) return by;
  std::vector<ExprPtr> args = e->args;
  bool changed = false;
  for (ExprPtr& arg : args) {
    const ExprPtr now = replaced(arg, node, by);
    changed |= now != arg;
    arg = now;
  }
  return changed ? ir::with_args(*e, std::move(args)) : e;
}

ExprPtr found(const ExprPtr& e, const ir::Expr* node) {
  if (e.get() == node) return e;
  for (const ExprPtr& arg : e->args)
    if (const ExprPtr inside = found(arg, node)) return inside;
  return nullptr;
}

void collect(const test::Place& place, const ExprPtr& e, const ir::Expr* parent, size_t argument, std::vector<Node>& nodes) {
  nodes.push_back({place, e.get(), parent, argument});
  for (size_t i = 0; i < e->args.size(); ++i) collect(place, e->args[i], e.get(), i, nodes);
}

}  // namespace

Fresh::Fresh(const ir::Program& program) {
  for (const ir::Dim& dim : program.dims) taken_.insert(dim.name);
  for (const ir::Tensor& tensor : program.tensors) taken_.insert(tensor.name);
  ir::for_each_name(program.body, [&](const std::string& name) { taken_.insert(name); });
}

std::string Fresh::operator()(const std::string& stem) {
  for (int i = 1;; ++i)
    if (std::string name = stem + "_" + std::to_string(i); taken_.insert(name).second) return name;
}

ir::Block Fresh::copy(const ir::Block& block) {
  ir::Program alone;
  alone.body = block;
  std::map<std::string, std::string> names;
  for (const std::string& name : touched_by(alone, block).declares) names[name] = (*this)(name);
  return ir::renamed(std::move(alone), [&](const std::string& name) { return names.contains(name) ? names.at(name) : name; })
      .body;
}

ir::Block with_span(ir::Block body, const std::string& span, const IndexExpr& begin, const IndexExpr& size) {
  for (ir::Statement& statement : body)
    statement = ir::substitute(std::move(statement), [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
      if (leaf.name != span) return std::nullopt;
      if (leaf.kind == ir::Index::Kind::span_begin) return begin;
      if (leaf.kind == ir::Index::Kind::span_size) return size;
      return std::nullopt;
    });
  return body;
}

ExprPtr* value_of(ir::Statement& statement) {
  if (auto* store = std::get_if<ir::Store>(&statement.node)) return &store->value;
  if (auto* assign = std::get_if<ir::Assign>(&statement.node)) return &assign->value;
  return nullptr;
}

std::vector<Node> nodes_of(ir::Program& program) {
  std::vector<Node> nodes;
  for (const test::Place& place : test::places_of(program))
    if (const ExprPtr* value = value_of(place.statement())) collect(place, *value, nullptr, 0, nodes);
  return nodes;
}

ExprPtr pointer_to(const Node& node) { return found(*value_of(node.place.statement()), node.expr); }

void replace(const Node& node, const ExprPtr& by) {
  ExprPtr& value = *value_of(node.place.statement());
  value = replaced(value, node.expr, by);
}

bool is_continued(const Node& node) {
  if (!node.parent) return false;
  return node.argument == 0 &&
         (node.parent->op == Op::row_sum_acc || node.parent->op == Op::col_sum_acc || node.parent->op == Op::matmul_acc);
}

ExprPtr columns_of(const ExprPtr& e, const IndexExpr& begin, const IndexExpr& size) {
  if (is_elementwise(e->op)) {
    std::vector<ExprPtr> args = e->args;
    for (ExprPtr& arg : args) {
      if (ir::is_one(arg->columns) && !ir::is_one(e->columns)) continue;
      arg = columns_of(arg, begin, size);
      if (!arg) return nullptr;
    }
    return ir::with_args(*e, std::move(args));
  }
  if (e->op == Op::constant) return ir::make_constant(e->dtype, e->rows, size, e->value);
  if (e->op == Op::load) {
    std::vector<Axis> slice = e->slice;
    for (size_t d = slice.size(); d-- > 0;)
      if (slice[d].kind == Axis::Kind::range) {
        slice[d].begin = ir::add(slice[d].begin, begin);
        slice[d].size = size;
        return ir::make_load(e->name, e->dtype, std::move(slice));
      } else if (slice[d].kind == Axis::Kind::by) {
        return nullptr;
      }
    return nullptr;
  }
  if (e->op == Op::matmul && !e->transpose_b) {
    const ExprPtr b = columns_of(e->args[1], begin, size);
    return b ? ir::with_args(*e, {e->args[0], b}) : nullptr;
  }
  if (e->dtype == DType::boolean || !ir::constant_value(e->columns) || !ir::constant_value(begin) || !ir::constant_value(size))
    return nullptr;
  return ir::make_columns(e, begin, size);
}

ExprPtr rows_of(const ExprPtr& e, const IndexExpr& begin, const IndexExpr& size) {
  if (e->op == Op::concat_columns) {
    std::vector<ExprPtr> parts;
    for (const ExprPtr& part : e->args) parts.push_back(rows_of(part, begin, size));
    return std::count(parts.begin(), parts.end(), nullptr) ? nullptr : ir::make_concat(e->op, std::move(parts));
  }
  if (e->op != Op::load) return nullptr;
  std::vector<Axis> slice = e->slice;
  size_t ranges = 0;
  for (const Axis& axis : slice) {
    if (axis.kind == Axis::Kind::by) return nullptr;
    ranges += axis.kind == Axis::Kind::range;
  }
  if (ranges != 2) return nullptr;
  for (Axis& axis : slice)
    if (axis.kind == Axis::Kind::range) {
      axis.begin = ir::add(axis.begin, begin);
      axis.size = size;
      break;
    }
  return ir::make_load(e->name, e->dtype, std::move(slice));
}

std::optional<ir::Program> read_again(const ir::Program& program, const std::string& name) {
  try {
    ir::Program again = ir::parse(ir::print(program), name);
    if (ir::verify(again).empty()) return again;
  } catch (const UserError&) {
  }
  return std::nullopt;
}

std::optional<Rewritten> rewritten(const ir::Program& program, int64_t most, uint64_t seed) {
  static const std::vector<Rewrite> all = [] {
    std::vector<Rewrite> joined;
    for (const auto* part : {&rewrites_of_loops(), &rewrites_of_values(), &rewrites_of_storage()})
      joined.insert(joined.end(), part->begin(), part->end());
    return joined;
  }();
  test::Random random(seed);
  Rewritten result{{}, program, ir::print(program)};
  const int64_t steps = random.between(1, most);
  for (int tries = 0; tries < 60 && static_cast<int64_t>(result.steps.size()) < steps; ++tries) {
    const Rewrite& rewrite = all[static_cast<size_t>(random.below(static_cast<int64_t>(all.size())))];
    ir::Program changed = result.program;
    try {
      if (!rewrite.apply(changed, random)) continue;
    } catch (const UserError&) {  // shapes that do not fit
      continue;
    }
    auto again = read_again(changed, "rewritten.tile");
    if (!again) continue;
    std::string text = ir::print(*again);
    if (text == result.text) continue;
    result.steps.push_back(rewrite.name);
    result.program = std::move(*again);
    result.text = std::move(text);
  }
  if (result.steps.empty()) return std::nullopt;
  return result;
}

}  // namespace imbrex::attack
