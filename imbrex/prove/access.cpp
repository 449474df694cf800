#include "imbrex/prove/access.h"

#include <algorithm>
#include <utility>

#include "imbrex/ir/never_empty.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/visit.h"
#include "imbrex/prove/counted_tiles.h"

namespace imbrex::prove {
namespace {

class AccessWalk {
 public:
  explicit AccessWalk(const ir::Program& program) : program_(program) {
    out.scopes.emplace_back();
    begin_statement({}, nullptr);
    for (const ir::Tensor& tensor : program.tensors) {
      computed(tensor.shape, tensor.origin);
      declare(tensor, {}, tensor.origin);
    }
    ir::for_each_place(program, [&](const ir::Statement& statement, const ir::Place& place) {
      place_ = &place;
      origin_ = statement.origin;
      begin_statement(place, &statement);
      ir::for_each_expr(statement, [&](const ir::Expr& e) { expression(e); });
      std::visit([&](const auto& node) { visit(node); }, statement.node);
    });
  }
  Accesses out;

 private:
  struct Named {
    std::string memory;
    std::vector<ir::IndexExpr> shape;
  };

  void declare(const ir::Tensor& tensor, const ir::Place& place, int origin) {
    out.memories[tensor.name] = {&tensor, place.binders.size(), origin, place.at ? place.at->name : ""};
    tensors_[tensor.name] = {tensor.name, tensor.shape};
  }

  void access(const std::string& name, const std::vector<ir::Axis>& slice, bool writes, int origin) {
    const Named& named = tensors_.at(name);
    Access access;
    static_cast<ir::Place&>(access) = *place_;
    access.writes = writes, access.memory = &out.memories.at(named.memory), access.name = name, access.shape = named.shape;
    access.slice = slice, access.origin = origin, access.order = out.all.size();
    if (place_->at) access.scope = place_->at->name, access.scope_number = scope_numbers_.at(place_->at);
    out.all.push_back(std::move(access));
    for (const ir::Axis& axis : slice) {
      if (axis.kind == ir::Axis::Kind::by) continue;
      computed({axis.begin, axis.size}, origin);
      if (axis.kind == ir::Axis::Kind::range) computed({ir::add(axis.begin, axis.size)}, origin);
    }
  }

  // Into the record of the statement at hand.
  void computed(const std::vector<ir::IndexExpr>& indices, int origin) {
    for (const ir::IndexExpr& index : indices)
      if (index->a) out.computed.back().all.push_back({index, origin});  // else a constant, or a name
  }
  void computed(const ir::Condition& condition) {
    for (const ir::Comparison& comparison : condition) computed({comparison.left, comparison.right}, origin_);
  }
  void begin_statement(const ir::Place& place, const ir::Statement* statement) {
    Computed computed;
    static_cast<ir::Place&>(computed) = place;
    computed.origin = statement ? statement->origin : -1;
    computed.loop = statement ? std::get_if<ir::Loop>(&statement->node) : nullptr;
    out.computed.push_back(std::move(computed));
  }

  void extent(const ir::IndexExpr& e, const std::string& of, int origin) {
    Extent extent;
    static_cast<ir::Place&>(extent) = *place_;
    extent.extent = e, extent.of = of, extent.origin = origin;
    out.extents.push_back(std::move(extent));
  }

  void expression(const ir::Expr& e) {
    const int origin = e.origin >= 0 ? e.origin : origin_;
    computed({e.rows, e.columns}, origin);
    if (e.op == ir::Op::load) access(e.name, e.slice, false, origin);
    if (e.op == ir::Op::index || e.op == ir::Op::iota) computed({e.index}, origin);
    if (e.op == ir::Op::gather) {
      TileGather gather;
      static_cast<ir::Place&>(gather) = *place_;
      gather.gather = &e, gather.origin = origin;
      out.gathers.push_back(std::move(gather));
    }
    if (e.op == ir::Op::concat_rows || e.op == ir::Op::concat_columns)
      for (const ir::ExprPtr& part : e.args)
        extent(e.op == ir::Op::concat_rows ? part->rows : part->columns, std::string("a part of ") + ir::name_of(e.op), origin);
    if (e.op == ir::Op::reshape)
      for (const ir::IndexExpr& each : {e.args[0]->rows, e.args[0]->columns, e.rows, e.columns}) extent(each, "reshape", origin);
  }

