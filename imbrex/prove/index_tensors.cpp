#include "imbrex/prove/index_tensors.h"

#include <algorithm>

namespace imbrex::prove {
namespace {

// The input that a tile variable is loaded from, along its only axis; null where the tile is anything else.
const ir::Expr* load_of_input(const Accesses& accesses, const std::string& tile) {
  const auto value = accesses.tiles.find(tile);
  if (value == accesses.tiles.end() || value->second->op != ir::Op::load || accesses.rebound.count(tile) ||
      value->second->slice.size() != 1 || value->second->slice[0].kind == ir::Axis::Kind::by)
    return nullptr;
  const auto memory = accesses.memories.find(value->second->name);
  const bool is_input = memory != accesses.memories.end() && memory->second.tensor->role == ir::Role::input;
  return is_input ? value->second.get() : nullptr;
}

// A position with the loops' spans resolved and the binders of its access renamed.
ir::IndexExpr renamed(const ir::IndexExpr& e, const Accesses& accesses, const ir::Place& place, const std::string& suffix) {
  return ir::substitute(resolve(e, accesses.loops), [&](const ir::Index& leaf) -> std::optional<ir::IndexExpr> {
    const bool is_binder =
        std::any_of(place.binders.begin(), place.binders.end(), [&](const Binder& binder) { return binder.name == leaf.name; });
    return is_binder ? std::optional(ir::named(leaf.name + suffix)) : std::nullopt;
  });
}

}  // namespace

std::set<std::string> distinct_tensors(const Accesses& accesses, const ir::Place& place) {
  std::set<std::string> tensors;
  for (const ir::Distinct& distinct : place.distinct) {
    const ir::Expr* load = load_of_input(accesses, distinct.tile);
    if (!load) continue;
    const ir::Axis& axis = load->slice[0];
    if (ir::constant_value(axis.begin) == 0 && ir::same(axis.size, accesses.memories.at(load->name).tensor->shape.at(0)))
      tensors.insert(load->name);
  }
  return tensors;
}

std::optional<ByPosition> by_position(const Accesses& accesses, const Access& access) {
  if (access.name != access.memory->tensor->name) return std::nullopt;
  const std::set<std::string> distinct = distinct_tensors(accesses, access);
  ByPosition result{access, std::vector<std::string>(access.slice.size())};
  bool replaced = false;
  for (size_t k = 0; k < access.slice.size(); ++k) {
    ir::Axis& axis = result.access.slice[k];
    if (axis.kind != ir::Axis::Kind::by) continue;
    const ir::Expr* load = load_of_input(accesses, axis.tile);
    if (!load || !distinct.count(load->name)) return std::nullopt;
    axis = load->slice[0];
    if (axis.kind == ir::Axis::Kind::point) axis = {ir::Axis::Kind::range, axis.begin, ir::constant(1), {}};
    result.tensors[k] = load->name;
    replaced = true;
  }
  return replaced ? std::optional(result) : std::nullopt;
}

isl::set consistent(const Frame& frame, const Accesses& accesses, const ir::Place& a, const Binder& index_a, const ir::Place& b,
                    const Binder& index_b, const std::string& suffix_b) {
  const isl::set everything = frame.universe();
  const std::string& tensor = index_a.read->tensor;
  const auto memory = accesses.memories.find(tensor);
  if (tensor != index_b.read->tensor || memory == accesses.memories.end() || memory->second.tensor->role != ir::Role::input)
    return everything;
  try {
    isl::set same_position = everything;
    for (size_t k = 0; k < index_a.read->position.size(); ++k)
      same_position = same_position.intersect(frame.equal(renamed(index_a.read->position[k], accesses, a, ""),
                                                          renamed(index_b.read->position[k], accesses, b, suffix_b)));
    frame.require_defined(everything);
    const isl::set same_value = frame.equal(ir::named(index_a.name), ir::named(index_b.name + suffix_b));
    const bool differ = distinct_tensors(accesses, a).count(tensor) && distinct_tensors(accesses, b).count(tensor);
    const isl::set elsewhere = everything.subtract(same_position);
    return same_position.intersect(same_value).unite(differ ? elsewhere.subtract(same_value) : elsewhere);
  } catch (const NotAffine&) {
    frame.forget_undefined();
    return everything;
  }
}

}  // namespace imbrex::prove
