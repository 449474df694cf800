#include "imbrex/ir/visit.h"

#include <cmath>
#include <type_traits>

namespace imbrex::ir {
namespace {

using Leaf = std::function<std::optional<IndexExpr>(const Index&)>;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

// Calls `visit` for each block inside a statement.
template <class AnyStatement, class Visit>
void for_each_block(AnyStatement& statement, const Visit& visit) {
  if (auto* loop = std::get_if<Loop>(&statement.node)) visit(loop->body);
  if (auto* at = std::get_if<At>(&statement.node)) visit(at->body);
  if (auto* branch = std::get_if<If>(&statement.node)) {
    visit(branch->then_block);
    visit(branch->else_block);
  }
}

IndexExpr change(const IndexExpr& e, const Leaf& leaf) { return e ? substitute(e, leaf) : e; }

std::vector<IndexExpr> change(std::vector<IndexExpr> list, const Leaf& leaf) {
  for (IndexExpr& e : list) e = change(e, leaf);
  return list;
}

std::vector<Axis> change(std::vector<Axis> slice, const Leaf& leaf) {
  for (Axis& axis : slice) {
    axis.begin = change(axis.begin, leaf);
    axis.size = change(axis.size, leaf);
  }
  return slice;
}

Condition change(Condition condition, const Leaf& leaf) {
  for (Comparison& comparison : condition) {
    comparison.left = change(comparison.left, leaf);
    comparison.right = change(comparison.right, leaf);
  }
  return condition;
}

void change_in_place(Block& block, const Leaf& leaf) {
  for (Statement& statement : block) statement = substitute(std::move(statement), leaf);
}

// Two index expressions are printed alike exactly if they have the same structure.
bool alike(const IndexExpr& a, const IndexExpr& b) {
  if (!a || !b) return a == b;
  return a == b || to_text(a) == to_text(b);
}

bool alike(const std::vector<IndexExpr>& a, const std::vector<IndexExpr>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!alike(a[i], b[i])) return false;
  return true;
}

bool alike(const Axis& a, const Axis& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == Axis::Kind::by) return a.tile == b.tile;
  return alike(a.begin, b.begin) && (a.kind == Axis::Kind::point || alike(a.size, b.size));
}

bool alike(const std::vector<Axis>& a, const std::vector<Axis>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!alike(a[i], b[i])) return false;
  return true;
}

bool alike(const Condition& a, const Condition& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].compare != b[i].compare || !alike(a[i].left, b[i].left) || !alike(a[i].right, b[i].right)) return false;
  return true;
}

bool alike(const Tensor& a, const Tensor& b) {
  return a.name == b.name && a.dtype == b.dtype && a.role == b.role && a.is_weight == b.is_weight && alike(a.shape, b.shape) &&
         a.annotations == b.annotations;
}

bool alike(const Loop& a, const Loop& b) {
  return a.kind == b.kind && a.stages == b.stages && a.variable == b.variable && a.tile == b.tile && a.of_span == b.of_span &&
         alike(a.begin, b.begin) && alike(a.extent, b.extent) && equal(a.body, b.body);
}

bool alike_value(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

bool equal(const Statement& a, const Statement& b) {
  if (a.node.index() != b.node.index() || a.annotations != b.annotations) return false;
  return std::visit(
      [&](const auto& left) {
        using Node = std::decay_t<decltype(left)>;
        const Node& right = std::get<Node>(b.node);
        return Overloaded{
            [](const CreateTensor& x, const CreateTensor& y) { return alike(x.tensor, y.tensor); },
            [](const View& x, const View& y) { return x.name == y.name && x.base == y.base && alike(x.shape, y.shape); },
            [](const Assign& x, const Assign& y) {
              return x.name == y.name && x.declares == y.declares && ir::equal(x.value, y.value);
            },
            [](const Store& x, const Store& y) {
              return x.tensor == y.tensor && alike(x.slice, y.slice) && ir::equal(x.value, y.value);
            },
            [](const ReadIndex& x, const ReadIndex& y) {
              return x.name == y.name && x.tensor == y.tensor && alike(x.position, y.position);
            },
            [](const Loop& x, const Loop& y) { return alike(x, y); },
            [](const At& x, const At& y) { return x.name == y.name && ir::equal(x.body, y.body); },
            [](const If& x, const If& y) {
              return alike(x.condition, y.condition) && ir::equal(x.then_block, y.then_block) &&
                     ir::equal(x.else_block, y.else_block);
            },
            [](const Tap& x, const Tap& y) { return x.name == y.name && ir::equal(x.value, y.value); },
            [](const Assume& x, const Assume& y) { return alike(x.condition, y.condition); },
            [](const AssumeElements& x, const AssumeElements& y) {
              return x.tile == y.tile && x.property == y.property && x.except == y.except;
            },
        }(left, right);
      },
      a.node);
}

}  // namespace

void for_each_statement(const Block& block, const std::function<bool(const Statement&)>& visit) {
  for (const Statement& statement : block)
    if (visit(statement)) for_each_block(statement, [&](const Block& inner) { for_each_statement(inner, visit); });
}

