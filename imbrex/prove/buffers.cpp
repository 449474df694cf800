#include "imbrex/prove/buffers.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/visit.h"
#include "imbrex/prove/access.h"
#include "imbrex/prove/affine.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;
using target::MemoryKind;

// The largest value over all iterations: spans are full, and what else depends on a loop is largest in its first or last
// iteration.
IndexExpr worst(const IndexExpr& e, const LoopsByName& loops, const TileSizes& tiles) {
  const auto tile_of = [&](const ir::Loop& loop) {
    const auto other = tiles.find(loop.variable);
    return other == tiles.end() ? loop.tile : other->second;
  };
  IndexExpr result = ir::substitute(e, [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
    const auto found = loops.find(leaf.name);
    if (found == loops.end() || leaf.kind != ir::Index::Kind::span_size) return std::nullopt;
    const IndexExpr extent = worst(found->second->extent, loops, tiles);
    const IndexExpr tile = ir::constant(tile_of(*found->second));
    return ir::same(extent, tile) ? extent : ir::min(tile, extent);
  });
  for (const std::string& name : ir::names_in(result)) {
    const auto found = loops.find(name);
    if (found == loops.end()) continue;
    const ir::Loop& loop = *found->second;
    const auto in_iteration = [&](const IndexExpr& number) {
      return ir::substitute(result, [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
        if (leaf.name != name) return std::nullopt;
        if (loop.tile == 0) return ir::add(loop.begin, number);
        return leaf.kind == ir::Index::Kind::span_index ? number
                                                        : ir::add(loop.begin, ir::mul(number, ir::constant(tile_of(loop))));
      });
    };
    const IndexExpr first = in_iteration(ir::constant(0)), last = in_iteration(ir::sub(trips(loop), ir::constant(1)));
    result = worst(ir::same(first, last) ? first : ir::max(first, last), loops, tiles);
  }
  return result;
}

struct Tracker {
  const target::Machine& machine;
  const CubeTiles& cube;
  ScopeBuffers& scope;
  struct Variable {
    size_t buffer;
    size_t depth;
  };
  std::map<std::string, Variable> variables;
  struct OpenLoop {
    int start;
    int64_t copies;
  };
  std::vector<OpenLoop> open;
  std::map<std::string, size_t> copies_of;  // in the memory of the other kind of unit

  int64_t copies() const { return open.empty() ? 1 : open.back().copies; }

  size_t allocate(const ir::Expr& e, MemoryKind memory, const std::string& name, int origin) {
    Buffer buffer;
    buffer.name = name, buffer.memory = memory, buffer.dtype = e.dtype, buffer.rows = e.rows, buffer.columns = e.columns;
    buffer.copies = copies(), buffer.first = buffer.last = scope.steps, buffer.origin = e.origin >= 0 ? e.origin : origin;
    scope.buffers.push_back(buffer);
    return scope.buffers.size() - 1;
  }

  void use(const std::string& variable) {
    const auto found = variables.find(variable);
    if (found != variables.end()) scope.buffers[found->second.buffer].last = scope.steps;
  }

  int64_t half_of(MemoryKind kind) const {
    for (const target::OnChipMemory& memory : machine.memories)
      if (memory.kind == kind) return memory.bytes / 2;
    return 0;
  }

  // Evaluates; returns the buffer of a value that no variable holds.
  std::optional<size_t> value(const ir::ExprPtr& e, int origin, bool for_cube = false) {
    if (e->op == ir::Op::variable) {
      use(e->name);
      return std::nullopt;
    }
    if ((e->op == ir::Op::constant || e->op == ir::Op::index) && ir::is_one(e->rows) && ir::is_one(e->columns))
      return std::nullopt;
    std::vector<std::optional<size_t>> args;
    for (size_t i = 0; i < e->args.size(); ++i) args.push_back(value(e->args[i], origin, is_cube_operand(*e, i)));
    ++scope.steps;
    for (const ir::ExprPtr& arg : e->args)
      if (arg->op == ir::Op::variable) use(arg->name);
    for (const auto& arg : args)
      if (arg) scope.buffers[*arg].last = scope.steps;
    moves(*e, origin);
    if (e->op == ir::Op::reshape) return args[0];
    const bool in_place = e->op == ir::Op::matmul_acc || e->op == ir::Op::row_sum_acc || e->op == ir::Op::col_sum_acc;
    if (in_place) return args[0];
    const bool product = e->op == ir::Op::matmul;
    const MemoryKind memory = product ? MemoryKind::acc : for_cube && e->op == ir::Op::load ? MemoryKind::mat : MemoryKind::vec;
    const std::string name =
        e->op == ir::Op::load ? "the load of " + e->name : fmt::format("the result of {}", ir::name_of(e->op));
    return allocate(*e, memory, name, origin);
  }

