#include "imbrex/prove/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "imbrex/ir/ranges.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/ir/visit.h"
#include "imbrex/prove/decidable.h"
#include "imbrex/prove/shown.h"
#include "imbrex/prove/tile_values.h"

namespace imbrex::prove {
namespace {

// The index read from data, or the index tile of unknown elements, on which the place of this axis depends; "" if none.
std::string data_behind(const Access& access, const ir::Axis& axis) {
  if (is_by_data(axis)) return axis.tile;
  std::set<std::string> names = ir::names_in(axis.begin), more = ir::names_in(axis.size);
  names.merge(more);
  for (const Binder& binder : access.binders)
    if (!binder.loop && names.count(binder.name)) return binder.name;
  return "";
}

// Whether elements of the tile come from memory, as far as is seen.
bool holds_data(const Accesses& accesses, const std::string& tile) {
  const auto value = accesses.tiles.find(tile);
  if (value == accesses.tiles.end() || accesses.rebound.count(tile)) return true;
  bool found = false;
  ir::for_each_expr(value->second, [&](const ir::Expr& e) {
    found = found || e.op == ir::Op::load || (e.op == ir::Op::variable && holds_data(accesses, e.name));
    for (const std::string& name : e.index ? ir::names_in(e.index) : std::set<std::string>{})
      found = found || accesses.single_indices.count(name) > 0;
  });
  return found;
}

bool is_assumed_about(const Access& access, const std::string& name) {
  return std::any_of(access.guards.begin(), access.guards.end(), [&](const Guard& guard) {
    return guard.assumed && std::any_of(guard.condition.begin(), guard.condition.end(),
                                        [&](const ir::Comparison& c) { return ir::names_in(c).count(name) > 0; });
  });
}

// An index tile of which it is known from how it is made that it has not just any values.
bool is_bounded_tile(const Subject& subject, const Access& access, const ir::Axis& axis) {
  return is_by_data(axis) && !(values_of_tile(subject.program, subject.accesses, access, axis.tile) == kAnyInt32);
}

int64_t value_at(const Subject& subject, const Access& access, const ir::IndexExpr& e, const Witness& at) {
  return subject.value_at(access.binders, e, at).value_or(0);  // beyond 64 bits: refused as that
}

std::string place_text(size_t axis, size_t axes, int64_t position) {
  if (axes == 1) return fmt::format("element {}", position);
  if (axes == 2) return fmt::format("{} {}", axis == 0 ? "row" : "column", position);
  return fmt::format("index {} of axis {}", position, axis);
}

std::string hint_for(const ir::Spelling& say, const ir::Axis& axis, const ir::IndexExpr& extent, bool below) {
  if (below) return fmt::format("put it under `{}`", say.when({{axis.begin, ir::Compare::ge, ir::constant(0)}}));
  if (axis.kind == ir::Axis::Kind::point)
    return fmt::format("put it under `{}`", say.when({{axis.begin, ir::Compare::lt, extent}}));
  const ir::IndexExpr rest = ir::constant_value(axis.begin) == 0 ? extent : ir::sub(extent, axis.begin);
  const ir::IndexExpr size = ir::min(axis.size, rest);
  // One index has its extent, 1, wherever it is; of more, what the slice meets has to become as long.
  return fmt::format("end it at the extent: `{}`; and so what it is stored to, filled from or computed with: its size is `{}`",
                     say.axis(axis.begin, size), say.index(size));
}

Diagnostic outside_of(const Subject& subject, const Access& access, size_t k, const isl::set& bad) {
  const Witness at = smallest(subject.program, bad);
  const ir::Spelling say(subject.program);
  const ir::Axis& axis = access.slice[k];
  const bool by = axis.kind == ir::Axis::Kind::by;
  const int64_t extent = value_at(subject, access, access.shape[k], at);
  const int64_t first = by ? at.coordinates.back() : value_at(subject, access, axis.begin, at);
  const int64_t last = by ? first : first + value_at(subject, access, axis.size, at) - 1;
  const std::string iteration = iteration_text(subject.program, access.binders, at.coordinates);
  const std::string when = when_text(subject.program, bad);
  const std::string comma = iteration.empty() || when.empty() ? "" : "; ";
  const bool constant_extent = ir::constant_value(access.shape[k]).has_value();
  Diagnostic diagnostic{
      "out-of-bounds",
      subject.where(access.origin),
      fmt::format("{} {} {} of {}, whose extent there is {}{}{}", text_of_access(subject.program, access),
                  access.writes ? "writes" : "reads", place_text(k, access.slice.size(), first < 0 ? first : last),
                  say.name(access.name), say.index(access.shape[k]), constant_extent ? "" : fmt::format(" = {}", extent),
                  when.empty() && iteration.empty() ? "" : fmt::format(": {}{}{}", when, comma, iteration)),
      axis.begin && by ? fmt::format("let the elements of {} lie in 0 .. {}", say.name(axis.tile), say.index(access.shape[k]))
      : by             ? fmt::format("assume that it lies inside: `{}`", say.assume_each(axis.tile, access.shape[k]))
                       : hint_for(say, axis, access.shape[k], first < 0),
      {},
      false};
  diagnostic.notes.push_back(
      {subject.where(access.memory->origin), fmt::format("{} is declared here", access.memory->tensor->name)});
  return diagnostic;
}

// What of a condition the program does not show already.
ir::Condition without_known(const Subject& subject, const Access& access, const ir::Condition& condition) {
  const ir::Ranges ranges(subject.program, access);
  ir::Condition left;
  std::copy_if(condition.begin(), condition.end(), std::back_inserter(left),
               [&](const ir::Comparison& c) { return !ranges.always(c.left, c.compare, c.right); });
  return left.empty() ? condition : left;
}

Diagnostic unassumed(const Subject& subject, const Access& access, const ir::Axis& axis, const ir::IndexExpr& extent,
                     const std::string& name) {
  const ir::Spelling say(subject.program);
  std::string hint;
  if (axis.kind == ir::Axis::Kind::by) {
    hint = say.is_named(axis.tile) ? "say where its elements lie, before this line: "
                                   : fmt::format("give this tile a name before this line, `{}`, and say where its elements lie: ",
                                                 say.let(axis.tile, "..."));
    hint += fmt::format("`{}`", say.assume_each(axis.tile, extent));
  } else {
    const bool is_slice = axis.kind == ir::Axis::Kind::range && ir::constant_value(axis.size) != 1;
    const ir::Condition inside{{ir::constant(0), ir::Compare::le, axis.begin},
                               is_slice ? ir::Comparison{ir::add(axis.begin, axis.size), ir::Compare::le, extent}
                                        : ir::Comparison{axis.begin, ir::Compare::lt, extent}};
    hint = fmt::format("say where {} lies, before this line: `{}`", is_slice ? "the slice" : "it",
                       say.assume(without_known(subject, access, inside)));
    std::set<std::string> names = ir::names_in(inside[0]);
    names.merge(ir::names_in(inside[1]));
    const std::string to_bind = say.unnamed_reads(names);
    if (!to_bind.empty()) hint = fmt::format("give what is read a name, {}, and {}", to_bind, hint);
  }
  const bool is_computed = axis.kind == ir::Axis::Kind::by && !holds_data(subject.accesses, axis.tile);
  return {"undecidable",
          subject.where(access.origin),
          fmt::format("whether {} stays inside {} {}: nothing is known about {}{}", text_of_access(subject.program, access),
                      access.name, is_computed ? "cannot be decided" : "depends on data", say.name(name),
                      is_computed ? ", for it does not count up or down by one within int32" : ""),
          hint,
          {},
          false};
}

// ---- gathers inside tiles -----------------------------------------------------------------------------------------------------

std::string clamped_gather(const ir::Spelling& say, const std::string& index, int64_t last) {
  const std::string from_0 = say.call("max", index + ", 0");
  return say.call("gather", "..., " + say.call("min", fmt::format("{}, {}", from_0, last)));
}

void check_gather(const Subject& subject, const TileGather& gather, Findings& findings) {
  const ir::ExprPtr &index = gather.gather->args[1], &source = gather.gather->args[0];
  const ir::Range values = values_of_tile(subject.program, subject.accesses, gather, index);
  const ir::Ranges ranges(subject.program, gather);
  const int64_t columns = ranges.of(source->columns).least;
  const bool is_empty = ranges.of(index->columns).greatest < 1 || ranges.of(index->rows).greatest < 1;
  if (is_empty || (values.least >= 0 && values.greatest < columns)) return;
  const std::string width = ir::to_text(source->columns);
  const bool is_known = !(values == kAnyInt32);
  if (is_known) {
    const std::string hint = fmt::format("keep the indices in 0..{}", ir::to_text(ir::sub(source->columns, ir::constant(1))));
    if (const auto met = subject.confirmer.counterexample({"out-of-bounds", {}, {}, {values.least, values.greatest}}, hint)) {
      findings.diagnostics.push_back(met->diagnostic);
      return;
    }
  }
  const ir::Spelling say(subject.program);
  const bool is_named = index->op == ir::Op::variable && say.is_named(index->name);
  const std::string name = is_named ? say.name(index->name) : "i";
  findings.diagnostics.push_back(
      {"undecidable",
       subject.where(gather.origin),
       fmt::format(
           "whether gather stays inside its tile of {} columns cannot be decided: its indices can be {} as far as is known",
           width, is_known ? fmt::format("{}..{}", values.least, values.greatest) : "anything"),
       columns >= 1 ? fmt::format("clamp them: `{}`", clamped_gather(say, name, columns - 1))
                    : "gather from a tile that has at least one column",
       {},
       false});
}

// What is wrong with the access, if anything.
void check_access(const Subject& subject, const Access& access, Findings& findings) {
  for (size_t k = 0; k < access.slice.size(); ++k) try {
      const isl::set bad = subject.relations.outside(access, k);
      if (bad.is_empty()) continue;
      const std::string data = data_behind(access, access.slice[k]);
      if (!data.empty() && !is_assumed_about(access, data) && !is_bounded_tile(subject, access, access.slice[k]))
        return findings.diagnostics.push_back(unassumed(subject, access, access.slice[k], access.shape[k], data));
      const Diagnostic diagnostic = outside_of(subject, access, k, bad);
      const Witness at = smallest(subject.program, bad);
      const bool by = access.slice[k].kind == ir::Axis::Kind::by;
      const std::vector<int64_t> elements{at.coordinates.end() - by, at.coordinates.end()};
      return findings.add(
          shown(subject, {diagnostic,
                          {&access},
                          {diagnostic.id, at.dims, {{&access, at.coordinates}}, elements},
                          fmt::format("whether {} stays inside {}", text_of_access(subject.program, access), access.name)}),
          diagnostic, {0, access.memory, {&access}, bad, k});
    } catch (const NotAffine& problem) {
      if (ranges_show_inside(subject, access, k)) continue;
      if (!subject.sets[access.order]) continue;  // reported as that
      return findings.diagnostics.push_back(undecidable(subject, access, problem.culprit));
    }
}

}  // namespace

Findings check_bounds(const Subject& subject) {
  Findings findings;
  for (const Access& access : subject.accesses.all) {
    ++findings.examined;
    check_access(subject, access, findings);
  }
  for (const TileGather& gather : subject.accesses.gathers) {
    ++findings.examined;
    check_gather(subject, gather, findings);
  }
  return findings;
}

}  // namespace imbrex::prove
