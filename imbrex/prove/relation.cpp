#include "imbrex/prove/relation.h"

#include <fmt/format.h>
#include <isl/constraint.h>
#include <isl/set.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <set>

#include "imbrex/ir/print.h"
#include "imbrex/prove/index_tensors.h"
#include "imbrex/prove/tile_values.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;

std::vector<std::string> names_of(const std::vector<Binder>& binders) {
  std::vector<std::string> names;
  names.reserve(binders.size());
  for (const Binder& binder : binders) names.push_back(binder.name);
  return names;
}

// Coordinates of elements: names that no author can write.
std::string element(size_t axis) { return "." + std::to_string(axis); }
std::string view_element(size_t axis) { return ".view" + std::to_string(axis); }

unsigned u(size_t n) { return static_cast<unsigned>(n); }

isl::set project_out(isl::set set, size_t first, size_t count) {
  return isl::manage(isl_set_project_out(set.release(), isl_dim_set, u(first), u(count)));
}

// Views: row-major positions under both shapes are equal. Equal leading and trailing extents are matched axis by axis first, so
// that symbolic extents need no product.
isl::set same_position(const Frame& frame, const std::vector<IndexExpr>& view, const std::vector<IndexExpr>& base) {
  size_t front = 0, back = 0;
  const size_t fewest = std::min(view.size(), base.size());
  isl::set result = frame.universe();
  const auto equal_axis = [&](size_t v, size_t b) {
    result = result.intersect(frame.equal(ir::named(view_element(v)), ir::named(element(b))));
  };
  while (front < fewest && ir::same(view[front], base[front])) equal_axis(front, front), ++front;
  while (back < fewest - front && ir::same(view[view.size() - 1 - back], base[base.size() - 1 - back])) {
    equal_axis(view.size() - 1 - back, base.size() - 1 - back);
    ++back;
  }
  const auto position = [&](const std::vector<IndexExpr>& shape, const auto& name) {
    IndexExpr sum = ir::constant(0), stride = ir::constant(1);
    for (size_t k = shape.size() - back; k-- > front;) {
      sum = ir::add(sum, ir::mul(ir::named(name(k)), stride));
      stride = ir::mul(stride, shape[k]);
    }
    return sum;
  };
  if (front + back < std::max(view.size(), base.size())) {
    // Along an axis of constant size the stride may be unknown: the positions on it are gone through one by one.
    const auto extent_of = [&](const std::string& name) -> std::optional<int64_t> {
      for (size_t k = 0; k < view.size(); ++k)
        if (name == view_element(k)) return ir::constant_value(view[k]);
      for (size_t k = 0; k < base.size(); ++k)
        if (name == element(k)) return ir::constant_value(base[k]);
      return std::nullopt;
    };
    const IndexExpr in_view = position(view, view_element), in_base = position(base, element);
    const std::function<isl::set(const Fixed&, int64_t)> equal = [&](const Fixed& fixed, int64_t combinations) {
      try {
        return frame.equal(in_view, in_base, fixed);
      } catch (const NotAffine& problem) {
        for (const std::string& name : ir::names_in(problem.culprit)) {
          const auto extent = extent_of(name);
          if (!extent || *extent < 1 || fixed.count(name) || combinations * *extent > Relations::most_expanded) continue;
          isl::set all = frame.empty();
          for (int64_t at = 0; at < *extent; ++at) {
            Fixed more = fixed;
            more[name] = at;
            all = all.unite(equal(more, combinations * *extent).intersect(frame.equal(ir::named(name), ir::constant(at))));
          }
          return all;
        }
        throw;
      }
    };
    result = result.intersect(equal({}, 1));
  }
  for (size_t k = front; k + back < base.size(); ++k)
    result = result.intersect(frame.between(ir::constant(0), ir::named(element(k)), base[k]));
  return result;
}

bool mentions(const ir::Comparison& comparison, const std::set<std::string>& names) {
  const std::set<std::string> used = ir::names_in(comparison);
  return std::any_of(used.begin(), used.end(), [&](const std::string& name) { return names.count(name) > 0; });
}

bool is_over(const ir::Comparison& comparison, const std::set<std::string>& known) {
  const std::set<std::string> used = ir::names_in(comparison);
  return std::includes(known.begin(), known.end(), used.begin(), used.end());
}