  // Copies that an operation needs between memories: factors of products, and products taken by vector operations.
  void moves(const ir::Expr& e, int origin) {
    for (size_t i = 0; i < e.args.size(); ++i) {
      const ir::Expr& arg = *e.args[i];
      if (is_cube_operand(e, i)) {
        const bool in_mat =
            arg.op == ir::Op::load || (arg.op == ir::Op::variable && cube.is_loaded(arg.name) && cube.is_factor(arg.name));
        if (!in_mat) copy(arg, MemoryKind::mat, origin);
        const bool left = i == (e.op == ir::Op::matmul ? 0u : 1u);
        const size_t piece = allocate(arg, left ? MemoryKind::left : MemoryKind::right, factor_name(arg), origin);
        scope.buffers[piece].most_bytes = half_of(left ? MemoryKind::left : MemoryKind::right);
      } else if (cube.holds(arg) && e.op != ir::Op::matmul_acc) {
        copy(arg, MemoryKind::vec, origin);
      }
    }
  }

  // A variable's copy stays for its later uses, until the variable gets another value.
  void copy(const ir::Expr& e, MemoryKind memory, int origin) {
    if (e.op != ir::Op::variable) {
      allocate(e, memory, factor_name(e), origin);
      return;
    }
    const auto known = copies_of.find(e.name);
    if (known == copies_of.end())
      copies_of[e.name] = allocate(e, memory, factor_name(e), origin);
    else
      scope.buffers[known->second].last = scope.steps;
  }

  static std::string factor_name(const ir::Expr& e) {
    return e.op == ir::Op::variable || e.op == ir::Op::load ? e.name : fmt::format("the result of {}", ir::name_of(e.op));
  }

  void assign(const ir::Assign& node, int origin) {
    const bool factor = cube.is_loaded(node.name) && cube.is_factor(node.name);
    std::optional<size_t> result = value(node.value, origin, factor);
    copies_of.erase(node.name);
    if (!node.declares) {
      // A product goes into the accumulator that it replaces.
      if (result && node.value->op == ir::Op::matmul && *result + 1 == scope.buffers.size()) scope.buffers.pop_back();
      use(node.name);
      return;
    }
    const bool accumulates = cube.holds(ir::Expr{ir::Op::variable,
                                                 {},
                                                 node.value->dtype,
                                                 nullptr,
                                                 nullptr,
                                                 node.name,
                                                 {},
                                                 0,
                                                 nullptr,
                                                 ir::CastMode::exact,
                                                 false,
                                                 false,
                                                 -1});
    if (!result) result = allocate(*node.value, accumulates ? MemoryKind::acc : MemoryKind::vec, node.name, origin);
    if (accumulates) scope.buffers[*result].memory = MemoryKind::acc;
    scope.buffers[*result].name = node.name;
    variables[node.name] = {*result, open.size()};
  }

  void block(const ir::Block& statements) {
    for (const ir::Statement& statement : statements) {
      ++scope.steps;
      if (const auto* assign_node = std::get_if<ir::Assign>(&statement.node)) {
        assign(*assign_node, statement.origin);
      } else if (const auto* store = std::get_if<ir::Store>(&statement.node)) {
        const auto result = value(store->value, statement.origin);
        ++scope.steps;
        if (result) scope.buffers[*result].last = scope.steps;
        if (store->value->op == ir::Op::variable) use(store->value->name);
      } else if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) {
        const int64_t stages = loop->kind == ir::Loop::Kind::pipeline ? std::max(1, loop->stages) : 1;
        open.push_back({scope.steps, copies() * stages});
        block(loop->body);
        ++scope.steps;
        // What lives before the loop and is used in it lives until its end.
        for (Buffer& buffer : scope.buffers)
          if (buffer.first <= open.back().start && buffer.last > open.back().start) buffer.last = scope.steps;
        open.pop_back();
      } else if (const auto* branch = std::get_if<ir::If>(&statement.node)) {
        block(branch->then_block);
        block(branch->else_block);
      } else if (const auto* inner = std::get_if<ir::At>(&statement.node)) {
        block(inner->body);
      }
    }
  }
};

}  // namespace

Quantity worst_extent(const IndexExpr& e, const LoopsByName& loops, const TileSizes& other_tiles) {
  return Quantity::of(worst(e, loops, other_tiles));
}

Quantity Buffer::bytes(const LoopsByName& loops, const TileSizes& other_tiles) const {
  const Quantity all =
      worst_extent(rows, loops, other_tiles) * worst_extent(columns, loops, other_tiles) * Quantity(bytes_of(dtype) * copies);
  if (most_bytes == 0) return all;
  const auto known = all.at({});
  return known && *known < most_bytes ? all : Quantity(most_bytes);
}

std::vector<ScopeBuffers> buffers_of_scopes(const ir::Program& program, const target::Machine& machine) {
  std::vector<ScopeBuffers> scopes;
  const CubeTiles cube(program);
  std::vector<const ir::Loop*> loops;
  const std::function<void(const ir::Block&)> walk = [&](const ir::Block& statements) {
    for (const ir::Statement& statement : statements) {
      if (const auto* at = std::get_if<ir::At>(&statement.node)) {
        ScopeBuffers scope;
        scope.name = at->name, scope.origin = statement.origin, scope.loops_around = loops;
        Tracker{machine, cube, scope, {}, {}, {}}.block(at->body);
        scopes.push_back(std::move(scope));
      } else if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) {
        loops.push_back(loop);
        walk(loop->body);
        loops.pop_back();
      } else if (const auto* branch = std::get_if<ir::If>(&statement.node)) {
        walk(branch->then_block);
        walk(branch->else_block);
      }
    }
  };
  walk(program.body);
  return scopes;
}

}  // namespace imbrex::prove
