#include "imbrex/prove/races.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
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
// `supposed`: assumed at both in addition.
isl::set collisions(const Subject& subject, const Access& a, const Access& b, size_t depth,
                    const std::vector<ir::AssumeElements>& supposed = {}) {
  const size_t n = a.binders.size();
  isl::set first = subject.may(a), second = subject.may(b);
  Access a_supposed = a, b_supposed = b;
  for (Access* access : {&a_supposed, &b_supposed})
    access->elements.insert(access->elements.end(), supposed.begin(), supposed.end());
  const auto a_by_position = by_position(subject.accesses, a_supposed), b_by_position = by_position(subject.accesses, b_supposed);
  if (a_by_position && b_by_position && a_by_position->tensors == b_by_position->tensors) {
    first = subject.relations.of(a_by_position->access);
    second = subject.relations.of(b_by_position->access);
  }
  isl::set pairs = side_by_side(first, n, second, b.binders.size());
  for (size_t d = 0; d < depth; ++d) pairs = equal_coordinates(pairs, d, n + d);
  pairs = subject.relations.with_consistent_indices(pairs, a_supposed, b_supposed);
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

// `index` against a number, whichever of them stands on the left.
struct AgainstNumber {
  ir::Compare compare;
  int64_t number;
};
std::optional<AgainstNumber> against_number(const ir::Comparison& each, const std::string& index) {
  using enum ir::Compare;
  if (const auto number = ir::constant_value(each.right); number && ir::to_text(each.left) == index)
    return AgainstNumber{each.compare, *number};
  const auto number = ir::constant_value(each.left);
  if (!number || ir::to_text(each.right) != index) return std::nullopt;
  switch (each.compare) {
    case lt: return AgainstNumber{gt, *number};
    case le: return AgainstNumber{ge, *number};
    case ge: return AgainstNumber{le, *number};
    case gt: return AgainstNumber{lt, *number};
    case eq:
    case ne: break;
  }
  return AgainstNumber{each.compare, *number};
}

// The least that an index is assumed to be; none where nothing says so.
std::optional<int64_t> least_of(const ir::Place& place, const std::string& index) {
  std::optional<int64_t> least;
  for (const ir::Guard& guard : place.guards) {
    if (!guard.assumed || !guard.holds) continue;
    for (const ir::Comparison& each : guard.condition) {
      const auto found = against_number(each, index);
      if (!found || (found->compare != ir::Compare::ge && found->compare != ir::Compare::gt)) continue;
      least = std::max(least.value_or(INT64_MIN), found->number + (found->compare == ir::Compare::gt ? 1 : 0));
    }
  }
  return least;
}

// The number that an index is not where the access stands, because its author asked: `slot != -1`, or `slot >= 0`, of which it is
// the least that the index may be.
std::optional<int64_t> skipped_number(const ir::Place& place, const std::string& index) {
  const auto of = [&](ir::Comparison each, bool holds) -> std::optional<int64_t> {
    if (!holds) each = ir::negated(each);
    const auto found = against_number(each, index);
    if (!found) return std::nullopt;
    if (found->compare == ir::Compare::ne) return found->number;
    if (found->compare != ir::Compare::ge && found->compare != ir::Compare::gt) return std::nullopt;
    const int64_t below = found->number - (found->compare == ir::Compare::ge ? 1 : 0);
    const int64_t least = least_of(place, index).value_or(below);
    return least <= below ? std::optional(least) : std::nullopt;
  };
  for (const ir::Guard& guard : place.guards) {
    if (guard.assumed || (!guard.holds && guard.condition.size() != 1)) continue;
    for (const ir::Comparison& each : guard.condition)
      if (const auto number = of(each, guard.holds); number && *number == static_cast<int32_t>(*number)) return number;
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

// Where the author reads this index without a name.
std::string with_names(const ir::Spelling& say, const std::string& index) {
  const std::string to_bind = say.unnamed_reads({index});
  return to_bind.empty() ? "" : ", with a name for what is read, " + to_bind;
}

std::string hint_for(const Subject& subject, const Access& a, const Access& b, const ParallelLoop& loop) {
  using Property = ir::AssumeElements::Property;
  const ir::Spelling say(subject.program);
  const std::string variable = say.name(loop.loop->variable), name = say.name(a.memory->tensor->name);
  const std::string in_turn = fmt::format("make the loop over {} a `{}`", variable, say.word("range"));
  // Whether the iterations no longer meet where this is assumed of all elements of an input.
  const auto helps = [&](const std::string& input, Property property, std::optional<int64_t> except = {}) {
    return collisions(subject, a, b, loop.depth, {{all_elements_of(input), property, except}}).is_empty();
  };
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
      return fmt::format("{}; that no two elements of {} are equal can be said where it has one axis", in_turn, input);
    if (!helps(input, Property::distinct)) return in_turn;
    return fmt::format("if no index repeats, {} differ, `{}`; or {}", all.how, say.assume({all.tile, Property::distinct}),
                       in_turn);
  }
  for (const Access* access : {&a, &b})
    for (const Binder& binder : access->binders)
      if (binder.read && depends_on_data(*access)) {
        if (const auto but = exception_in(assumed_of(subject.accesses, *access, binder.read->tensor))) {
          ir::Condition skips;  // what is skipped already stays skipped
          for (const auto& number : {skipped_number(*access, binder.name), but->except})
            if (number) skips.push_back({ir::named(binder.name), ir::Compare::ne, ir::constant(*number)});
          return fmt::format("`{}` lets any number of elements be {}: skip these, `{}` around what touches {}{}",
                             say.assume(*but), *but->except, say.when(skips), name, with_names(say, binder.name));
        }
        const AllElements all = all_elements(subject, binder.read->tensor);
        const std::string& input = binder.read->tensor;
        if (all.tile.empty())
          return fmt::format("{}; that no two elements of {} are equal can be said where it has one axis", in_turn, input);
        const auto skipped = skipped_number(*access, binder.name);
        const std::string distinct = say.assume({all.tile, Property::distinct, skipped});
        if (skipped && helps(input, Property::distinct, skipped))
          return fmt::format("if no number but {} repeats, {} differ, `{}`; or {}", *skipped, all.how, distinct, in_turn);
        std::vector<std::string> ways;
        if (!skipped && helps(input, Property::distinct)) ways.push_back(fmt::format("differ, `{}`", distinct));
        if (helps(input, Property::sorted))
          ways.push_back(fmt::format("never descend, `{}`", say.assume({all.tile, Property::sorted})));
        if (ways.empty()) return in_turn;
        return fmt::format("if it is so, {} {}; or {}", all.how, fmt::join(ways, ", or "), in_turn);
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
  const std::string name = ir::Spelling(subject.program).name(loop.loop->variable);
  const std::string variable = name + (loop.loop->tile > 0 ? ".index" : "");
  const int64_t i = at.coordinates[first_base + loop.depth], j = at.coordinates[second_base + loop.depth];
  const std::string element = element_text(a.memory->tensor->name, at.coordinates, a.binders.size() + b.binders.size());
  const std::string when = when_text(subject.program, bad);
  const std::string what = second.writes
                               ? fmt::format("iterations {0}={1} and {0}={2} of `parallel {3}` both write {4}", variable,
                                             std::min(i, j), std::max(i, j), name, element)
                               : fmt::format("iteration {0}={1} of `parallel {3}` writes {4}, which iteration {0}={2} reads",
                                             variable, i, j, name, element);
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
        findings.add(
            shown(subject, {told,
                            {a.writes ? &a : &b, a.writes ? &b : &a},
                            suspicion(subject, a, b, bad),
                            fmt::format("whether iterations of `parallel {}` touch one element of {}",
                                        ir::Spelling(subject.program).name(loop.loop->variable), a.memory->tensor->name)}),
            told, {0, a.memory, {&a, &b}, bad});
        reported.insert(a.memory);
      }
  }
  return findings;
}

}  // namespace imbrex::prove