// What is assumed narrows the set; where it is not affine, less is known.
isl::set narrowed(const Frame& frame, const isl::set& set, const ir::Comparison& assumed, const Fixed& fixed = {}) {
  const Frame own = frame;  // what is not known in this one is left out, and hides nothing of what the frame is asked
  own.forget_undefined();
  try {
    const isl::set holds = own.holds(assumed, fixed);
    own.require_defined(set);
    return set.intersect(holds);
  } catch (const NotAffine&) {
    return set;
  }
}

isl::set any_int32(const Frame& frame, const IndexExpr& e) {
  return frame.between(ir::constant(std::numeric_limits<int32_t>::min()), e, ir::constant(int64_t{1} << 31));
}

std::set<std::string> unknowns_of(const Access& access) {
  std::set<std::string> names;
  for (const Binder& binder : access.binders)
    if (!binder.loop) names.insert(binder.name);
  return names;
}

// Of a span that is not empty: `max(n, 0)` is n then, and the sets stay convex.
IndexExpr positive_size(const ir::Axis& axis) {
  const IndexExpr& size = axis.size;
  if (size->kind != ir::Index::Kind::max) return size;
  if (ir::constant_value(size->b).value_or(1) <= 0) return size->a;
  if (ir::constant_value(size->a).value_or(1) <= 0) return size->b;
  return size;
}

// What is known of the elements of a tile from the one it is made of, said of `value`, an expression that stands for each of
// them: bounds of clamps, and what is assumed of tiles that are copied or shifted. Of tiles that get another value nothing is.
class Derived {
 public:
  Derived(const Frame& frame, const ir::Program& program, const Accesses& accesses, const Access& access)
      : frame_(frame), program_(program), accesses_(accesses), access_(access) {}

  isl::set narrowed_by(isl::set set, const ir::ExprPtr& e, const IndexExpr& value) const {
    if (e->dtype != DType::int32) return set;
    switch (e->op) {
      case ir::Op::variable: return narrowed_by_variable(std::move(set), e->name, value);
      case ir::Op::min:
      case ir::Op::max:
        for (const ir::ExprPtr& each : e->args)
          if (const IndexExpr bound = index_of(each))
            set = narrowed(frame_, set, {value, e->op == ir::Op::min ? ir::Compare::le : ir::Compare::ge, bound});
        return set;
      case ir::Op::add:
      case ir::Op::sub: {
        if (may_wrap(e)) return set;
        const IndexExpr a = index_of(e->args[0]), b = index_of(e->args[1]);
        const bool is_sum = e->op == ir::Op::add;
        if (b) return narrowed_by(set, e->args[0], is_sum ? ir::sub(value, b) : ir::add(value, b));
        if (a) return narrowed_by(set, e->args[1], is_sum ? ir::sub(value, a) : ir::sub(a, value));
        return set;
      }
      default: return set;  // holds of any
    }
  }

  isl::set narrowed_by_variable(isl::set set, const std::string& tile, const IndexExpr& value) const {
    if (accesses_.rebound.count(tile)) return set;
    for (const Guard& guard : access_.guards)
      for (const ir::Comparison& comparison : guard.condition)
        if (guard.assumed && mentions(comparison, {tile})) set = narrowed(frame_, set, ir::with_name(comparison, tile, value));
    const auto definition = accesses_.tiles.find(tile);
    return definition == accesses_.tiles.end() ? set : narrowed_by(std::move(set), definition->second, value);
  }

 private:
  // The one number that all elements are; none where it may wrap.
  IndexExpr index_of(const ir::ExprPtr& e) const {
    if (e->dtype != DType::int32) return nullptr;
    if (e->op == ir::Op::constant) return ir::constant(static_cast<int64_t>(e->value));
    return e->op == ir::Op::index && !may_wrap(e) ? e->index : nullptr;
  }
  bool may_wrap(const ir::ExprPtr& e) const { return values_in_definition(program_, accesses_, access_, e) == kAnyInt32; }

  const Frame& frame_;
  const ir::Program& program_;
  const Accesses& accesses_;
  const Access& access_;
};

