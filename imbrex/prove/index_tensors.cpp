#include "imbrex/prove/index_tensors.h"

#include <algorithm>

namespace imbrex::prove {
namespace {

using Property = ir::AssumeElements::Property;

bool says(const std::vector<ir::AssumeElements>& assumed, Property property) {
  return std::any_of(assumed.begin(), assumed.end(), [&](const ir::AssumeElements& each) { return each.property == property; });
}

// Where elements at two positions may both be `value`, by what is assumed of them.
isl::set may_be_alike(const Frame& frame, const std::vector<ir::AssumeElements>& assumed, const ir::IndexExpr& value) {
  const isl::set everything = frame.universe();
  if (!says(assumed, Property::distinct)) return everything;
  const auto but = exception_in(assumed);
  return but ? frame.equal(value, ir::constant(*but->except)) : everything.subtract(everything);
}

// The input that a tile variable is loaded from, along its only axis; null where the tile is anything else.
const ir::Expr* load_of_input(const Accesses& accesses, const std::string& tile) {
  const auto value = accesses.tiles.find(tile);
  if (value == accesses.tiles.end() || accesses.rebound.count(tile)) return nullptr;
  const ir::Expr* load = ir::load_of_indices(*value->second);
  if (!load || load->slice.size() != 1 || load->slice[0].kind == ir::Axis::Kind::by) return nullptr;
  const auto memory = accesses.memories.find(load->name);
  const bool is_input = memory != accesses.memories.end() && memory->second.tensor->role == ir::Role::input;
  return is_input ? load : nullptr;
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

std::vector<std::string> whole_tiles_of(const Accesses& accesses, const std::string& tensor) {
  std::vector<std::string> tiles;
  for (const auto& [name, value] : accesses.tiles) {
    const ir::Expr* load = load_of_input(accesses, name);
    if (!load || load->name != tensor) continue;
    const ir::Axis& axis = load->slice[0];
    if (ir::constant_value(axis.begin) == 0 && ir::same(axis.size, accesses.memories.at(tensor).tensor->shape.at(0)))
      tiles.push_back(name);
  }
  return tiles;
}

std::vector<std::string> tiles_holding(const Accesses& accesses, const std::string& tile) {
  std::vector<std::string> tiles{tile};
  if (const ir::Expr* load = load_of_input(accesses, tile))
    for (const std::string& whole : whole_tiles_of(accesses, load->name))
      if (whole != tile) tiles.push_back(whole);
  return tiles;
}

std::string all_elements_of(const std::string& tensor) { return tensor + ".all"; }

std::vector<ir::AssumeElements> assumed_of(const Accesses& accesses, const ir::Place& place, const std::string& tensor) {
  const std::vector<std::string> whole = whole_tiles_of(accesses, tensor);
  std::vector<ir::AssumeElements> assumed;
  for (const ir::AssumeElements& each : place.elements)
    if (each.tile == all_elements_of(tensor) || std::find(whole.begin(), whole.end(), each.tile) != whole.end())
      assumed.push_back(each);
  return assumed;
}

std::optional<ir::AssumeElements> exception_in(const std::vector<ir::AssumeElements>& assumed) {
  std::optional<ir::AssumeElements> exception;
  for (const ir::AssumeElements& each : assumed) {
    if (each.property != Property::distinct) continue;
    // What only one of two assumptions excepts, the other one says is there once.
    if (!each.except || (exception && exception->except != each.except)) return std::nullopt;
    exception = each;
  }
  return exception;
}

std::optional<ir::AssumeElements> exception_of_tile(const Accesses& accesses, const ir::Place& place, const std::string& tile) {
  const ir::Expr* load = load_of_input(accesses, tile);
  return load ? exception_in(assumed_of(accesses, place, load->name)) : std::nullopt;
}

std::optional<std::string> input_of_tile(const Accesses& accesses, const std::string& tile) {
  const ir::Expr* load = load_of_input(accesses, tile);
  return load ? std::optional(load->name) : std::nullopt;
}

std::optional<ByPosition> by_position(const Accesses& accesses, const Access& access) {
  if (access.name != access.memory->tensor->name) return std::nullopt;
  ByPosition result{access, std::vector<std::string>(access.slice.size())};
  bool replaced = false;
  for (size_t k = 0; k < access.slice.size(); ++k) {
    ir::Axis& axis = result.access.slice[k];
    if (!is_by_data(axis)) continue;
    const ir::Expr* load = load_of_input(accesses, axis.tile);
    if (!load) return std::nullopt;
    const std::vector<ir::AssumeElements> assumed = assumed_of(accesses, access, load->name);
    if (!says(assumed, Property::distinct) || exception_in(assumed)) return std::nullopt;
    axis = load->slice[0];
    if (axis.kind == ir::Axis::Kind::point) axis = {ir::Axis::Kind::range, axis.begin, ir::constant(1), {}};
    result.tensors[k] = load->name;
    replaced = true;
  }
  return replaced ? std::optional(result) : std::nullopt;
}

bool related(const Accesses& accesses, const ir::Place& a, const Binder& index_a, const ir::Place& b, const Binder& index_b) {
  if (!index_a.read || !index_b.read) return false;
  const std::string& tensor = index_a.read->tensor;
  const auto memory = accesses.memories.find(tensor);
  if (tensor != index_b.read->tensor || memory == accesses.memories.end() || memory->second.tensor->role != ir::Role::input)
    return false;
  if (!a.elements.empty() && !b.elements.empty()) return true;
  for (size_t k = 0; k < index_a.read->position.size(); ++k) {
    const auto at_a = ir::constant_value(index_a.read->position[k]), at_b = ir::constant_value(index_b.read->position[k]);
    if (at_a && at_b && *at_a != *at_b) return false;
  }
  return true;
}

isl::set consistent(const Frame& outer, const Accesses& accesses, const ir::Place& a, const Binder& index_a, const ir::Place& b,
                    const Binder& index_b, const std::string& suffix_b) {
  const Frame frame = outer;
  frame.forget_undefined();  // of what is left out where it is not known
  const isl::set everything = frame.universe();
  const std::string& tensor = index_a.read->tensor;
  try {
    isl::set same_position = everything;
    for (size_t k = 0; k < index_a.read->position.size(); ++k)
      same_position = same_position.intersect(frame.equal(renamed(index_a.read->position[k], accesses, a, ""),
                                                          renamed(index_b.read->position[k], accesses, b, suffix_b)));
    frame.require_defined(everything);
    const ir::IndexExpr value_a = ir::named(index_a.name), value_b = ir::named(index_b.name + suffix_b);
    const isl::set same_value = frame.equal(value_a, value_b);
    const std::vector<ir::AssumeElements> of_a = assumed_of(accesses, a, tensor), of_b = assumed_of(accesses, b, tensor);
    const isl::set alike = same_value.intersect(may_be_alike(frame, of_a, value_a).unite(may_be_alike(frame, of_b, value_a)));
    isl::set elsewhere = everything.subtract(same_position).subtract(same_value.subtract(alike));
    if (says(of_a, Property::sorted) && says(of_b, Property::sorted)) {
      const ir::IndexExpr position_a = renamed(index_a.read->position[0], accesses, a, "");
      const ir::IndexExpr position_b = renamed(index_b.read->position[0], accesses, b, suffix_b);
      const isl::set in_order = frame.less(position_a, position_b).intersect(frame.less_equal(value_a, value_b));
      const isl::set reversed = frame.less(position_b, position_a).intersect(frame.less_equal(value_b, value_a));
      elsewhere = elsewhere.intersect(in_order.unite(reversed));
    }
    return same_position.intersect(same_value).unite(elsewhere);
  } catch (const NotAffine&) {
    return everything;
  }
}

}  // namespace imbrex::prove