void for_each_statement(Block& block, const std::function<bool(Statement&)>& visit) {
  for (Statement& statement : block)
    if (visit(statement)) for_each_block(statement, [&](Block& inner) { for_each_statement(inner, visit); });
}

void for_each_expr(const ExprPtr& e, const std::function<void(const Expr&)>& visit) {
  visit(*e);
  for (const ExprPtr& arg : e->args) for_each_expr(arg, visit);
}

void for_each_expr(const Statement& statement, const std::function<void(const Expr&)>& visit) {
  if (const auto* assign = std::get_if<Assign>(&statement.node)) for_each_expr(assign->value, visit);
  if (const auto* store = std::get_if<Store>(&statement.node)) for_each_expr(store->value, visit);
  if (const auto* tap = std::get_if<Tap>(&statement.node)) for_each_expr(tap->value, visit);
}

ExprPtr rewrite(const ExprPtr& e, const std::function<ExprPtr(const ExprPtr&)>& change) {
  std::vector<ExprPtr> args;
  bool changed = false;
  for (const ExprPtr& arg : e->args) {
    args.push_back(rewrite(arg, change));
    changed = changed || args.back() != arg;
  }
  return change(changed ? with_args(*e, std::move(args)) : e);
}

// Shapes are substituted node by node, not inferred again: a substitution may make extents equal or constant, and keeps both
// valid.
ExprPtr substitute(const ExprPtr& e, const Leaf& leaf) {
  auto result = std::make_shared<Expr>(*e);
  for (ExprPtr& arg : result->args) arg = substitute(arg, leaf);
  result->rows = change(e->rows, leaf);
  result->columns = change(e->columns, leaf);
  result->index = change(e->index, leaf);
  result->slice = change(e->slice, leaf);
  return result;
}

Statement substitute(Statement s, const Leaf& leaf) {
  std::visit(Overloaded{
                 [&](CreateTensor& x) { x.tensor.shape = change(std::move(x.tensor.shape), leaf); },
                 [&](View& x) { x.shape = change(std::move(x.shape), leaf); },
                 [&](Assign& x) { x.value = substitute(x.value, leaf); },
                 [&](Store& x) {
                   x.slice = change(std::move(x.slice), leaf);
                   x.value = substitute(x.value, leaf);
                 },
                 [&](ReadIndex& x) { x.position = change(std::move(x.position), leaf); },
                 [&](Loop& x) {
                   x.begin = change(x.begin, leaf);
                   x.extent = change(x.extent, leaf);
                   // tiles(SPAN, n) follows a renamed span; where the span is gone, the explicit extent remains.
                   if (!x.of_span.empty()) {
                     using Kind = Index::Kind;
                     const bool spans = x.begin->kind == Kind::span_begin && x.extent->kind == Kind::span_size;
                     x.of_span = spans && x.begin->name == x.extent->name ? x.begin->name : std::string();
                   }
                   change_in_place(x.body, leaf);
                 },
                 [&](At& x) { change_in_place(x.body, leaf); },
                 [&](If& x) {
                   x.condition = change(std::move(x.condition), leaf);
                   change_in_place(x.then_block, leaf);
                   change_in_place(x.else_block, leaf);
                 },
                 [&](Tap& x) { x.value = substitute(x.value, leaf); },
                 [&](Assume& x) { x.condition = change(std::move(x.condition), leaf); },
                 [&](AssumeElements&) {},
             },
             s.node);
  return s;
}

bool equal(const ExprPtr& a, const ExprPtr& b) {
  if (a == b) return true;
  if (a->op != b->op || a->dtype != b->dtype || a->name != b->name || a->mode != b->mode || a->args.size() != b->args.size() ||
      a->transpose_a != b->transpose_a || a->transpose_b != b->transpose_b || a->block != b->block ||
      !alike_value(a->value, b->value))
    return false;
  const bool shape_is_written = a->op == Op::constant || a->op == Op::reshape || a->op == Op::columns;
  if (shape_is_written && !(alike(a->rows, b->rows) && alike(a->columns, b->columns))) return false;
  if (!alike(a->index, b->index) || !alike(a->slice, b->slice)) return false;
  for (size_t i = 0; i < a->args.size(); ++i)
    if (!equal(a->args[i], b->args[i])) return false;
  return true;
}

bool equal(const Block& a, const Block& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!equal(a[i], b[i])) return false;
  return true;
}

bool equal(const Program& a, const Program& b) {
  if (a.name != b.name || a.annotations != b.annotations || a.dims.size() != b.dims.size() ||
      a.tensors.size() != b.tensors.size())
    return false;
  for (size_t i = 0; i < a.dims.size(); ++i)
    if (a.dims[i].name != b.dims[i].name || a.dims[i].typical != b.dims[i].typical || a.dims[i].max != b.dims[i].max)
      return false;
  for (size_t i = 0; i < a.tensors.size(); ++i)
    if (!alike(a.tensors[i], b.tensors[i])) return false;
  return equal(a.body, b.body);
}

}  // namespace imbrex::ir
