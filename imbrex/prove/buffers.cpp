#include "imbrex/prove/buffers.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/visit.h"
#include "imbrex/prove/access.h"
#include "imbrex/prove/affine.h"
#include "imbrex/prove/scope_labels.h"
#include "imbrex/prove/traffic.h"
#include "imbrex/target/rates.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;
using target::MemoryKind;

struct Tracker {
  const std::vector<target::OnChipMemory> memories;
  const CubeTiles& cube;
  ProgramBuffers out;
  struct Variable {
    size_t buffer;
    size_t depth;  // loops around its declaration
  };
  std::map<std::string, Variable> variables;
  struct OpenLoop {
    int start;
    int64_t copies;
  };
  std::vector<OpenLoop> open;
  std::map<std::string, size_t> copies_of;  // in the memory of the other kind of unit
  std::vector<size_t> open_scopes;
  std::vector<const ir::Loop*> loops_around;
  std::map<const ir::Statement*, Place> places;  // of each statement
  std::map<const ir::At*, std::string> labels;
  size_t place = 0;  // of the statement at hand, among those of `out`

  Tracker(const ir::Program& program, const target::Target& target, const CubeTiles& cube)
      : memories(target::memories_of(target)), cube(cube) {
    ir::for_each_place(program, [&](const ir::Statement& statement, const Place& at) { places.emplace(&statement, at); });
    for (auto& [at, label] : scope_labels(program)) labels.emplace(at, std::move(label));
    out.places.emplace_back();
    count_step();
  }

  int step() const { return static_cast<int>(out.place_of_step.size()) - 1; }
  void count_step() {
    out.place_of_step.push_back(place);
    out.is_in_scope.push_back(!open_scopes.empty());
  }

  int64_t copies() const { return open.empty() ? 1 : open.back().copies; }

  size_t allocate(const ir::Expr& e, MemoryKind memory, const std::string& name, int origin) {
    TileBuffer buffer;
    buffer.name = name, buffer.memory = memory, buffer.dtype = e.dtype, buffer.rows = e.rows, buffer.columns = e.columns;
    buffer.copies = copies(), buffer.first = buffer.last = step(), buffer.origin = e.origin >= 0 ? e.origin : origin;
    out.buffers.push_back(buffer);
    return out.buffers.size() - 1;
  }

  void use(const std::string& variable) {
    const auto found = variables.find(variable);
    if (found != variables.end()) out.buffers[found->second.buffer].last = step();
  }

  void use_tiles_of(const std::vector<ir::Axis>& slice) {
    for (const ir::Axis& axis : slice)
      if (axis.kind == ir::Axis::Kind::by) use(axis.tile);
  }

  int64_t half_of(MemoryKind kind) const {
    for (const target::OnChipMemory& memory : memories)
      if (memory.kind == kind) return memory.bytes / 2;
    return 0;
  }

  // Evaluates; returns the buffer of a value that no variable holds. A sum or product that continues the variable `into` is added
  // to in place.
  std::optional<size_t> value(const ir::ExprPtr& e, int origin, bool for_cube = false, const std::string& into = {}) {
    if (e->op == ir::Op::variable) {
      use(e->name);
      return std::nullopt;
    }
    if ((e->op == ir::Op::constant || e->op == ir::Op::index) && ir::is_one(e->rows) && ir::is_one(e->columns))
      return std::nullopt;
    std::vector<std::optional<size_t>> args;
    for (size_t i = 0; i < e->args.size(); ++i) args.push_back(value(e->args[i], origin, is_cube_operand(*e, i)));
    count_step();
    for (const ir::ExprPtr& arg : e->args)
      if (arg->op == ir::Op::variable) use(arg->name);
    for (const auto& arg : args)
      if (arg) out.buffers[*arg].last = step();
    if (e->op == ir::Op::load) use_tiles_of(e->slice);
    moves(*e, origin);
    if (e->op == ir::Op::reshape) return args[0];
    const bool in_place = e->op == ir::Op::matmul_acc || e->op == ir::Op::row_sum_acc || e->op == ir::Op::col_sum_acc;
    if (in_place && (args[0] || e->args[0]->name == into)) return args[0];
    const bool product = kind_of(e->op) == ir::OpKind::product;
    const MemoryKind memory = product ? MemoryKind::acc : for_cube && e->op == ir::Op::load ? MemoryKind::mat : MemoryKind::vec;
    const std::string name =
        e->op == ir::Op::load ? "the load of " + e->name : fmt::format("the result of {}", ir::name_of(e->op));
    return allocate(*e, memory, name, origin);
  }

  // A variable that is loaded to where products take it from.
  bool is_in_mat(const ir::Expr& e) const { return e.op == ir::Op::variable && cube.is_loaded(e.name) && cube.is_factor(e.name); }

