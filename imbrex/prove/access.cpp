#include "imbrex/prove/access.h"

#include <algorithm>
#include <utility>

#include "imbrex/ir/visit.h"

namespace imbrex::prove {
namespace {

struct Walk {
  const ir::Program& program;
  Accesses out;
  std::vector<Binder> binders;
  std::vector<Guard> guards;
  std::string scope;
  size_t scope_number = 0;
  struct Named {
    std::string memory;
    std::vector<ir::IndexExpr> shape;
  };
  std::map<std::string, Named> tensors;  // by name, views included

  void declare(const ir::Tensor& tensor, int origin) {
    out.memories[tensor.name] = {&tensor, binders.size(), origin, scope};
    tensors[tensor.name] = {tensor.name, tensor.shape};
  }

  void access(const std::string& name, const std::vector<ir::Axis>& slice, bool writes, int origin) {
    const Named& named = tensors.at(name);
    out.all.push_back({writes, &out.memories.at(named.memory), name, named.shape, slice, origin, out.all.size(), binders, guards,
                       scope, scope_number});
  }

  void expressions(const ir::Statement& statement) {
    ir::for_each_expr(statement, [&](const ir::Expr& e) {
      const int origin = e.origin >= 0 ? e.origin : statement.origin;
      if (e.op == ir::Op::load) access(e.name, e.slice, false, origin);
      if (e.op == ir::Op::gather) out.gathers.push_back({&e, origin, binders, guards});
    });
  }

  void block(const ir::Block& statements) {
    const size_t visible_binders = binders.size(), visible_guards = guards.size();
    for (const ir::Statement& statement : statements) {
      expressions(statement);
      std::visit([&](const auto& node) { visit(node, statement); }, statement.node);
    }
    binders.resize(visible_binders);
    guards.resize(visible_guards);
  }

  bool is_outside_loops() const {
    return std::none_of(binders.begin(), binders.end(), [](const Binder& binder) { return binder.loop; });
  }

  void visit(const ir::CreateTensor& node, const ir::Statement& s) { declare(node.tensor, s.origin); }
  void visit(const ir::View& node, const ir::Statement&) { tensors[node.name] = {tensors.at(node.base).memory, node.shape}; }
  void visit(const ir::Assign& node, const ir::Statement&) {
    if (node.declares)
      out.tiles.emplace(node.name, node.value);
    else
      out.rebound.insert(node.name);
  }
  void visit(const ir::Store& node, const ir::Statement& s) { access(node.tensor, node.slice, true, s.origin); }
  void visit(const ir::Tap&, const ir::Statement&) {}
  void visit(const ir::AssumeDistinct& node, const ir::Statement&) { out.distinct.push_back(node.tile); }
  void visit(const ir::ReadIndex& node, const ir::Statement& s) {
    std::vector<ir::Axis> slice;
    for (const ir::IndexExpr& position : node.position) slice.push_back({ir::Axis::Kind::point, position, ir::constant(1), {}});
    access(node.tensor, slice, false, s.origin);
    if (is_outside_loops()) out.single_indices.insert(node.name);
    binders.push_back({node.name, nullptr, s.origin});
  }
  void visit(const ir::Assume& node, const ir::Statement&) {
    const Guard guard{&node.condition, true, true};
    guards.push_back(guard);
    out.assumptions.push_back(guard);
    if (is_outside_loops() && std::none_of(guards.begin(), guards.end(), [](const Guard& g) { return !g.assumed; }))
      out.of_dimensions.push_back(guard);
  }
  void visit(const ir::At& node, const ir::Statement& s) {
    const std::string outer = std::exchange(scope, node.name);
    const size_t outer_number = std::exchange(scope_number, out.scopes.size());
    out.scopes.push_back({node.name, s.origin});
    // Not block(): what is read or assumed inside a scope stays known after it.
    for (const ir::Statement& statement : node.body) {
      expressions(statement);
      std::visit([&](const auto& inner) { visit(inner, statement); }, statement.node);
    }
    scope = outer;
    scope_number = outer_number;
  }
  void visit(const ir::If& node, const ir::Statement&) {
    guards.push_back({&node.condition, true, false});
    block(node.then_block);
    guards.back().holds = false;
    block(node.else_block);
    guards.pop_back();
  }
  void visit(const ir::Loop& node, const ir::Statement& s) {
    out.loops[node.variable] = &node;
    if (node.kind == ir::Loop::Kind::parallel) out.parallel_loops.push_back({&node, binders.size(), s.origin});
    binders.push_back({node.variable, &node, s.origin});
    block(node.body);
    binders.pop_back();
  }
};

std::string text_of_axis(const ir::Axis& axis, const ir::IndexExpr& extent) {
  switch (axis.kind) {
    case ir::Axis::Kind::point: return ir::to_text(axis.begin);
    case ir::Axis::Kind::by: return "by " + axis.tile;
    case ir::Axis::Kind::range: break;
  }
  if (ir::constant_value(axis.begin) == 0 && ir::same(axis.size, extent)) return ":";
  if (axis.begin->kind == ir::Index::Kind::span_begin && axis.size->kind == ir::Index::Kind::span_size &&
      axis.begin->name == axis.size->name)
    return axis.begin->name;
  return ir::to_text(axis.begin) + " +: " + ir::to_text(axis.size);
}

}  // namespace

Accesses accesses_of(const ir::Program& program) {
  Walk walk{program, {}, {}, {}, {}, 0, {}};
  walk.out.scopes.emplace_back();
  for (const ir::Tensor& tensor : program.tensors) walk.declare(tensor, tensor.origin);
  walk.block(program.body);
  return std::move(walk.out);
}

std::string text_of_access(const std::string& name, const std::vector<ir::Axis>& slice, const std::vector<ir::IndexExpr>& shape) {
  std::string text;
  for (size_t k = 0; k < slice.size(); ++k) text += (k ? ", " : "") + text_of_axis(slice[k], shape[k]);
  return name + "[" + text + "]";
}

}  // namespace imbrex::prove
