#include "imbrex/prove/data_dependence.h"

#include <algorithm>
#include <vector>

#include "imbrex/prove/index_tensors.h"

namespace imbrex::prove {
namespace {

std::set<std::string> unknowns_of(const Access& access) {
  std::set<std::string> names;
  for (const Binder& binder : access.binders)
    if (!binder.loop) names.insert(binder.name);
  return names;
}

}  // namespace

bool mentions(const ir::Comparison& comparison, const std::set<std::string>& names) {
  const std::set<std::string> used = ir::names_in(comparison);
  return std::any_of(used.begin(), used.end(), [&](const std::string& name) { return names.count(name) > 0; });
}

bool is_over(const ir::Comparison& comparison, const std::set<std::string>& known) {
  const std::set<std::string> used = ir::names_in(comparison);
  return std::includes(known.begin(), known.end(), used.begin(), used.end());
}

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

}  // namespace imbrex::prove
