#include "imbrex/optimize/uses.h"

#include "imbrex/ir/visit.h"

namespace imbrex::optimize {
namespace {

std::string declared_by(const ir::Statement& statement) {
  if (const auto* create = std::get_if<ir::CreateTensor>(&statement.node)) return create->tensor.name;
  if (const auto* view = std::get_if<ir::View>(&statement.node)) return view->name;
  if (const auto* read = std::get_if<ir::ReadIndex>(&statement.node)) return read->name;
  if (const auto* assign = std::get_if<ir::Assign>(&statement.node)) return assign->declares ? assign->name : "";
  if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) return loop->variable;
  return "";
}

void note_slice(const std::vector<ir::Axis>& slice, Uses& uses) {
  for (const ir::Axis& axis : slice)
    if (axis.kind == ir::Axis::Kind::by) uses.names.insert(axis.tile);
}

void note(const ir::Statement& statement, const BaseOfView& bases, Uses& uses) {
  ir::for_each_expr(statement, [&](const ir::Expr& e) {
    if (e.op == ir::Op::load || e.op == ir::Op::variable) uses.names.insert(e.name);
    if (e.op == ir::Op::load) uses.loads.insert(base_of(bases, e.name));
    note_slice(e.slice, uses);
  });
  if (const auto* store = std::get_if<ir::Store>(&statement.node)) {
    uses.names.insert(store->tensor);
    uses.stores.insert(base_of(bases, store->tensor));
    note_slice(store->slice, uses);
  }
  if (const auto* assign = std::get_if<ir::Assign>(&statement.node); assign && !assign->declares) uses.names.insert(assign->name);
  if (const auto* view = std::get_if<ir::View>(&statement.node)) uses.names.insert(view->base);
  if (const auto* distinct = std::get_if<ir::AssumeElements>(&statement.node)) uses.names.insert(distinct->tile);
  if (const auto* read = std::get_if<ir::ReadIndex>(&statement.node)) {
    uses.names.insert(read->tensor);
    uses.loads.insert(base_of(bases, read->tensor));
  }
}

}  // namespace

std::string base_of(const BaseOfView& bases, const std::string& name) {
  const auto view = bases.find(name);
  return view == bases.end() ? name : view->second;
}

BaseOfView bases_of_views(const ir::Program& program) {
  BaseOfView bases;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* view = std::get_if<ir::View>(&statement.node)) bases[view->name] = base_of(bases, view->base);
    return true;
  });
  return bases;
}

Uses uses_of(const ir::Statement& statement, const BaseOfView& base_of_view) {
  Uses uses;
  ir::for_each_statement(ir::Block{statement}, [&](const ir::Statement& inner) {
    note(inner, base_of_view, uses);
    return true;
  });
  // Indices, wherever they stand.
  ir::substitute(statement, [&](const ir::Index& leaf) -> std::optional<ir::IndexExpr> {
    uses.names.insert(leaf.name);
    return std::nullopt;
  });
  if (const std::string name = declared_by(statement); !name.empty() && !std::holds_alternative<ir::Loop>(statement.node))
    uses.declares.insert(name);
  return uses;
}

SourceLine line_of_store(const ir::Program& program, const std::string& tensor) {
  const BaseOfView bases = bases_of_views(program);
  SourceLine where;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    const auto* store = std::get_if<ir::Store>(&statement.node);
    if (store && base_of(bases, store->tensor) == tensor) where = program.where(statement.origin);
    return true;
  });
  return where;
}

std::set<std::string> names_declared_in(const ir::Block& block) {
  std::set<std::string> names;
  ir::for_each_statement(block, [&](const ir::Statement& statement) {
    if (std::string name = declared_by(statement); !name.empty()) names.insert(std::move(name));
    return true;
  });
  return names;
}

std::set<std::string> names_of(const ir::Program& program) {
  std::set<std::string> names = names_declared_in(program.body);
  for (const ir::Dim& dim : program.dims) names.insert(dim.name);
  for (const ir::Tensor& tensor : program.tensors) names.insert(tensor.name);
  return names;
}

}  // namespace imbrex::optimize
