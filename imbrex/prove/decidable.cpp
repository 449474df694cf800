#include "imbrex/prove/decidable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <functional>

#include "imbrex/ir/ranges.h"
#include "imbrex/ir/spelling.h"

namespace imbrex::prove {
namespace {

// The author's form of an expression over iteration numbers: a tiled loop's number is `t.index`.
std::string author_text(const Subject& subject, const ir::IndexExpr& e) {
  return ir::Spelling(subject.program).index(ir::substitute(e, [&](const ir::Index& leaf) -> std::optional<ir::IndexExpr> {
    const auto loop = subject.accesses.loops.find(leaf.name);
    if (leaf.kind != ir::Index::Kind::name || loop == subject.accesses.loops.end() || loop->second->tile == 0)
      return std::nullopt;
    return ir::span_index(leaf.name);
  }));
}

std::string obstacle(const std::string& text, const ir::IndexExpr& culprit) {
  switch (culprit->kind) {
    case ir::Index::Kind::mul: return fmt::format("`{}` multiplies two numbers that are both unknown", text);
    case ir::Index::Kind::floor_div:
    case ir::Index::Kind::mod:
      return fmt::format("`{}` divides by a number that is no constant, and its quotient is not known to be from {} to {}", text,
                         kLeastQuotient, kGreatestQuotient);
    default: return fmt::format("`{}` is not known as an index", text);
  }
}

std::string shape_text(const std::vector<ir::IndexExpr>& shape) {
  std::string text;
  for (const ir::IndexExpr& extent : shape) text += (text.empty() ? "" : ", ") + ir::to_text(extent);
  return "[" + text + "]";
}

// The two shapes of one memory have no common axis of a constant size below the one that is unknown.
Diagnostic of_view(const Subject& subject, const Access& access) {
  const ir::Tensor& tensor = *access.memory->tensor;
  return {
      "undecidable",
      subject.where(access.origin),
      fmt::format(
          "which elements of {} {} {} touches cannot be decided: rows of its view {} are as long as a number that is unknown",
          tensor.name, shape_text(tensor.shape), text_of_access(subject.program, access), shape_text(access.shape)),
      fmt::format("let the view keep the unknown axes of {}, first and in their order, and split or join those of constant size",
                  tensor.name),
      {},
      false};
}

// ---- hints: each only where following it helps

bool is_division(const ir::IndexExpr& e) { return e->kind == ir::Index::Kind::floor_div || e->kind == ir::Index::Kind::mod; }

bool is_of_dimensions(const Subject& subject, const ir::IndexExpr& e) {
  const std::set<std::string> names = ir::names_in(e);
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::any_of(subject.program.dims.begin(), subject.program.dims.end(),
                       [&](const ir::Dim& dim) { return dim.name == name; });
  });
}

bool is_decided(const Subject& subject, const Access& access) {
  try {
    subject.relations.fresh().of(access);
    return true;
  } catch (const NotAffine&) {
    return false;
  }
}

// The smallest number that the divisor has to have for quotients to be small, where there is one.
std::optional<ir::Condition> divisor_that_decides(const Subject& subject, const Access& access, const ir::IndexExpr& culprit) {
  constexpr int64_t kMost = 1024;  // beyond it, few of the sizes that a kernel is for would be left
  if (!is_division(culprit) || !is_of_dimensions(subject, culprit->b)) return std::nullopt;
  const auto at_least = [&](int64_t number) { return ir::Condition{{culprit->b, ir::Compare::ge, ir::constant(number)}}; };
  const auto decides = [&](int64_t number) {
    const ir::Condition condition = at_least(number);
    Access assuming = access;
    assuming.guards.insert(assuming.guards.begin(), Guard{condition, true, true});
    return is_decided(subject, assuming);
  };
  if (!decides(kMost)) return std::nullopt;
  int64_t too_small = 1, enough = kMost;
  while (enough - too_small > 1) {
    const int64_t middle = (too_small + enough) / 2;
    (decides(middle) ? enough : too_small) = middle;
  }
  return at_least(enough);
}

// Whether the access is decided where the loops of the culprit have a constant number of iterations.
bool is_decided_by_constant_loops(const Subject& subject, const Access& access, const ir::IndexExpr& culprit) {
  constexpr int64_t kSeveral = 8;  // of one or two, quotients are always small
  const std::set<std::string> names = ir::names_in(culprit);
  std::deque<ir::Loop> loops;
  Access changed = access;
  for (Binder& binder : changed.binders) {
    if (!binder.loop || !names.count(binder.name) || constant_trips(*binder.loop)) continue;
    ir::Loop& loop = loops.emplace_back();  // without its statements
    loop.variable = binder.name, loop.tile = binder.loop->tile;
    loop.begin = ir::constant(0), loop.extent = ir::constant(kSeveral * std::max<int64_t>(1, loop.tile));
    binder.loop = &loop;
  }
  return !loops.empty() && is_decided(subject, changed);
}

// Whether some other index expression multiplies or divides by what is unknown, with a name of this product in it: the product
// taken as one number does not help there.
bool is_taken_apart(const Subject& subject, const ir::IndexExpr& product) {
  const std::set<std::string> names = ir::names_in(product);
  const std::function<bool(const ir::IndexExpr&)> has_other = [&](const ir::IndexExpr& e) -> bool {
    if (!e || !e->a || ir::same(e, product)) return false;
    const bool is_unknown = (e->kind == ir::Index::Kind::mul && !ir::constant_value(e->a) && !ir::constant_value(e->b)) ||
                            (is_division(e) && !ir::constant_value(e->b));
    const std::set<std::string> own = ir::names_in(e);
    return (is_unknown && std::any_of(own.begin(), own.end(), [&](const auto& name) { return names.count(name) > 0; })) ||
           has_other(e->a) || has_other(e->b);
  };
  for (const Computed& computed : subject.accesses.computed)
    for (const Computed::Each& each : computed.all)
      if (has_other(each.index)) return true;
  return false;
}

