#include "imbrex/ir/rename.h"

#include <memory>

#include "imbrex/ir/visit.h"

namespace imbrex::ir {
namespace {

std::optional<IndexExpr> renamed_leaf(const Index& leaf, const NewNames& now) {
  std::string name = now(leaf.name);
  return name == leaf.name ? std::nullopt : std::optional(renamed(leaf, std::move(name)));
}

void rename_slice(std::vector<Axis>& slice, const NewNames& now) {
  for (Axis& axis : slice)
    if (axis.kind == Axis::Kind::by) axis.tile = now(axis.tile);
}

// Names that are no leaves of index expressions.
ExprPtr renamed(const ExprPtr& e, const NewNames& now) {
  auto copy = std::make_shared<Expr>(*e);
  if (copy->op == Op::variable || copy->op == Op::load) copy->name = now(copy->name);
  rename_slice(copy->slice, now);
  for (ExprPtr& arg : copy->args) arg = renamed(arg, now);
  return copy;
}

void rename(Tensor& tensor, const NewNames& now) {
  tensor.name = now(tensor.name);
  for (IndexExpr& extent : tensor.shape) extent = substitute(extent, [&](const Index& leaf) { return renamed_leaf(leaf, now); });
}

void rename_own(Statement& statement, const NewNames& now) {
  if (auto* create = std::get_if<CreateTensor>(&statement.node)) create->tensor.name = now(create->tensor.name);
  if (auto* view = std::get_if<View>(&statement.node)) view->name = now(view->name), view->base = now(view->base);
  if (auto* assign = std::get_if<Assign>(&statement.node))
    assign->name = now(assign->name), assign->value = renamed(assign->value, now);
  if (auto* store = std::get_if<Store>(&statement.node)) {
    store->tensor = now(store->tensor);
    rename_slice(store->slice, now);
    store->value = renamed(store->value, now);
  }
  if (auto* read = std::get_if<ReadIndex>(&statement.node)) read->name = now(read->name), read->tensor = now(read->tensor);
  if (auto* loop = std::get_if<Loop>(&statement.node)) {
    loop->variable = now(loop->variable);
    if (!loop->of_span.empty()) loop->of_span = now(loop->of_span);
  }
  if (auto* tap = std::get_if<Tap>(&statement.node)) tap->value = renamed(tap->value, now);
  if (auto* elements = std::get_if<AssumeElements>(&statement.node)) elements->tile = now(elements->tile);
}

void visit_index(const IndexExpr& e, const std::function<void(const std::string&)>& visit) {
  if (!e) return;
  if (!e->name.empty()) visit(e->name);
  visit_index(e->a, visit);
  visit_index(e->b, visit);
}

void visit_slice(const std::vector<Axis>& slice, const std::function<void(const std::string&)>& visit) {
  for (const Axis& axis : slice) {
    if (axis.kind == Axis::Kind::by) visit(axis.tile);
    visit_index(axis.begin, visit);
    if (axis.kind == Axis::Kind::range) visit_index(axis.size, visit);
  }
}

void visit_condition(const Condition& condition, const std::function<void(const std::string&)>& visit) {
  for (const Comparison& comparison : condition) visit_index(comparison.left, visit), visit_index(comparison.right, visit);
}

}  // namespace

Program renamed(Program program, const NewNames& now) {
  for (Dim& dim : program.dims) dim.name = now(dim.name);
  for (Tensor& tensor : program.tensors) rename(tensor, now);
  for_each_statement(program.body, [&](Statement& statement) {
    rename_own(statement, now);
    return true;
  });
  // Leaves of index expressions, in what is inside a statement too.
  for (Statement& statement : program.body)
    statement = substitute(std::move(statement), [&](const Index& leaf) { return renamed_leaf(leaf, now); });
  return program;
}

void for_each_name(const Block& block, const std::function<void(const std::string&)>& visit) {
  for_each_statement(block, [&](const Statement& statement) {
    if (const auto* create = std::get_if<CreateTensor>(&statement.node)) {
      visit(create->tensor.name);
      for (const IndexExpr& extent : create->tensor.shape) visit_index(extent, visit);
    }
    if (const auto* view = std::get_if<View>(&statement.node)) {
      visit(view->name);
      visit(view->base);
      for (const IndexExpr& extent : view->shape) visit_index(extent, visit);
    }
    if (const auto* assign = std::get_if<Assign>(&statement.node)) visit(assign->name);
    if (const auto* store = std::get_if<Store>(&statement.node)) {
      visit(store->tensor);
      visit_slice(store->slice, visit);
    }
    if (const auto* read = std::get_if<ReadIndex>(&statement.node)) {
      visit(read->name);
      visit(read->tensor);
      for (const IndexExpr& index : read->position) visit_index(index, visit);
    }
    if (const auto* loop = std::get_if<Loop>(&statement.node)) {
      visit(loop->variable);
      visit_index(loop->begin, visit);
      visit_index(loop->extent, visit);
    }
    if (const auto* branch = std::get_if<If>(&statement.node)) visit_condition(branch->condition, visit);
    if (const auto* assume = std::get_if<Assume>(&statement.node)) visit_condition(assume->condition, visit);
    if (const auto* elements = std::get_if<AssumeElements>(&statement.node)) visit(elements->tile);
    for_each_expr(statement, [&](const Expr& e) {
      if (e.op == Op::variable || e.op == Op::load) visit(e.name);
      visit_slice(e.slice, visit);
      visit_index(e.index, visit);
      visit_index(e.rows, visit);
      visit_index(e.columns, visit);
    });
    return true;
  });
}

}  // namespace imbrex::ir