// What the program assumes of the elements of an index tile, said of the coordinate `name`.
isl::set assumed_of_tile(const Frame& frame, const ir::Program& program, const Accesses& accesses, const Access& access,
                         const std::string& tile, const std::string& name) {
  const ir::Range values = values_of_tile(program, accesses, access, tile);
  isl::set result =
      frame.universe().intersect(frame.between(ir::constant(values.least), ir::named(name), ir::constant(values.greatest + 1)));
  for (const Guard& guard : access.guards)
    for (const ir::Comparison& comparison : guard.condition)
      for (const std::string& each : guard.assumed ? tiles_holding(accesses, tile) : std::vector<std::string>{})
        if (mentions(comparison, {each})) result = narrowed(frame, result, ir::with_name(comparison, each, ir::named(name)));
  return Derived(frame, program, accesses, access).narrowed_by_variable(result, tile, ir::named(name));
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
  return isl::manage(isl_set_insert_dims(known->second.copy(), isl_dim_set, u(place.binders.size()), u(elements)));
}

isl::set Relations::executions_of(const ir::Place& place, const Fixed& fixed) const {
  const Frame frame(ctx_, program_, accesses_.loops, names_of(place.binders));
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
      restrict_to(any_int32(frame, name));
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
        if (is_over(comparison, known_names)) result = narrowed(frame, result, comparison, fixed);
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
      int64_t trips = 1;  // at most `most_expanded`
      for (const auto& [name, loop] : loops) trips *= std::max<int64_t>(1, *constant_trips(*loop));
      const auto candidate = std::find_if(place.binders.begin(), place.binders.end(), [&](const Binder& binder) {
        const bool expanded_already =
            std::any_of(loops.begin(), loops.end(), [&](const auto& l) { return l.first == binder.name; });
        return binder.loop && names.count(binder.name) && !expanded_already && constant_trips(*binder.loop) &&
               (binder.loop->tile > 0 || ir::constant_value(binder.loop->begin)) &&
               *constant_trips(*binder.loop) <= most_expanded / trips;
      });
      if (candidate == place.binders.end()) throw;
      loops.emplace_back(candidate->name, candidate->loop);
    }
  }
}