// Of what is computed of dimensions alone.
std::string hint_of_dimensions(const Subject& subject, const ir::IndexExpr& culprit) {
  const std::string text = author_text(subject, culprit);
  if (is_taken_apart(subject, culprit))
    return fmt::format("keep its parts apart: an axis and a loop for each, in place of one of `{}`", text);
  return fmt::format("give the kernel one dimension for it, `{}`, and write ROWS where `{}` stands",
                     ir::Spelling(subject.program).dim("ROWS"), text);
}

std::string hint_for(const Subject& subject, const Access& access, const ir::IndexExpr& culprit) {
  const ir::Spelling say(subject.program);
  if (const auto condition = divisor_that_decides(subject, access, culprit))
    return fmt::format("if it is so, say that the quotient is small: `{}`", say.assume(*condition));
  const bool is_product = culprit->kind == ir::Index::Kind::mul, is_of_dims = is_of_dimensions(subject, culprit);
  if (is_product && is_of_dims) return hint_of_dimensions(subject, culprit);
  std::vector<std::string> hints;
  const std::set<std::string> names = ir::names_in(culprit);
  const bool has_tiles = std::any_of(access.binders.begin(), access.binders.end(), [&](const Binder& binder) {
    return names.count(binder.name) && binder.loop && binder.loop->tile > 0;
  });
  if ((is_product || is_of_dims) && !has_tiles)
    hints.push_back(fmt::format("use spans of a constant size, `{}`", say.call("tiles", "EXTENT, 16")));
  if (is_decided_by_constant_loops(subject, access, culprit))
    hints.push_back(fmt::format("give the loop a constant number of iterations (at most {})", kMostExpanded));
  if (is_division(culprit) && !is_of_dims)
    hints.push_back(fmt::format("make a loop for the quotient and one inside it for the remainder, in place of `{}`",
                                author_text(subject, culprit)));
  if (!is_of_dims)
    hints.push_back(fmt::format("`{}` the offset into an index, and `{}` where it lies", say.word("read"), say.word("assume")));
  return hints.empty() ? hint_of_dimensions(subject, culprit) : fmt::format("{}", fmt::join(hints, "; or "));
}

}  // namespace

Diagnostic undecidable(const Subject& subject, const Access& access, const ir::IndexExpr& culprit) {
  const std::string text = author_text(subject, culprit);
  const std::set<std::string> names = ir::names_in(culprit);
  if (std::any_of(names.begin(), names.end(), [](const std::string& name) { return name.starts_with('.'); }))
    return of_view(subject, access);
  return {"undecidable",
          subject.where(access.origin),
          fmt::format("which elements {} touches cannot be decided: {}", text_of_access(subject.program, access),
                      obstacle(text, culprit)),
          hint_for(subject, access, culprit),
          {},
          false};
}

Diagnostic undecidable(const Subject& subject, const Memory& memory, const ir::IndexExpr& culprit) {
  const ir::Tensor& tensor = *memory.tensor;
  const std::string text = author_text(subject, culprit);
  return {"undecidable",
          subject.where(memory.origin),
          fmt::format("which elements {} {} has cannot be decided: {}", tensor.name, shape_text(tensor.shape),
                      obstacle(text, culprit)),
          hint_of_dimensions(subject, culprit),
          {},
          false};
}

bool ranges_show_inside(const Subject& subject, const Access& access, size_t axis) {
  const ir::Axis& checked = access.slice[axis];
  const ir::IndexExpr& extent = access.shape[axis];
  if (checked.kind == ir::Axis::Kind::by) return false;
  const ir::Ranges ranges(subject.program, access);
  if (!ranges.always(checked.begin, ir::Compare::ge, ir::constant(0))) return false;
  const ir::IndexExpr end = ir::add(checked.begin, checked.size);
  if (ir::same(end, extent) || ranges.always(end, ir::Compare::le, extent)) return true;
  const auto greatest = ranges.upper(end);
  return greatest && (ir::same(*greatest, extent) || ranges.always(*greatest, ir::Compare::le, extent));
}

namespace {

// An input is never written, so that only the bounds of what is read of it matter.
bool is_only_read_inside(const Subject& subject, const Access& access) {
  if (access.writes || access.memory->tensor->role != ir::Role::input) return false;
  for (size_t axis = 0; axis < access.slice.size(); ++axis) try {
      if (!subject.relations.outside(access, axis).is_empty()) return false;
    } catch (const NotAffine&) {
      if (!ranges_show_inside(subject, access, axis)) return false;
    }
  return true;
}

}  // namespace

Findings find_undecidable(Subject& subject) {
  Findings findings;
  std::set<std::string> reported;
  for (const Access& access : subject.accesses.all) {
    ++findings.examined;
    try {
      subject.sets.push_back(subject.relations.of(access));
    } catch (const NotAffine& problem) {
      subject.sets.push_back(std::nullopt);
      subject.undecided.insert(access.memory->tensor->name);
      if (is_only_read_inside(subject, access)) continue;
      Diagnostic diagnostic = undecidable(subject, access, problem.culprit);
      if (reported.insert(render(diagnostic)).second) findings.diagnostics.push_back(std::move(diagnostic));
    }
  }
  return findings;
}

}  // namespace imbrex::prove