  template <class Node>
  void visit(const Node&) {}
  void visit(const ir::CreateTensor& node) {
    computed(node.tensor.shape, origin_);
    declare(node.tensor, *place_, origin_);
  }
  void visit(const ir::View& node) {
    computed(node.shape, origin_);
    const Named base = tensors_.at(node.base);
    for (const ir::IndexExpr& each : node.shape) extent(each, "the view " + node.name, origin_);
    for (const ir::IndexExpr& each : base.shape) extent(each, node.base + ", of which " + node.name + " is a view", origin_);
    tensors_[node.name] = {base.memory, node.shape};
  }
  void visit(const ir::Assign& node) {
    if (node.declares)
      out.tiles.emplace(node.name, node.value);
    else
      out.rebound.insert(node.name);
  }
  void visit(const ir::Store& node) { access(node.tensor, node.slice, true, origin_); }
  void visit(const ir::AssumeElements& node) { out.of_elements.push_back(&node); }
  void visit(const ir::ReadIndex& node) {
    std::vector<ir::Axis> slice;
    for (const ir::IndexExpr& position : node.position) slice.push_back({ir::Axis::Kind::point, position, ir::constant(1), {}});
    access(node.tensor, slice, false, origin_);
    if (is_outside_loops()) out.single_indices.insert(node.name);
  }
  void visit(const ir::Assume& node) {
    computed(node.condition);
    out.assumptions.push_back(&node);
    const bool always = surely_runs() && std::all_of(place_->guards.begin(), place_->guards.end(),
                                                     [](const Guard& guard) { return guard.assumed; });
    if (always) out.of_dimensions.push_back({node.condition, true, true, place_->binders.size()});
  }
  void visit(const ir::At& node) {
    scope_numbers_[&node] = out.scopes.size();
    out.scopes.push_back({node.name, origin_});
  }
  void visit(const ir::If& node) { computed(node.condition); }
  void visit(const ir::Loop& node) {
    computed({node.begin, node.extent, ir::add(node.begin, node.extent)}, origin_);
    out.loops[node.variable] = &node;
    if (node.kind == ir::Loop::Kind::parallel) out.parallel_loops.push_back({&node, place_->binders.size(), origin_});
  }

  bool is_outside_loops() const {
    return std::none_of(place_->binders.begin(), place_->binders.end(), [](const Binder& binder) { return binder.loop; });
  }

  bool surely_runs() const {
    return std::all_of(place_->binders.begin(), place_->binders.end(),
                       [&](const Binder& binder) { return !binder.loop || ir::is_never_empty(program_, binder.loop->extent); });
  }

  const ir::Program& program_;
  const ir::Place* place_ = nullptr;  // of the statement at hand
  int origin_ = -1;
  std::map<const ir::At*, size_t> scope_numbers_;
  std::map<std::string, Named> tensors_;  // by name, views included
};

std::string text_of_axis(const ir::Spelling& say, const ir::Axis& axis, const ir::IndexExpr& extent) {
  switch (axis.kind) {
    case ir::Axis::Kind::point: return say.index(axis.begin);
    case ir::Axis::Kind::by: return say.by(axis.tile);
    case ir::Axis::Kind::range: break;
  }
  if (ir::constant_value(axis.begin) == 0 && ir::same(axis.size, extent)) return say.whole_axis();
  if (axis.begin->kind == ir::Index::Kind::span_begin && axis.size->kind == ir::Index::Kind::span_size &&
      axis.begin->name == axis.size->name)
    return say.name(axis.begin->name);
  return say.axis(axis.begin, axis.size);
}

}  // namespace

Accesses accesses_of(const ir::Program& program) {
  Accesses accesses = std::move(AccessWalk(program).out);
  find_counted_tiles(program, accesses);
  return accesses;
}

std::string text_of_access(const ir::Program& program, const Access& access) {
  const ir::Spelling say(program);
  std::string axes;
  for (size_t k = 0; k < access.slice.size(); ++k) axes += (k ? ", " : "") + text_of_axis(say, access.slice[k], access.shape[k]);
  return say.slice(access.name, axes);
}

}  // namespace imbrex::prove
