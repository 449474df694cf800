#include "imbrex/prove/certain.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "imbrex/prove/coordinates.h"
#include "imbrex/prove/data_dependence.h"
#include "imbrex/prove/index_tensors.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;

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

// Over [the first `binders` binders, elements]: the values of the last one, an index, that assumptions allow.
isl::set allowed_values(const Relations& relations, const std::vector<Touching>& touching, size_t binders) {
  const Accesses& accesses = relations.accesses();
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
  for (const ir::Dim& dim : relations.program().dims) known.insert(dim.name);
  const size_t elements = first.memory->tensor->shape.size();
  const std::vector<std::string> names = coordinates;
  for (size_t k = 0; k < elements; ++k) coordinates.push_back(element_name(k));
  const Frame frame = relations.frame(coordinates);
  isl::set set = frame.universe();
  for (size_t k = binders - 1; k < last; ++k) set = set.intersect(frame.any_int32(ir::named(names[k])));
  for (const Guard& guard : first.guards) {
    // Under a test or a loop behind the index: what is assumed there says nothing where it does not run.
    if ((!guard.assumed && guard.binders >= binders) || guard.binders > last) break;
    if (!guard.assumed || !is_common(guard)) continue;
    for (const ir::Comparison& comparison : guard.condition)
      if (is_over(comparison, known)) set = frame.narrowed(set, comparison);
  }
  for (const Touching& each : touching) set = without_failing(frame, set, *each.access, known, binders);
  // Two reads of one position give one value. That elements differ or ascend may be assumed where not every run comes.
  ir::Place anywhere = first;
  anywhere.elements.clear();
  for (size_t i = 0; i < last; ++i)
    for (size_t j = std::max(i + 1, binders - 1); j < last; ++j)
      if (related(accesses, anywhere, first.binders[i], anywhere, first.binders[j]))
        set = set.intersect(consistent(frame, accesses, anywhere, first.binders[i], anywhere, first.binders[j], ""));
  return project_out(set, binders, last - binders);
}

// From what each of them names, without what is known of index tiles.
isl::set touched_by_indices(const Relations& relations, const std::vector<Touching>& touching, size_t prefix) {
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
    const isl::set inner = touched_by_indices(relations, group, prefix + 1), some = project_out(inner, prefix, 1);
    const bool has_part = std::any_of(group.begin(), group.end(), [&, &index = name](const Touching& each) {
      return indices_with_part(relations.accesses(), *each.access).count(index) > 0;
    });
    if (!has_part)  // a loop's variable, or an index whose value changes nothing
      add(some);
    else
      add(some.subtract(project_out(allowed_values(relations, group, prefix + 1).subtract(inner), prefix, 1)));
  }
  if (!result) {
    const size_t binders = touching.at(0).access->binders.size();
    const isl::set any = project_out(*touching[0].set, prefix, binders - prefix);
    return any.subtract(any);
  }
  return result->coalesce();
}

// By accesses that take rows by index tiles: n different indices below n are all of them.
std::vector<isl::set> touched_by_all_positions(const Relations& relations, const std::vector<Touching>& touching, size_t prefix) {
  const Accesses& accesses = relations.accesses();
  struct Group {
    std::deque<ByPosition> accesses;
    std::deque<isl::set> sets;
  };
  std::map<std::vector<std::string>, Group> groups;
  for (const Touching& each : touching) {
    auto access = by_position(accesses, *each.access);
    if (!access) continue;
    const std::vector<IndexExpr>& shape = access->access.memory->tensor->shape;
    bool as_many = true;
    for (size_t k = 0; k < shape.size(); ++k)
      as_many = as_many &&
                (access->tensors[k].empty() || ir::same(shape[k], accesses.memories.at(access->tensors[k]).tensor->shape.at(0)));
    if (!as_many) continue;
    Group& group = groups[access->tensors];
    group.accesses.push_back(std::move(*access));
    group.sets.push_back(relations.of(group.accesses.back().access));
  }
  std::vector<isl::set> result;
  for (const auto& [tensors, group] : groups) {
    std::vector<Touching> members;
    for (size_t i = 0; i < group.accesses.size(); ++i) members.push_back({&group.accesses[i].access, &group.sets[i]});
    isl::set set = touched_by_indices(relations, members, prefix);
    const Access& any = group.accesses[0].access;
    std::vector<std::string> coordinates = names_of(any.binders);
    coordinates.resize(prefix);
    for (size_t k = 0; k < tensors.size(); ++k) coordinates.push_back(element_name(k));
    const Frame frame = relations.frame(coordinates);
    for (size_t k = 0; k < tensors.size(); ++k) {
      if (tensors[k].empty()) continue;
      const isl::set all =
          frame.universe().intersect(frame.between(ir::constant(0), ir::named(element_name(k)), any.memory->tensor->shape[k]));
      const isl::set missing = project_out(all.subtract(set), prefix + k, 1);
      set = all.subtract(with_free(missing, prefix + k, 1));
    }
    result.push_back(set);
  }
  return result;
}

}  // namespace

isl::set certainly_touched(const Relations& relations, const std::vector<Touching>& touching, size_t prefix) {
  isl::set result = touched_by_indices(relations, touching, prefix);
  for (const isl::set& rows : touched_by_all_positions(relations, touching, prefix)) result = result.unite(rows);
  return result.coalesce();
}

}  // namespace imbrex::prove
