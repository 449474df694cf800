#include "imbrex/optimize/forward_single_use.h"

#include <algorithm>
#include <map>
#include <set>

#include "imbrex/ir/visit.h"

namespace imbrex::optimize {
namespace {

using namespace imbrex::ir;

// Expressions stay well inside the limits of the text (ir/parse.h).
constexpr int kMaxNodes = 400, kMaxDepth = 60;

void measure(const ExprPtr& e, int depth, int& nodes, int& deepest) {
  ++nodes;
  deepest = std::max(deepest, depth);
  for (const ExprPtr& arg : e->args) measure(arg, depth + 1, nodes, deepest);
}

ExprPtr* value_of(Statement& statement) {
  if (auto* assign = std::get_if<Assign>(&statement.node)) return &assign->value;
  if (auto* store = std::get_if<Store>(&statement.node)) return &store->value;
  return nullptr;
}

void for_each_slice(const Statement& statement, const std::function<void(const std::vector<Axis>&)>& visit) {
  if (const auto* store = std::get_if<Store>(&statement.node)) visit(store->slice);
  for_each_expr(statement, [&](const Expr& e) {
    if (e.op == Op::load) visit(e.slice);
  });
}

class Forward {
 public:
  explicit Forward(const Program& program) {
    for_each_statement(program.body, [&](const Statement& statement) {
      count(statement);
      return true;
    });
  }

  Block block(Block body) {
    for (Statement& statement : body) {
      if (find(statement.annotations, "as_written")) continue;
      if (auto* loop = std::get_if<Loop>(&statement.node)) loop->body = block(std::move(loop->body));
      if (auto* at = std::get_if<At>(&statement.node)) at->body = block(std::move(at->body));
      if (auto* branch = std::get_if<If>(&statement.node)) {
        branch->then_block = block(std::move(branch->then_block));
        branch->else_block = block(std::move(branch->else_block));
      }
    }
    for (size_t i = 0; i < body.size();) {
      if (forwarded(body, i))
        body.erase(body.begin() + static_cast<ptrdiff_t>(i));
      else
        ++i;
    }
    return body;
  }

 private:
  void count(const Statement& statement) {
    if (const auto* assign = std::get_if<Assign>(&statement.node); assign && !assign->declares) rebound_.insert(assign->name);
    if (const auto* view = std::get_if<View>(&statement.node)) base_of_view_[view->name] = base_of(view->base);
    // A tile of row numbers, or that something is assumed of, keeps its name.
    if (const auto* distinct = std::get_if<AssumeElements>(&statement.node)) uses_[distinct->tile] += 2;
    if (const auto* assume = std::get_if<Assume>(&statement.node))
      for (const Comparison& comparison : assume->condition)
        for (const IndexExpr& side : {comparison.left, comparison.right})
          for (const std::string& name : names_in(side)) uses_[name] += 2;
    for_each_slice(statement, [&](const std::vector<Axis>& slice) {
      for (const Axis& axis : slice)
        if (axis.kind == Axis::Kind::by) uses_[axis.tile] += 2;
    });
    for_each_expr(statement, [&](const Expr& e) {
      if (e.op == Op::variable) ++uses_[e.name];
    });
  }

  std::string base_of(const std::string& tensor) const {
    const auto found = base_of_view_.find(tensor);
    return found == base_of_view_.end() ? tensor : found->second;
  }

  // Puts the tile declared by statement i into the statement that uses it. False if it must stay.
  bool forwarded(Block& body, size_t i) {
    const auto* assign = std::get_if<Assign>(&body[i].node);
    if (!assign || !assign->declares || !body[i].annotations.empty() || rebound_.contains(assign->name)) return false;
    if (uses_[assign->name] != 1) return false;
    for (size_t j = i + 1; j < body.size(); ++j) {
      if (ExprPtr* value = value_of(body[j]); value && uses(*value, assign->name)) return nest(*assign, *value);
      if (disturbs(body[j], assign->value)) return false;
    }
    return false;
  }

  static bool uses(const ExprPtr& e, const std::string& tile) {
    bool found = false;
    for_each_expr(e, [&](const Expr& x) { found = found || (x.op == Op::variable && x.name == tile); });
    return found;
  }

  static bool nest(const Assign& assign, ExprPtr& value) {
    const ExprPtr nested =
        rewrite(value, [&](const ExprPtr& e) { return e->op == Op::variable && e->name == assign.name ? assign.value : e; });
    int nodes = 0, deepest = 0;
    measure(nested, 1, nodes, deepest);
    if (nodes > kMaxNodes || deepest > kMaxDepth) return false;
    value = nested;
    return true;
  }

  // Whether running `statement` first can change the value of `e`.
  bool disturbs(const Statement& statement, const ExprPtr& e) const {
    std::set<std::string> tiles, memory;
    for_each_expr(e, [&](const Expr& x) {
      if (x.op == Op::variable) tiles.insert(x.name);
      if (x.op == Op::load) memory.insert(base_of(x.name));
      for (const Axis& axis : x.slice)
        if (axis.kind == Axis::Kind::by) tiles.insert(axis.tile);
    });
    bool found = false;
    for_each_statement(Block{statement}, [&](const Statement& inner) {
      if (const auto* store = std::get_if<Store>(&inner.node)) found = found || memory.contains(base_of(store->tensor));
      if (const auto* assign = std::get_if<Assign>(&inner.node)) found = found || tiles.contains(assign->name);
      return !found;
    });
    return found;
  }

  std::map<std::string, int> uses_;
  std::set<std::string> rebound_;
  std::map<std::string, std::string> base_of_view_;
};

}  // namespace

ir::Program forward_single_use(const ir::Program& program) {
  ir::Program result = program;
  result.body = Forward(program).block(program.body);
  return result;
}

}  // namespace imbrex::optimize
