#include "imbrex/plan/symbols.h"

#include <functional>

#include "imbrex/ir/visit.h"

namespace imbrex::plan {
namespace {

using ir::Expr;
using ir::IndexExpr;
using ir::Op;
using ir::Statement;
using Kind = ir::Index::Kind;

void count(Symbols& symbols, const Expr& e) {
  if (e.op == Op::variable) ++symbols.tiles.at(e.name).mentions;
  for (const ir::Axis& axis : e.slice)
    if (axis.kind == ir::Axis::Kind::by) ++symbols.tiles.at(axis.tile).mentions;
  if (e.op == Op::row_sum_acc && e.dtype == ir::DType::f32) symbols.tiles.at(e.args[0]->name).accumulator = true;
}

void note_statement(Symbols& symbols, const Statement& s) {
  if (const auto* create = std::get_if<ir::CreateTensor>(&s.node)) {
    const ir::Tensor& t = create->tensor;
    symbols.tensors[t.name] = {t.name, t.name, t.dtype, t.shape};
  } else if (const auto* view = std::get_if<ir::View>(&s.node)) {
    const Tensor& base = symbols.tensors.at(view->base);
    symbols.tensors[view->name] = {view->name, base.storage, base.dtype, view->shape, base.argument};
  } else if (const auto* assign = std::get_if<ir::Assign>(&s.node)) {
    Tile& tile = symbols.tiles[assign->name];
    if (assign->declares) {
      tile.name = assign->name;
      tile.dtype = assign->value->dtype;
      tile.rows = assign->value->rows;
      tile.columns = assign->value->columns;
    }
    ++tile.mentions;
    if (assign->value->op == Op::row_sum_acc && assign->value->dtype == ir::DType::f32) tile.accumulator = true;
  } else if (const auto* store = std::get_if<ir::Store>(&s.node)) {
    symbols.tensors.at(store->tensor).written = true;
    for (const ir::Axis& axis : store->slice)
      if (axis.kind == ir::Axis::Kind::by) ++symbols.tiles.at(axis.tile).mentions;
  } else if (const auto* distinct = std::get_if<ir::AssumeElements>(&s.node)) {
    ++symbols.tiles.at(distinct->tile).mentions;
  }
}

}  // namespace

Symbols::Symbols(const ir::Program& program) : loops(ir::loops_of(program)) {
  for (const ir::Dim& dim : program.dims) dims.insert(dim.name);
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    const ir::Tensor& t = program.tensors[i];
    tensors[t.name] = {t.name, t.name, t.dtype, t.shape, static_cast<int>(i)};
  }
  ir::for_each_statement(program.body, [&](const Statement& s) { return note_statement(*this, s), true; });
  ir::for_each_statement(program.body, [&](const Statement& s) {
    ir::for_each_expr(s, [&](const Expr& e) { count(*this, e); });
    return true;
  });
  for (auto& [name, tensor] : tensors)
    if (tensor.written) tensors.at(tensor.storage).written = true;
  for (auto& [name, tensor] : tensors) tensor.written = tensors.at(tensor.storage).written;
}

std::optional<int64_t> Symbols::fixed(const IndexExpr& e) const { return ir::fixed_value(e, loops); }

bool Symbols::is_multiple(const IndexExpr& e, int64_t of) const { return ir::is_multiple(e, of, loops); }

bool Symbols::at_most(const IndexExpr& e, int64_t limit) const {
  switch (e->kind) {
    case Kind::constant: return e->value <= limit;
    case Kind::span_size: return loops.at(e->name)->tile <= limit;
    case Kind::min: return at_most(e->a, limit) || at_most(e->b, limit);
    case Kind::max: return at_most(e->a, limit) && at_most(e->b, limit);
    default: return false;
  }
}

bool Symbols::depends_on_data(const IndexExpr& e) const {
  std::set<std::string> seen;  // spans of spans name each other twice, in their begin and their extent
  const std::function<bool(const IndexExpr&)> depends = [&](const IndexExpr& at) {
    for (const std::string& name : ir::names_in(at)) {
      if (dims.contains(name) || !seen.insert(name).second) continue;
      const auto loop = loops.find(name);
      if (loop == loops.end() || depends(loop->second->begin) || depends(loop->second->extent)) return true;
    }
    return false;
  };
  return depends(e);
}

}  // namespace imbrex::plan
