#include "imbrex/prove/races.h"

#include <fmt/format.h>
#include <isl/set.h>

#include <algorithm>

namespace imbrex::prove {
namespace {

bool is_inside(const Access& access, const ParallelLoop& loop) {
  return access.binders.size() > loop.depth && access.binders[loop.depth].loop == loop.loop;
}

// The tensor of indices that a tile is a part of, if those indices are declared distinct as a whole: a tile variable loaded from
// all of an input of one axis, and named by `assume_distinct`.
const ir::Expr* part_of_distinct(const Subject& subject, const std::string& tile) {
  const auto load = subject.accesses.tiles.find(tile);
  if (load == subject.accesses.tiles.end() || load->second->op != ir::Op::load || subject.accesses.rebound.count(tile) ||
      load->second->slice.size() != 1)
    return nullptr;
  const auto memory = subject.accesses.memories.find(load->second->name);
  if (memory == subject.accesses.memories.end() || memory->second.tensor->role != ir::Role::input) return nullptr;
  for (const std::string& name : subject.accesses.distinct) {
    const auto whole = subject.accesses.tiles.find(name);
    if (whole == subject.accesses.tiles.end() || whole->second->op != ir::Op::load || whole->second->name != load->second->name)
      continue;
    const ir::Axis& axis = whole->second->slice.at(0);
    if (ir::constant_value(axis.begin) == 0 && ir::same(axis.size, memory->second.tensor->shape.at(0))) return load->second.get();
  }
  return nullptr;
}

// An access by an index tile with the positions of the indices in place of their values: where the indices are distinct, two
// executions touch one element exactly if they use one position.
std::optional<Access> by_position(const Subject& subject, const Access& access) {
  Access result = access;
  bool replaced = false;
  for (ir::Axis& axis : result.slice) {
    if (axis.kind != ir::Axis::Kind::by) continue;
    const ir::Expr* load = part_of_distinct(subject, axis.tile);
    if (!load || access.name != access.memory->tensor->name) return std::nullopt;
    axis = load->slice[0];
    if (axis.kind == ir::Axis::Kind::point) axis = {ir::Axis::Kind::range, axis.begin, ir::constant(1), {}};
    replaced = true;
  }
  return replaced ? std::optional(result) : std::nullopt;
}

// The tensor whose elements say which rows are taken, on each axis.
std::vector<std::string> index_tensors(const Subject& subject, const Access& access) {
  std::vector<std::string> names;
  for (const ir::Axis& axis : access.slice) {
    const ir::Expr* load = axis.kind == ir::Axis::Kind::by ? part_of_distinct(subject, axis.tile) : nullptr;
    names.push_back(load ? load->name : "");
  }
  return names;
}

// Over [binders of a, binders of b, elements]: executions in different iterations of the loop, but the same of those around it,
// that touch one element.
isl::set collisions(const Subject& subject, const Access& a, const Access& b, size_t depth) {
  const size_t n = a.binders.size();
  isl::set first = subject.may(a), second = subject.may(b);
  const auto a_by_position = by_position(subject, a), b_by_position = by_position(subject, b);
  if (a_by_position && b_by_position && index_tensors(subject, a) == index_tensors(subject, b)) {
    first = subject.relations.of(*a_by_position);
    second = subject.relations.of(*b_by_position);
  }
  isl::set pairs = side_by_side(first, n, second, b.binders.size());
  for (size_t d = 0; d < depth; ++d) pairs = equal_coordinates(pairs, d, n + d);
  isl::set result = less_coordinate(pairs, depth, n + depth);
  if (&a != &b) result = result.unite(less_coordinate(pairs, n + depth, depth));
  return result;
}

// A tensor of the kernel's own that only this loop uses could as well be created inside it.
bool could_be_private(const Subject& subject, const Memory& memory, const ParallelLoop& loop) {
  if (memory.tensor->role != ir::Role::temporary) return false;
  return std::all_of(subject.accesses.all.begin(), subject.accesses.all.end(),
                     [&](const Access& access) { return access.memory != &memory || is_inside(access, loop); });
}

std::string hint_for(const Subject& subject, const Access& a, const Access& b, const ParallelLoop& loop) {
  const std::string& name = a.memory->tensor->name;
  const std::string& variable = loop.loop->variable;
  const auto by_tile = [](const Access& access) {
    return std::find_if(access.slice.begin(), access.slice.end(),
                        [](const ir::Axis& axis) { return axis.kind == ir::Axis::Kind::by; });
  };
  for (const Access* access : {&a, &b})
    if (by_tile(*access) != access->slice.end())
      return fmt::format(
          "if the indices never repeat, load all of them before the loop, `let all = ...[:]`, and say `assume_distinct all`; "
          "or make the loop over {} a `range`",
          variable);
  if (could_be_private(subject, *a.memory, loop))
    return fmt::format("create {} inside the loop over {}: it is then private to the iteration", name, variable);
  if (a.memory->tensor->role == ir::Role::temporary)
    return fmt::format("give {} an axis that {} indexes, or make the loop over {} a `range`", name, variable, variable);
  return fmt::format("let each iteration of {} write its own part of {}, or make the loop a `range`", variable, name);
}

Diagnostic conflict(const Subject& subject, const Access& a, const Access& b, const ParallelLoop& loop, const isl::set& bad) {
  const Witness at = smallest(subject.program, bad);
  const Access &first = a.writes ? a : b, &second = a.writes ? b : a;
  const size_t first_base = a.writes ? 0 : a.binders.size(), second_base = a.writes ? a.binders.size() : 0;
  const std::string variable = loop.loop->variable + (loop.loop->tile > 0 ? ".index" : "");
  const int64_t i = at.coordinates[first_base + loop.depth], j = at.coordinates[second_base + loop.depth];
  const std::string element = element_text(a.memory->tensor->name, at.coordinates, a.binders.size() + b.binders.size());
  const std::string when = when_text(subject.program, bad);
  const std::string what = second.writes
                               ? fmt::format("iterations {0}={1} and {0}={2} of `parallel {3}` both write {4}", variable,
                                             std::min(i, j), std::max(i, j), loop.loop->variable, element)
                               : fmt::format("iteration {0}={1} of `parallel {3}` writes {4}, which iteration {0}={2} reads",
                                             variable, i, j, loop.loop->variable, element);
  Diagnostic diagnostic{"parallel-conflict",
                        subject.where(first.origin),
                        what + (when.empty() ? "" : ": " + when),
                        hint_for(subject, a, b, loop),
                        {},
                        false};
  const auto note = [&](const Access& access, int64_t iteration) {
    diagnostic.notes.push_back(
        {subject.where(access.origin),
         fmt::format("{} {} it in iteration {}={}", text_of_access(access.name, access.slice, access.shape),
                     access.writes ? "writes" : "reads", variable, iteration)});
  };
  note(first, i);
  note(second, j);
  return diagnostic;
}

}  // namespace

Findings check_races(const Subject& subject) {
  Findings findings;
  const std::deque<Access>& all = subject.accesses.all;
  for (const ParallelLoop& loop : subject.accesses.parallel_loops) {
    std::set<const Memory*> reported;  // one message for each tensor and loop
    for (size_t i = 0; i < all.size(); ++i)
      for (size_t j = i; j < all.size(); ++j) {
        const Access &a = all[i], &b = all[j];
        if (a.memory != b.memory || !(a.writes || b.writes) || !is_inside(a, loop) || !is_inside(b, loop)) continue;
        if (a.memory->depth > loop.depth || !subject.decided(*a.memory) || reported.count(a.memory)) continue;
        ++findings.examined;
        const isl::set bad = collisions(subject, a, b, loop.depth);
        if (bad.is_empty()) continue;
        findings.diagnostics.push_back(conflict(subject, a, b, loop, bad));
        reported.insert(a.memory);
      }
  }
  return findings;
}

}  // namespace imbrex::prove