  // Copies that an operation needs between memories: factors of products, and products taken by vector operations.
  void moves(const ir::Expr& e, int origin) {
    for (size_t i = 0; i < e.args.size(); ++i) {
      const ir::Expr& arg = *e.args[i];
      if (is_cube_operand(e, i)) {
        if (arg.op != ir::Op::load && !is_in_mat(arg)) copy(arg, MemoryKind::mat, origin);
        const bool left = i + 2 == e.args.size();
        const size_t piece = allocate(arg, left ? MemoryKind::left : MemoryKind::right, factor_name(arg), origin);
        out.buffers[piece].most_bytes = half_of(left ? MemoryKind::left : MemoryKind::right);
      } else if (is_in_mat(arg) || (cube.holds(arg) && e.op != ir::Op::matmul_acc)) {
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
      out.buffers[known->second].last = step();
  }

  static std::string factor_name(const ir::Expr& e) {
    return e.op == ir::Op::variable || e.op == ir::Op::load ? e.name : fmt::format("the result of {}", ir::name_of(e.op));
  }

  void assign(const ir::Assign& node, int origin) {
    const bool factor = cube.is_loaded(node.name) && cube.is_factor(node.name);
    std::optional<size_t> result = value(node.value, origin, factor, node.name);
    copies_of.erase(node.name);
    if (!node.declares) {
      // A product goes into the accumulator that it replaces.
      if (result && node.value->op == ir::Op::matmul && *result + 1 == out.buffers.size()) out.buffers.pop_back();
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
    if (accumulates) out.buffers[*result].memory = MemoryKind::acc;
    out.buffers[*result].name = node.name;
    variables[node.name] = {*result, open.size()};
  }

  // Whether the same is known at both places, and their steps may be judged together.
  static bool is_same(const Place& a, const Place& b) {
    const auto same_binder = [](const Binder& x, const Binder& y) { return x.name == y.name; };
    const auto same_guard = [](const Guard& x, const Guard& y) {
      return x.condition.data() == y.condition.data() && x.holds == y.holds;
    };
    return std::equal(a.binders.begin(), a.binders.end(), b.binders.begin(), b.binders.end(), same_binder) &&
           std::equal(a.guards.begin(), a.guards.end(), b.guards.begin(), b.guards.end(), same_guard);
  }

  void block(const ir::Block& statements) {
    const size_t outside = place;
    for (const ir::Statement& statement : statements) {
      const Place& at = places.at(&statement);
      if (!is_same(at, out.places[place])) {
        place = out.places.size();
        out.places.push_back(at);
      }
      count_step();
      std::visit([&](const auto& node) { visit(node, statement.origin); }, statement.node);
    }
    place = outside;
  }

  void visit(const ir::CreateTensor&, int) {}
  void visit(const ir::View&, int) {}
  void visit(const ir::Tap&, int) {}  // shown from where it is: has no tiles of its own
  void visit(const ir::Assign& node, int origin) { assign(node, origin); }
  void visit(const ir::Store& node, int origin) {
    const auto result = value(node.value, origin);
    count_step();
    if (result) out.buffers[*result].last = step();
    if (node.value->op == ir::Op::variable) use(node.value->name);
    use_tiles_of(node.slice);
  }
  void visit(const ir::ReadIndex&, int) {}
  void visit(const ir::Assume& node, int) {
    for (const ir::Comparison& comparison : node.condition)
      for (const IndexExpr& side : {comparison.left, comparison.right})
        for (const std::string& name : ir::names_in(side)) use(name);
  }
  void visit(const ir::AssumeElements& node, int) { use(node.tile); }
  void visit(const ir::Loop& node, int) {
    const int64_t stages = node.kind == ir::Loop::Kind::pipeline ? std::max(1, node.stages) : 1;
    const int64_t most_copies = int64_t{1} << 40;  // more than any memory has
    for (const size_t scope : open_scopes) out.scopes[scope].loops.push_back(&node);
    loops_around.push_back(&node);
    open.push_back({step(), std::min(most_copies, copies() * stages)});
    block(node.body);
    count_step();
    for (TileBuffer& buffer : out.buffers) {
      // What lives before the loop and is used in it lives until its end.
      if (buffer.first <= open.back().start && buffer.last > open.back().start) buffer.last = step();
    }
    // So does the copy that the first iteration makes of a tile from before the loop.
    for (const auto& [name, buffer] : copies_of) {
      const auto variable = variables.find(name);
      TileBuffer& copy = out.buffers[buffer];
      if (copy.first > open.back().start && variable != variables.end() && variable->second.depth < open.size())
        copy.first = open.back().start, copy.last = step();
    }
    open.pop_back();
    loops_around.pop_back();
  }
  void visit(const ir::If& node, int) {
    block(node.then_block);
    block(node.else_block);
  }
  void visit(const ir::At& node, int origin) {
    const size_t number = out.scopes.size();
    out.scopes.push_back({labels.at(&node), origin, step() + 1, 0, loops_around, open_scopes.empty()});
    open_scopes.push_back(number);
    count_step();
    block(node.body);
    open_scopes.pop_back();
    out.scopes[number].last = step();
  }
};

}  // namespace

ProgramBuffers buffers_of(const ir::Program& program, const target::Target& target) {
  const CubeTiles cube(program);
  Tracker tracker(program, target, cube);
  tracker.block(program.body);
  tracker.out.scopes.push_back({kOutsideScopes, -1, 0, tracker.step(), {}, true, true});
  return std::move(tracker.out);
}

}  // namespace imbrex::prove
