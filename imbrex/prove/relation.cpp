#include "imbrex/prove/relation.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/print.h"
#include "imbrex/prove/coordinates.h"
#include "imbrex/prove/data_dependence.h"
#include "imbrex/prove/index_tensors.h"
#include "imbrex/prove/tile_assumptions.h"
#include "imbrex/prove/view_elements.h"

namespace imbrex::prove {

using ir::IndexExpr;

namespace {

// Of a span that is not empty: `max(n, 0)` is n then, and the sets stay convex.
IndexExpr positive_size(const ir::Axis& axis) {
  const IndexExpr& size = axis.size;
  if (size->kind != ir::Index::Kind::max) return size;
  if (ir::constant_value(size->b).value_or(1) <= 0) return size->a;
  if (ir::constant_value(size->a).value_or(1) <= 0) return size->b;
  return size;
}

// The slice is the whole axis, or a span of tiles that cover it: true for most accesses, and seen without a set.
bool covers_by_form(const LoopsByName& loops, const ir::Axis& axis, const IndexExpr& extent) {
  if (axis.kind != ir::Axis::Kind::range) return false;
  if (ir::constant_value(axis.begin) == 0 && ir::same(axis.size, extent)) return true;
  if (axis.begin->kind != ir::Index::Kind::span_begin || axis.size->kind != ir::Index::Kind::span_size ||
      axis.begin->name != axis.size->name)
    return false;
  const auto loop = loops.find(axis.begin->name);
  return loop != loops.end() && ir::constant_value(loop->second->begin) == 0 && ir::same(loop->second->extent, extent);
}

}  // namespace

isl::set Relations::executions(const ir::Place& place, size_t elements, const Fixed& fixed) const {
  std::string key;
  for (const Binder& binder : place.binders) key += " " + binder.name;
  for (const Guard& guard : place.guards) key += fmt::format(" {}:{}", fmt::ptr(guard.condition.data()), guard.holds);
  for (const ir::AssumeElements& assumed : place.elements) key += " " + ir::print(assumed);
  for (const auto& [name, value] : fixed) key += fmt::format(" {}={}", name, value);
  auto known = executions_.find(key);
  if (known == executions_.end()) known = executions_.emplace(key, executions_of(place, fixed)).first;
  return with_free(known->second, place.binders.size(), elements);
}

isl::set Relations::executions_of(const ir::Place& place, const Fixed& fixed) const {
  const Frame frame = this->frame(names_of(place.binders));
  isl::set result = frame.universe();
  const auto restrict_to = [&](const isl::set& set) {
    frame.require_defined(result);
    result = result.intersect(set);
  };
  for (const Binder& binder : place.binders) {
    const IndexExpr name = ir::named(binder.name);
    const auto known = fixed.find(binder.name);
    if (known != fixed.end()) restrict_to(frame.equal(name, ir::constant(known->second)));
    if (!binder.loop) {
      restrict_to(frame.any_int32(name));
    } else if (binder.loop->tile > 0) {
      restrict_to(frame.less_equal(ir::constant(0), name, fixed));
      restrict_to(frame.less(ir::mul(name, ir::constant(binder.loop->tile)), binder.loop->extent, fixed));
    } else {
      const IndexExpr& begin = binder.loop->begin;
      restrict_to(frame.between(begin, name, ir::add(begin, binder.loop->extent), fixed));
    }
  }
  std::set<std::string> known_names;
  for (const Binder& binder : place.binders) known_names.insert(binder.name);
  for (const ir::Dim& dim : program_.dims) known_names.insert(dim.name);
  for (const Guard& guard : place.guards) {
    if (guard.assumed) {
      // An assumption about the elements of a tile is used where the tile is.
      for (const ir::Comparison& comparison : guard.condition)
        if (is_over(comparison, known_names)) result = frame.narrowed(result, comparison, fixed);
      continue;
    }
    isl::set holds = frame.universe();
    for (const ir::Comparison& comparison : guard.condition) holds = holds.intersect(frame.holds(comparison, fixed));
    frame.require_defined(result);
    result = guard.holds ? result.intersect(holds) : result.subtract(holds);
  }
  for (size_t i = 0; i < place.binders.size(); ++i)
    for (size_t j = i + 1; j < place.binders.size(); ++j)
      if (related(accesses_, place, place.binders[i], place, place.binders[j]))
        result = result.intersect(consistent(frame, accesses_, place, place.binders[i], place, place.binders[j], ""));
  return result.coalesce();
}

isl::set Relations::expanded(const ir::Place& place, const std::function<isl::set(const Fixed&)>& build) const {
  std::vector<std::pair<std::string, const ir::Loop*>> loops;
  const auto combinations = [&] {
    std::vector<Fixed> all{{}};
    for (const auto& [name, loop] : loops) {
      std::vector<Fixed> next;
      const int64_t first = loop->tile > 0 ? 0 : *ir::constant_value(loop->begin);
      for (const Fixed& fixed : all)
        // A loop that never runs still gives the (empty) set its coordinates.
        for (int64_t i = 0; i < std::max<int64_t>(1, *constant_trips(*loop)); ++i) {
          next.push_back(fixed);
          next.back()[name] = first + i;
        }
      all = std::move(next);
    }
    return all;
  };
  for (;;) {
    try {
      std::optional<isl::set> result;
      for (const Fixed& fixed : combinations()) {
        isl::set part = build(fixed);
        result = result ? result->unite(part) : part;
      }
      return result->coalesce();
    } catch (const NotAffine& problem) {
      // Expand one more of the loops whose numbers stand in the product; if there is none, give up.
      const std::set<std::string> names = ir::names_in(problem.culprit);
      int64_t trips = 1;  // at most `kMostExpanded`
      for (const auto& [name, loop] : loops) trips *= std::max<int64_t>(1, *constant_trips(*loop));
      const auto candidate = std::find_if(place.binders.begin(), place.binders.end(), [&](const Binder& binder) {
        const bool expanded_already =
            std::any_of(loops.begin(), loops.end(), [&](const auto& l) { return l.first == binder.name; });
        return binder.loop && names.count(binder.name) && !expanded_already && constant_trips(*binder.loop) &&
               (binder.loop->tile > 0 || ir::constant_value(binder.loop->begin)) &&
               *constant_trips(*binder.loop) <= kMostExpanded / trips;
      });
      if (candidate == place.binders.end()) throw;
      loops.emplace_back(candidate->name, candidate->loop);
      if (!most_expanded_.loop || *constant_trips(*candidate->loop) > *constant_trips(*most_expanded_.loop))
        most_expanded_ = *candidate;
    }
  }
}

isl::set Relations::where(const ir::Place& place, const ir::Comparison& comparison) const {
  const Frame frame = this->frame(names_of(place.binders));
  return expanded(place, [&](const Fixed& fixed) {
    const isl::set executed = executions(place, 0, fixed), holds = frame.holds(comparison, fixed);
    frame.require_defined(executed);
    return executed.intersect(holds);
  });
}

isl::set Relations::of(const Access& access) const {
  const bool is_view = access.name != access.memory->tensor->name;
  const std::vector<IndexExpr>& base_shape = access.memory->tensor->shape;
  const size_t binders = access.binders.size(), written_axes = access.slice.size(), axes = base_shape.size();
  std::vector<std::string> coordinates = names_of(access.binders);
  for (size_t k = 0; is_view && k < written_axes; ++k) coordinates.push_back(view_element_name(k));
  for (size_t k = 0; k < axes; ++k) coordinates.push_back(element_name(k));
  const Frame frame = this->frame(coordinates);
  const auto name_of_axis = [&](size_t k) { return is_view ? view_element_name(k) : element_name(k); };

  const auto through_view = [&](isl::set set) {
    if (!is_view) return set;
    return project_out(set.intersect(same_position(frame, access.shape, base_shape)), binders, written_axes);
  };
  const auto sliced = [&](const Fixed& fixed) {
    isl::set set = executions(access, coordinates.size() - binders, fixed);
    const isl::set executed = set;
    for (size_t k = 0; k < written_axes; ++k) {
      const ir::Axis& axis = access.slice[k];
      const IndexExpr e = ir::named(name_of_axis(k));
      if (axis.kind == ir::Axis::Kind::by) {
        set = set.intersect(frame.between(ir::constant(0), e, access.shape[k], fixed))
                  .intersect(axis.begin ? frame.between(axis.begin, e, ir::add(axis.begin, axis.size), fixed)
                                        : assumed_of_tile(frame, program_, accesses_, access, axis.tile, name_of_axis(k)));
      } else if (axis.kind == ir::Axis::Kind::point) {
        set = set.intersect(frame.equal(e, axis.begin, fixed));
      } else {
        set = set.intersect(frame.between(axis.begin, e, ir::add(axis.begin, positive_size(axis)), fixed));
      }
    }
    set = through_view(set);
    frame.require_defined(executed);
    return set;
  };
  return expanded(access, sliced);
}

isl::set Relations::outside(const Access& access, size_t axis) const {
  if (covers_by_form(accesses_.loops, access.slice[axis], access.shape[axis])) return frame(names_of(access.binders)).empty();
  std::vector<std::string> coordinates = names_of(access.binders);
  const bool by = access.slice[axis].kind == ir::Axis::Kind::by;
  if (by) coordinates.push_back(element_name(axis));
  const Frame frame = this->frame(coordinates);
  return expanded(access, [&](const Fixed& fixed) {
    isl::set set = executions(access, by ? 1 : 0, fixed);
    const isl::set executed = set;
    for (const ir::Axis& other : access.slice)
      if (other.kind == ir::Axis::Kind::range)
        set = set.intersect(frame.less_equal(ir::constant(1), positive_size(other), fixed));
    const ir::Axis& checked = access.slice[axis];
    const IndexExpr begin = by ? ir::named(element_name(axis)) : checked.begin;
    const IndexExpr end = ir::add(begin, checked.kind == ir::Axis::Kind::range ? positive_size(checked) : ir::constant(1));
    if (by)
      set = set.intersect(assumed_of_tile(frame, program_, accesses_, access, checked.tile, element_name(axis)))
                .intersect(frame.any_int32(begin));
    if (by && checked.begin)
      set = set.intersect(frame.between(checked.begin, begin, ir::add(checked.begin, checked.size), fixed));
    set = set.intersect(frame.less(begin, ir::constant(0), fixed).unite(frame.less(access.shape[axis], end, fixed)));
    frame.require_defined(executed);
    return set;
  });
}

isl::set Relations::elements(const Memory& memory) const {
  std::vector<std::string> coordinates;
  for (size_t k = 0; k < memory.tensor->shape.size(); ++k) coordinates.push_back(element_name(k));
  const Frame frame = this->frame(coordinates);
  isl::set set = frame.universe();
  for (size_t k = 0; k < coordinates.size(); ++k)
    set = set.intersect(frame.between(ir::constant(0), ir::named(element_name(k)), memory.tensor->shape[k]));
  const isl::set allowed = allowed_dimensions();
  frame.require_defined(frame.universe().intersect_params(allowed));
  return set.intersect_params(allowed);
}

// There is a value for each index read from data, so that what is assumed of both holds of the dimensions for some index.
isl::set Relations::allowed_dimensions() const {
  std::set<std::string> known = accesses_.single_indices;
  const std::vector<std::string> indices(known.begin(), known.end());
  for (const ir::Dim& dim : program_.dims) known.insert(dim.name);
  const Frame frame = this->frame(indices);
  isl::set set = frame.universe();
  for (const std::string& index : indices) set = set.intersect(frame.any_int32(ir::named(index)));
  for (const Guard& guard : accesses_.of_dimensions)
    for (const ir::Comparison& comparison : guard.condition)
      if (is_over(comparison, known)) set = frame.narrowed(set, comparison);  // else it is about a tile
  return set.params();
}

isl::set Relations::instances(const Access& access) const {
  Access creation = access;
  creation.binders.resize(access.memory->depth);
  std::erase_if(creation.binders, [](const Binder& binder) { return !binder.loop; });
  creation.guards.clear();
  std::vector<std::string> coordinates = names_of(creation.binders);
  const std::vector<IndexExpr>& shape = access.memory->tensor->shape;
  for (size_t k = 0; k < shape.size(); ++k) coordinates.push_back(element_name(k));
  const Frame frame = this->frame(coordinates);
  return expanded(creation, [&](const Fixed& fixed) {
    isl::set set = executions(creation, shape.size(), fixed);
    const isl::set executed = set;
    for (size_t k = 0; k < shape.size(); ++k)
      set = set.intersect(frame.between(ir::constant(0), ir::named(element_name(k)), shape[k], fixed));
    frame.require_defined(executed);
    return set.intersect_params(allowed_dimensions());
  });
}

isl::set Relations::with_consistent_indices(const isl::set& pairs, const Access& a, const Access& b) const {
  constexpr const char* kOther = ".other";  // no author can write such a name
  isl::set result = pairs;
  std::vector<std::string> coordinates = names_of(a.binders);
  for (const Binder& binder : b.binders) coordinates.push_back(binder.name + kOther);
  for (size_t k = 0; k < a.memory->tensor->shape.size(); ++k) coordinates.push_back(element_name(k));
  const Frame frame = this->frame(coordinates);
  for (const Binder& first : a.binders)
    for (const Binder& second : b.binders)
      if (related(accesses_, a, first, b, second))
        result = result.intersect(consistent(frame, accesses_, a, first, b, second, kOther));
  return result;
}

}  // namespace imbrex::prove