isl::set Relations::where(const ir::Place& place, const ir::Comparison& comparison) const {
  const Frame frame(ctx_, program_, accesses_.loops, names_of(place.binders));
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
  for (size_t k = 0; is_view && k < written_axes; ++k) coordinates.push_back(view_element(k));
  for (size_t k = 0; k < axes; ++k) coordinates.push_back(element(k));
  const Frame frame(ctx_, program_, accesses_.loops, coordinates);
  const auto name_of_axis = [&](size_t k) { return is_view ? view_element(k) : element(k); };

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

isl::set Relations::certain(const std::vector<Touching>& touching, size_t prefix) const {
  isl::set result = certain_alone(touching, prefix);
  for (const isl::set& rows : certain_by_position(touching, prefix)) result = result.unite(rows);
  return result.coalesce();
}

std::vector<isl::set> Relations::certain_by_position(const std::vector<Touching>& touching, size_t prefix) const {
  struct Group {
    std::deque<ByPosition> accesses;
    std::deque<isl::set> sets;
  };
  std::map<std::vector<std::string>, Group> groups;
  for (const Touching& each : touching) {
    auto access = by_position(accesses_, *each.access);
    if (!access) continue;
    const std::vector<IndexExpr>& shape = access->access.memory->tensor->shape;
    bool as_many = true;
    for (size_t k = 0; k < shape.size(); ++k)
      as_many = as_many &&
                (access->tensors[k].empty() || ir::same(shape[k], accesses_.memories.at(access->tensors[k]).tensor->shape.at(0)));
    if (!as_many) continue;
    Group& group = groups[access->tensors];
    group.accesses.push_back(std::move(*access));
    group.sets.push_back(of(group.accesses.back().access));
  }
  std::vector<isl::set> result;
  for (const auto& [tensors, group] : groups) {
    std::vector<Touching> members;
    for (size_t i = 0; i < group.accesses.size(); ++i) members.push_back({&group.accesses[i].access, &group.sets[i]});
    isl::set set = certain_alone(members, prefix);
    const Access& any = group.accesses[0].access;
    std::vector<std::string> coordinates = names_of(any.binders);
    coordinates.resize(prefix);
    for (size_t k = 0; k < tensors.size(); ++k) coordinates.push_back(element(k));
    const Frame frame(ctx_, program_, accesses_.loops, coordinates);
    for (size_t k = 0; k < tensors.size(); ++k) {
      if (tensors[k].empty()) continue;
      const isl::set all =
          frame.universe().intersect(frame.between(ir::constant(0), ir::named(element(k)), any.memory->tensor->shape[k]));
      const isl::set missing = project_out(all.subtract(set), prefix + k, 1);
      set = all.subtract(isl::manage(isl_set_insert_dims(missing.copy(), isl_dim_set, u(prefix + k), 1)));
    }
    result.push_back(set);
  }
  return result;
}

isl::set Relations::certain_alone(const std::vector<Touching>& touching, size_t prefix) const {
  std::optional<isl::set> result;
  const auto add = [&](const isl::set& set) { result = result ? result->unite(set) : set; };
  std::map<std::string, std::vector<Touching>> deeper;  // by the next binder
  for (const Touching& each : touching) {
    if (std::any_of(each.access->slice.begin(), each.access->slice.end(), is_by_data)) continue;
    if (each.access->binders.size() == prefix)
      add(*each.set);
    else
      deeper[each.access->binders[prefix].name].push_back(each);
  }
  for (const auto& [name, group] : deeper) {
    const isl::set inner = certain_alone(group, prefix + 1), some = project_out(inner, prefix, 1);
    const bool has_part = std::any_of(group.begin(), group.end(), [&, &index = name](const Touching& each) {
      return indices_with_part(accesses_, *each.access).count(index) > 0;
    });
    if (!has_part)  // a loop's variable, or an index whose value changes nothing
      add(some);
    else
      add(some.subtract(project_out(allowed_values(group, prefix + 1).subtract(inner), prefix, 1)));
  }
  if (!result) {
    const size_t binders = touching.at(0).access->binders.size();
    const isl::set any = project_out(*touching[0].set, prefix, binders - prefix);
    return any.subtract(any);
  }
  return result->coalesce();
}

isl::set Relations::with_consistent_indices(const isl::set& pairs, const Access& a, const Access& b) const {
  constexpr const char* kOther = ".other";  // no author can write such a name
  isl::set result = pairs;
  std::vector<std::string> coordinates = names_of(a.binders);
  for (const Binder& binder : b.binders) coordinates.push_back(binder.name + kOther);
  for (size_t k = 0; k < a.memory->tensor->shape.size(); ++k) coordinates.push_back(element(k));
  const Frame frame(ctx_, program_, accesses_.loops, coordinates);
  for (const Binder& first : a.binders)
    for (const Binder& second : b.binders)
      if (related(accesses_, a, first, b, second))
        result = result.intersect(consistent(frame, accesses_, a, first, b, second, kOther));
  return result;
}

namespace {

// The points of the set but for those at which the access' branch is taken and fails an assumption made in it, where tests of the
// `known` names alone decide if it is taken: no run gets past such a point. What is assumed in a loop may not be executed.
isl::set without_failing(const Frame& frame, const isl::set& set, const Access& access, const std::set<std::string>& known,
                         size_t binders) {
  const auto test = std::find_if(access.guards.begin(), access.guards.end(), [](const Guard& guard) { return !guard.assumed; });
  if (std::none_of(test, access.guards.end(), [](const Guard& guard) { return guard.assumed; })) return set;
  isl::set result = set, taken = set;
  bool is_tested = false;
  for (const Guard& guard : access.guards) {
    const bool is_in_a_loop = std::any_of(access.binders.begin() + static_cast<ptrdiff_t>(std::min(binders, guard.binders)),
                                          access.binders.begin() + static_cast<ptrdiff_t>(guard.binders),
                                          [](const Binder& binder) { return binder.loop; });
    if (is_in_a_loop) break;
    const bool is_of_known = std::all_of(guard.condition.begin(), guard.condition.end(),
                                         [&](const ir::Comparison& comparison) { return is_over(comparison, known); });
    if (!is_of_known && guard.assumed) continue;
    if (!is_of_known) break;
    isl::set holds = frame.universe();
    try {
      for (const ir::Comparison& comparison : guard.condition) holds = holds.intersect(frame.holds(comparison));
      frame.require_defined(taken);
    } catch (const NotAffine&) {
      frame.forget_undefined();
      break;
    }
    if (guard.assumed && is_tested) result = result.subtract(taken.subtract(holds));
    taken = guard.holds ? taken.intersect(holds) : taken.subtract(holds);
    is_tested = is_tested || !guard.assumed;
  }
  return result;
}

}  // namespace

isl::set Relations::allowed_values(const std::vector<Touching>& touching, size_t binders) const {
  const Access& first = *touching.at(0).access;
  // The index, and those read behind it in the same block: that a run gets past their assumptions says something of it too.
  size_t last = binders;
  while (last < first.binders.size() && !first.binders[last].loop) ++last;
  const auto is_common = [&](const Guard& guard) {
    return std::all_of(touching.begin(), touching.end(), [&](const Touching& each) {
      return std::any_of(each.access->guards.begin(), each.access->guards.end(),
                         [&](const Guard& other) { return other.condition.data() == guard.condition.data(); });
    });
  };
  std::vector<std::string> coordinates = names_of(first.binders);
  coordinates.resize(last);
  std::set<std::string> known(coordinates.begin(), coordinates.end());
  for (const ir::Dim& dim : program_.dims) known.insert(dim.name);
  const size_t elements = first.memory->tensor->shape.size();
  const std::vector<std::string> names = coordinates;
  for (size_t k = 0; k < elements; ++k) coordinates.push_back(element(k));
  const Frame frame(ctx_, program_, accesses_.loops, coordinates);
  isl::set set = frame.universe();
  for (size_t k = binders - 1; k < last; ++k) set = set.intersect(any_int32(frame, ir::named(names[k])));
  for (const Guard& guard : first.guards) {
    // Under a test or a loop behind the index: what is assumed there says nothing where it does not run.
    if ((!guard.assumed && guard.binders >= binders) || guard.binders > last) break;
    if (!guard.assumed || !is_common(guard)) continue;
    for (const ir::Comparison& comparison : guard.condition)
      if (is_over(comparison, known)) set = narrowed(frame, set, comparison);
  }
  for (const Touching& each : touching) set = without_failing(frame, set, *each.access, known, binders);
  // Two reads of one position give one value. That elements differ or ascend may be assumed where not every run comes.
  ir::Place anywhere = first;
  anywhere.elements.clear();
  for (size_t i = 0; i < last; ++i)
    for (size_t j = std::max(i + 1, binders - 1); j < last; ++j)
      if (related(accesses_, anywhere, first.binders[i], anywhere, first.binders[j]))
        set = set.intersect(consistent(frame, accesses_, anywhere, first.binders[i], anywhere, first.binders[j], ""));
  return project_out(set, binders, last - binders);
}

namespace {

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

isl::set Relations::outside(const Access& access, size_t axis) const {
  if (covers_by_form(accesses_.loops, access.slice[axis], access.shape[axis]))
    return Frame(ctx_, program_, accesses_.loops, names_of(access.binders)).empty();
  std::vector<std::string> coordinates = names_of(access.binders);
  const bool by = access.slice[axis].kind == ir::Axis::Kind::by;
  if (by) coordinates.push_back(element(axis));
  const Frame frame(ctx_, program_, accesses_.loops, coordinates);
  return expanded(access, [&](const Fixed& fixed) {
    isl::set set = executions(access, by ? 1 : 0, fixed);
    const isl::set executed = set;
    for (const ir::Axis& other : access.slice)
      if (other.kind == ir::Axis::Kind::range)
        set = set.intersect(frame.less_equal(ir::constant(1), positive_size(other), fixed));
    const ir::Axis& checked = access.slice[axis];
    const IndexExpr begin = by ? ir::named(element(axis)) : checked.begin;
    const IndexExpr end = ir::add(begin, checked.kind == ir::Axis::Kind::range ? positive_size(checked) : ir::constant(1));
    if (by)
      set = set.intersect(assumed_of_tile(frame, program_, accesses_, access, checked.tile, element(axis)))
                .intersect(any_int32(frame, begin));
    if (by && checked.begin)
      set = set.intersect(frame.between(checked.begin, begin, ir::add(checked.begin, checked.size), fixed));
    set = set.intersect(frame.less(begin, ir::constant(0), fixed).unite(frame.less(access.shape[axis], end, fixed)));
    frame.require_defined(executed);
    return set;
  });
}

isl::set Relations::elements(const Memory& memory) const {
  std::vector<std::string> coordinates;
  for (size_t k = 0; k < memory.tensor->shape.size(); ++k) coordinates.push_back(element(k));
  const Frame frame(ctx_, program_, accesses_.loops, coordinates);
  isl::set set = frame.universe();
  for (size_t k = 0; k < coordinates.size(); ++k)
    set = set.intersect(frame.between(ir::constant(0), ir::named(element(k)), memory.tensor->shape[k]));
  const isl::set allowed = allowed_dimensions();
  frame.require_defined(frame.universe().intersect_params(allowed));
  return set.intersect_params(allowed);
}

// There is a value for each index read from data, so that what is assumed of both holds of the dimensions for some index.
isl::set Relations::allowed_dimensions() const {
  std::set<std::string> known = accesses_.single_indices;
  const std::vector<std::string> indices(known.begin(), known.end());
  for (const ir::Dim& dim : program_.dims) known.insert(dim.name);
  const Frame frame(ctx_, program_, accesses_.loops, indices);
  isl::set set = frame.universe();
  for (const std::string& index : indices) set = set.intersect(any_int32(frame, ir::named(index)));
  for (const Guard& guard : accesses_.of_dimensions)
    for (const ir::Comparison& comparison : guard.condition)
      if (is_over(comparison, known)) set = narrowed(frame, set, comparison);  // else it is about a tile
  return set.params();
}

isl::set Relations::instances(const Access& access) const {
  Access creation = access;
  creation.binders.resize(access.memory->depth);
  std::erase_if(creation.binders, [](const Binder& binder) { return !binder.loop; });
  creation.guards.clear();
  std::vector<std::string> coordinates = names_of(creation.binders);
  const std::vector<IndexExpr>& shape = access.memory->tensor->shape;
  for (size_t k = 0; k < shape.size(); ++k) coordinates.push_back(element(k));
  const Frame frame(ctx_, program_, accesses_.loops, coordinates);
  return expanded(creation, [&](const Fixed& fixed) {
    isl::set set = executions(creation, shape.size(), fixed);
    const isl::set executed = set;
    for (size_t k = 0; k < shape.size(); ++k)
      set = set.intersect(frame.between(ir::constant(0), ir::named(element(k)), shape[k], fixed));
    frame.require_defined(executed);
    return set.intersect_params(allowed_dimensions());
  });
}

// ---- program order ------------------------------------------------------------------------------------------------------------

std::set<std::string> indices_with_part(const Accesses& accesses, const Access& access) {
  std::set<std::string> part;
  std::vector<const Binder*> added;
  const auto add = [&](const std::set<std::string>& names) {
    for (const Binder& binder : access.binders)
      if (names.count(binder.name) && part.insert(binder.name).second) added.push_back(&binder);
  };
  for (const ir::Axis& axis : access.slice)
    if (!is_by_data(axis)) add(ir::names_in({axis.begin, ir::Compare::le, axis.size}));
  for (const Binder& binder : access.binders)
    if (binder.loop) add(ir::names_in({binder.loop->begin, ir::Compare::le, binder.loop->extent}));
  for (const Guard& guard : access.guards)
    for (const ir::Comparison& comparison : guard.condition)
      if (!guard.assumed) add(ir::names_in(comparison));
  while (!added.empty()) {
    const Binder& binder = *added.back();
    added.pop_back();
    for (const Guard& guard : access.guards)
      for (const ir::Comparison& comparison : guard.condition)
        if (mentions(comparison, {binder.name})) add(ir::names_in(comparison));
    for (const Binder& other : access.binders)
      if (related(accesses, access, binder, access, other)) add({other.name});
  }
  std::erase_if(part, [&](const std::string& name) {
    return std::any_of(access.binders.begin(), access.binders.end(), [&](const Binder& b) { return b.loop && b.name == name; });
  });
  return part;
}

bool depends_on_data(const Access& access) {
  const std::set<std::string> unknowns = unknowns_of(access);
  for (const Guard& guard : access.guards)
    for (const ir::Comparison& comparison : guard.condition)
      if (!guard.assumed && mentions(comparison, unknowns)) return true;
  for (const Binder& binder : access.binders)
    if (binder.loop && mentions({binder.loop->begin, ir::Compare::le, binder.loop->extent}, unknowns)) return true;
  for (const ir::Axis& axis : access.slice)
    if (is_by_data(axis) || mentions({axis.begin, ir::Compare::le, axis.size}, unknowns)) return true;
  return false;
}

bool has_part_of_data(const ir::Program& program, const Access& access) {
  if (depends_on_data(access)) return true;
  std::set<std::string> known;
  for (const ir::Dim& dim : program.dims) known.insert(dim.name);
  for (const Binder& binder : access.binders)
    if (binder.loop) known.insert(binder.name);
  return std::any_of(access.guards.begin(), access.guards.end(), [&](const Guard& guard) {
    return std::any_of(guard.condition.begin(), guard.condition.end(),
                       [&](const ir::Comparison& comparison) { return !is_over(comparison, known); });
  });
}

isl::set with_free_binders(const isl::set& set, size_t binders, size_t count) {
  return isl::manage(isl_set_insert_dims(set.copy(), isl_dim_set, u(binders), u(count - binders)));
}

isl::set in_later_iterations(const isl::set& set, size_t prefix) {
  // [binders, later iteration, elements] beside [binders, iteration, elements]
  isl_set* both = isl_set_insert_dims(set.copy(), isl_dim_set, u(prefix - 1), 1);
  return project_out(less_coordinate(isl::manage(both), prefix, prefix - 1), prefix, 1);
}

size_t common_binders(const Access& a, const Access& b) {
  size_t n = 0;
  while (n < a.binders.size() && n < b.binders.size() && a.binders[n].name == b.binders[n].name) ++n;
  return n;
}

isl::set side_by_side(const isl::set& a_set, size_t a, const isl::set& b_set, size_t b) {
  isl_set* left = isl_set_insert_dims(a_set.copy(), isl_dim_set, u(a), u(b));
  isl_set* right = isl_set_insert_dims(b_set.copy(), isl_dim_set, 0, u(a));
  return isl::manage(isl_set_intersect(left, right));
}

isl::set equal_coordinates(const isl::set& set, size_t first, size_t second) {
  return isl::manage(isl_set_equate(set.copy(), isl_dim_set, static_cast<int>(first), isl_dim_set, static_cast<int>(second)));
}

isl::set less_coordinate(const isl::set& set, size_t first, size_t second) {
  isl_constraint* less = isl_constraint_alloc_inequality(isl_local_space_from_space(isl_set_get_space(set.get())));
  less = isl_constraint_set_coefficient_si(less, isl_dim_set, static_cast<int>(first), -1);
  less = isl_constraint_set_coefficient_si(less, isl_dim_set, static_cast<int>(second), 1);
  return isl::manage(isl_set_add_constraint(set.copy(), isl_constraint_set_constant_si(less, -1)));
}

namespace {

enum class Order { before, after };

// The part of `subject` for which some execution of `other`, before or after it, touches the same element. Each loop that carries
// the order is one case; those nearest in time come first.
isl::set ordered(const isl::set& subject_set, const Access& subject, const isl::set& other_set, const Access& other,
                 Order order) {
  const size_t a = subject.binders.size(), b = other.binders.size();
  const size_t common = common_binders(subject, other), instance = subject.memory->depth;
  isl::set pairs = side_by_side(subject_set, a, other_set, b);
  isl::set result = subject_set.subtract(subject_set);
  for (size_t d = 0; d <= common; ++d) {
    const bool same_iteration = d == common;
    if (same_iteration) {
      const bool holds = order == Order::before ? other.order < subject.order : other.order > subject.order;
      if (holds) result = result.unite(project_out(pairs, a, b));
      break;
    }
    if (d >= instance && subject.binders[d].loop) {
      const size_t first = order == Order::before ? a + d : d, second = order == Order::before ? d : a + d;
      const isl::set carried = less_coordinate(pairs, first, second);
      if (!carried.is_empty()) result = result.unite(project_out(carried, a, b));
    }
    pairs = equal_coordinates(pairs, d, a + d);
  }
  return result.coalesce();
}

}  // namespace

isl::set preceded(const isl::set& later_set, const Access& later, const isl::set& earlier_set, const Access& earlier) {
  return ordered(later_set, later, earlier_set, earlier, Order::before);
}

isl::set followed(const isl::set& earlier_set, const Access& earlier, const isl::set& later_set, const Access& later) {
  return ordered(earlier_set, earlier, later_set, later, Order::after);
}

}  // namespace imbrex::prove
