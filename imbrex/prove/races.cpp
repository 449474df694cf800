#include "imbrex/prove/races.h"

#include <fmt/format.h>
#include <isl/set.h>

#include <algorithm>

#include "imbrex/ir/spelling.h"
#include "imbrex/prove/index_tensors.h"
#include "imbrex/prove/shown.h"

namespace imbrex::prove {
namespace {

bool is_inside(const Access& access, const ParallelLoop& loop) {
  return access.binders.size() > loop.depth && access.binders[loop.depth].loop == loop.loop;
}

// Over [binders of a, binders of b, elements]: executions in different iterations of the loop, but the same of those around it,
// that touch one element.
isl::set collisions(const Subject& subject, const Access& a, const Access& b, size_t depth) {
  const size_t n = a.binders.size();
  isl::set first = subject.may(a), second = subject.may(b);
  const auto a_by_position = by_position(subject.accesses, a), b_by_position = by_position(subject.accesses, b);
  if (a_by_position && b_by_position && a_by_position->tensors == b_by_position->tensors) {
    first = subject.relations.of(a_by_position->access);
    second = subject.relations.of(b_by_position->access);
  }
  isl::set pairs = side_by_side(first, n, second, b.binders.size());
  for (size_t d = 0; d < depth; ++d) pairs = equal_coordinates(pairs, d, n + d);
  pairs = subject.relations.with_consistent_indices(pairs, a, b);
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

// The number that an index is not where the access stands, because its author asked: `slot != -1`, or `slot >= 0`.
std::optional<int64_t> skipped_number(const ir::Place& place, const std::string& index) {
  const auto of = [&](ir::Comparison each, bool holds) -> std::optional<int64_t> {
    if (!holds) each = ir::negated(each);
    const bool is_left = ir::to_text(each.left) == index;
    const auto number = ir::constant_value(is_left ? each.right : each.left);
    if (!number || ir::to_text(is_left ? each.left : each.right) != index) return std::nullopt;
    using enum ir::Compare;
    if (each.compare == ne) return number;
    if (each.compare == (is_left ? ge : le)) return *number - 1;
    return each.compare == (is_left ? gt : lt) ? number : std::nullopt;
  };
  for (const ir::Guard& guard : place.guards) {
    if (guard.assumed || (!guard.holds && guard.condition.size() != 1)) continue;
    for (const ir::Comparison& each : guard.condition)
      if (const auto number = of(each, guard.holds)) return number;
  }
  return std::nullopt;
}

// How to say something of all elements of an input, of which int32 tiles alone are said it: in the one that has them, or in one
// that is to be loaded.
struct AllElements {
  std::string tile;  // empty: there is no way, as of tensors of several axes
  std::string how;   // to get them said: "load all of slots before the loop, `let indices = slots[:]`, and say that its elements"
};
AllElements all_elements(const Subject& subject, const std::string& tensor) {
  for (const std::string& tile : whole_tiles_of(subject.accesses, tensor))
    if (subject.accesses.tiles.at(tile)->dtype == DType::int32)
      return {tile, fmt::format("say before the loop that the elements of {}", tensor)};
  const ir::Spelling say(subject.program);
  const auto memory = subject.accesses.memories.find(tensor);
  const bool is_known = memory != subject.accesses.memories.end();
  if (is_known && memory->second.tensor->shape.size() != 1) return {};
  const bool is_int32 = !is_known || memory->second.tensor->dtype == DType::int32;
  std::string name = "indices";
  for (int number = 2; subject.accesses.tiles.contains(name) || subject.accesses.memories.contains(name); ++number)
    name = fmt::format("indices_{}", number);
  const std::string all = is_int32 ? say.whole(tensor) : say.cast(say.whole(tensor), DType::int32);
  return {name, fmt::format("load all of {} before the loop, `{}`, and say that its elements", tensor, say.let(name, all))};
}

std::string hint_for(const Subject& subject, const Access& a, const Access& b, const ParallelLoop& loop) {
  const std::string& name = a.memory->tensor->name;
  const std::string& variable = loop.loop->variable;
  using Property = ir::AssumeElements::Property;
  const ir::Spelling say(subject.program);
  const auto by_tile = [](const Access& access) { return std::find_if(access.slice.begin(), access.slice.end(), is_by_data); };
  for (const Access* access : {&a, &b}) {
    const auto axis = by_tile(*access);
    if (axis == access->slice.end()) continue;
    if (const auto but = exception_of_tile(subject.accesses, *access, axis->tile))
      return fmt::format(
          "`{}` lets any number of rows be {}, and a tile of rows stores them all: read them one by one and skip these, "
          "`{}`, `{}` and `{}`",
          say.assume(*but), *but->except, say.loop(ir::Loop::Kind::parallel, "k", "n"), say.read("i", "...", "k"),
          say.when({{ir::named("i"), ir::Compare::ne, ir::constant(*but->except)}}));
    const std::string input = input_of_tile(subject.accesses, axis->tile).value_or("...");
    const AllElements all = all_elements(subject, input);
    if (all.tile.empty())
      return fmt::format("make the loop over {} a `{}`; that no two elements of {} are equal can be said where it has one axis",
                         variable, say.word("range"), input);
    return fmt::format("if no index repeats, {} differ, `{}`; or make the loop over {} a `{}`", all.how,
                       say.assume({all.tile, Property::distinct}), variable, say.word("range"));
  }
  for (const Access* access : {&a, &b})
    for (const Binder& binder : access->binders)
      if (binder.read && depends_on_data(*access)) {
        if (const auto but = exception_in(assumed_of(subject.accesses, *access, binder.read->tensor)))
          return fmt::format("`{}` lets any number of elements be {}: skip these, `{}` around what touches {}", say.assume(*but),
                             *but->except, say.when({{ir::named(binder.name), ir::Compare::ne, ir::constant(*but->except)}}),
                             name);
        const AllElements all = all_elements(subject, binder.read->tensor);
        if (all.tile.empty())
          return fmt::format(
              "make the loop over {} a `{}`; that no two elements of {} are equal can be said where it has one axis", variable,
              say.word("range"), binder.read->tensor);
        const auto skipped = skipped_number(*access, binder.name);
        const std::string distinct = say.assume({all.tile, Property::distinct, skipped});
        if (skipped)
          return fmt::format("if no number but {} repeats, {} differ, `{}`; or make the loop over {} a `{}`", *skipped, all.how,
                             distinct, variable, say.word("range"));
        return fmt::format("if it is so, {} differ, `{}`, or never descend, `{}`; or make the loop over {} a `{}`", all.how,
                           distinct, say.assume({all.tile, Property::sorted}), variable, say.word("range"));
      }
  if (could_be_private(subject, *a.memory, loop))
    return fmt::format("create {} inside the loop over {}: it is then private to the iteration", name, variable);
  if (a.memory->tensor->role == ir::Role::temporary)
    return fmt::format("give {} an axis that {} indexes, or make the loop over {} a `{}`", name, variable, variable,
                       say.word("range"));
  return fmt::format("let each iteration of {} write its own part of {}, or make the loop a `{}`", variable, name,
                     say.word("range"));
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
        {subject.where(access.origin), fmt::format("{} {} it in iteration {}={}", text_of_access(subject.program, access),
                                                   access.writes ? "writes" : "reads", variable, iteration)});
  };
  note(first, i);
  note(second, j);
  return diagnostic;
}

// Two iterations in which the accesses meet.
Suspicion suspicion(const Subject& subject, const Access& a, const Access& b, const isl::set& bad) {
  const Witness at = smallest(subject.program, bad);
  const auto split = at.coordinates.begin() + static_cast<std::ptrdiff_t>(a.binders.size());
  const auto elements = split + static_cast<std::ptrdiff_t>(b.binders.size());
  return {"parallel-conflict",
          at.dims,
          {{&a, {at.coordinates.begin(), split}}, {&b, {split, elements}}},
          {elements, at.coordinates.end()}};
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
        const Diagnostic told = conflict(subject, a, b, loop, bad);
        findings.add(shown(subject, {told,
                                     {a.writes ? &a : &b, a.writes ? &b : &a},
                                     suspicion(subject, a, b, bad),
                                     fmt::format("whether iterations of `parallel {}` touch one element of {}",
                                                 loop.loop->variable, a.memory->tensor->name)}),
                     told, {0, a.memory, {&a, &b}, bad});
        reported.insert(a.memory);
      }
  }
  return findings;
}

}  // namespace imbrex::prove
