#include "imbrex/prove/bounds.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/ir/visit.h"

namespace imbrex::prove {
namespace {

// The index read from data, or the index tile, on which the place of this axis depends; "" if none.
std::string data_behind(const Access& access, const ir::Axis& axis) {
  if (axis.kind == ir::Axis::Kind::by) return axis.tile;
  std::set<std::string> names = ir::names_in(axis.begin), more = ir::names_in(axis.size);
  names.merge(more);
  for (const Binder& binder : access.binders)
    if (!binder.loop && names.count(binder.name)) return binder.name;
  return "";
}

bool is_assumed_about(const std::vector<Guard>& guards, const std::string& name) {
  return std::any_of(guards.begin(), guards.end(), [&](const Guard& guard) {
    return guard.assumed && std::any_of(guard.condition->begin(), guard.condition->end(), [&](const ir::Comparison& c) {
             return ir::names_in(c.left).count(name) || ir::names_in(c.right).count(name);
           });
  });
}


// The value of an expression at a point of [binders].
int64_t value_at(const Subject& subject, const Access& access, const ir::IndexExpr& e, const Witness& at) {
  const ir::IndexExpr resolved = resolve(e, subject.accesses.loops);
  return ir::evaluate(resolved, [&](const ir::Index& leaf) -> int64_t {
    for (size_t i = 0; i < access.binders.size(); ++i)
      if (access.binders[i].name == leaf.name) return at.coordinates[i];
    for (size_t i = 0; i < subject.program.dims.size(); ++i)
      if (subject.program.dims[i].name == leaf.name) return at.dims[i];
    throw InternalError("an index names a dimension, a loop or an index read");
  });
}

std::string place_text(size_t axis, size_t axes, int64_t position) {
  if (axes == 1) return fmt::format("element {}", position);
  if (axes == 2) return fmt::format("{} {}", axis == 0 ? "row" : "column", position);
  return fmt::format("index {} of axis {}", position, axis);
}

std::string hint_for(const ir::Axis& axis, const ir::IndexExpr& extent, bool below) {
  const std::string begin = ir::to_text(axis.begin), end = ir::to_text(extent);
  if (axis.kind == ir::Axis::Kind::point)
    return below ? fmt::format("put it under `if {} >= 0`", begin) : fmt::format("put it under `if {} < {}`", begin, end);
  if (below) return fmt::format("put it under `if {} >= 0`", begin);
  const ir::IndexExpr rest = ir::constant_value(axis.begin) == 0 ? extent : ir::sub(extent, axis.begin);
  return fmt::format("end it at the extent: `{} +: {}`", begin, ir::to_text(ir::min(axis.size, rest)));
}

Diagnostic outside_of(const Subject& subject, const Access& access, size_t k, const isl::set& bad) {
  const Witness at = smallest(subject.program, bad);
  const ir::Axis& axis = access.slice[k];
  const bool by = axis.kind == ir::Axis::Kind::by;
  const int64_t extent = value_at(subject, access, access.shape[k], at);
  const int64_t first = by ? at.coordinates.back() : value_at(subject, access, axis.begin, at);
  const int64_t last = by ? first : first + value_at(subject, access, axis.size, at) - 1;
  const std::string iteration = iteration_text(access.binders, at.coordinates);
  const std::string when = when_text(subject.program, bad);
  const std::string comma = iteration.empty() || when.empty() ? "" : "; ";
  const bool constant_extent = ir::constant_value(access.shape[k]).has_value();
  Diagnostic diagnostic{
      "out-of-bounds", subject.where(access.origin),
      fmt::format("{} {} {} of {}, whose extent there is {}{}{}",
                  text_of_access(access.name, access.slice, access.shape), access.writes ? "writes" : "reads",
                  place_text(k, access.slice.size(), first < 0 ? first : last), access.name, ir::to_text(access.shape[k]),
                  constant_extent ? "" : fmt::format(" = {}", extent),
                  when.empty() && iteration.empty() ? "" : fmt::format(": {}{}{}", when, comma, iteration)),
      by ? fmt::format("assume that it lies inside: `assume 0 <= {0} and {0} < {1}`", axis.tile, ir::to_text(access.shape[k]))
         : hint_for(axis, access.shape[k], first < 0),
      {},
      false};
  diagnostic.notes.push_back({subject.where(access.memory->origin), fmt::format("{} is declared here", access.memory->tensor->name)});
  return diagnostic;
}

Diagnostic unassumed(const Subject& subject, const Access& access, const ir::Axis& axis, const ir::IndexExpr& extent,
                     const std::string& name) {
  return {"undecidable", subject.where(access.origin),
          fmt::format("whether {} stays inside {} depends on data: nothing is known about {}",
                      text_of_access(access.name, access.slice, access.shape), access.name, name),
          axis.kind == ir::Axis::Kind::range && ir::constant_value(axis.size) != 1
              ? fmt::format("say where the slice lies, before this line: `assume 0 <= {} and {} <= {}`", ir::to_text(axis.begin),
                            ir::to_text(ir::add(axis.begin, axis.size)), ir::to_text(extent))
              : fmt::format("say where it lies, before this line: `assume 0 <= {0} and {0} < {1}`",
                            axis.kind == ir::Axis::Kind::by ? axis.tile : ir::to_text(axis.begin), ir::to_text(extent)),
          {},
          false};
}

// ---- gathers inside tiles -------------------------------------------------------------------------------------------------------

struct Interval { int64_t least, greatest; };

// The values of an int32 tile, where they follow from constants, iota and arithmetic.
std::optional<Interval> interval_of(const Subject& subject, const ir::ExprPtr& e, int depth = 0) {
  if (depth > 32) return std::nullopt;
  const auto arg = [&](size_t i) { return interval_of(subject, e->args[i], depth + 1); };
  switch (e->op) {
    case ir::Op::constant: return Interval{static_cast<int64_t>(e->value), static_cast<int64_t>(e->value)};
    case ir::Op::iota: {
      const auto begin = ir::constant_value(e->index), count = ir::constant_value(e->columns);
      if (!begin || !count) return std::nullopt;
      return Interval{*begin, *begin + *count - 1};
    }
    case ir::Op::variable: {
      const auto tile = subject.accesses.tiles.find(e->name);
      if (tile == subject.accesses.tiles.end() || tile->second->op == ir::Op::variable) return std::nullopt;
      return interval_of(subject, std::make_shared<ir::Expr>(*tile->second), depth + 1);
    }
    case ir::Op::min:
    case ir::Op::max:
    case ir::Op::add:
    case ir::Op::sub: {
      const auto a = arg(0), b = arg(1);
      if (!a || !b) return std::nullopt;
      if (e->op == ir::Op::add) return Interval{a->least + b->least, a->greatest + b->greatest};
      if (e->op == ir::Op::sub) return Interval{a->least - b->greatest, a->greatest - b->least};
      if (e->op == ir::Op::min) return Interval{std::min(a->least, b->least), std::min(a->greatest, b->greatest)};
      return Interval{std::max(a->least, b->least), std::max(a->greatest, b->greatest)};
    }
    case ir::Op::select: {
      const auto a = arg(1), b = arg(2);
      if (!a || !b) return std::nullopt;
      return Interval{std::min(a->least, b->least), std::max(a->greatest, b->greatest)};
    }
    case ir::Op::reshape:
    case ir::Op::transpose:
    case ir::Op::even:
    case ir::Op::odd: return arg(0);
    case ir::Op::interleave:
    case ir::Op::concat_rows:
    case ir::Op::concat_columns: {
      std::optional<Interval> all = arg(0);
      for (size_t i = 1; i < e->args.size() && all; ++i) {
        const auto next = arg(i);
        all = next ? std::optional(Interval{std::min(all->least, next->least), std::max(all->greatest, next->greatest)}) : std::nullopt;
      }
      return all;
    }
    default: return std::nullopt;
  }
}

// The bounds that assumptions `c <= NAME`, `NAME < c` (constants) give an index tile.
std::optional<Interval> assumed_interval(const std::vector<Guard>& guards, const std::string& name) {
  std::optional<int64_t> least, greatest;
  const auto at_least = [&](int64_t v) { least = std::max(least.value_or(v), v); };
  const auto at_most = [&](int64_t v) { greatest = std::min(greatest.value_or(v), v); };
  const auto is_name = [&](const ir::IndexExpr& e) { return e->kind == ir::Index::Kind::name && e->name == name; };
  for (const Guard& guard : guards) {
    if (!guard.assumed) continue;
    for (const ir::Comparison& c : *guard.condition) {
      const auto l = ir::constant_value(c.left), r = ir::constant_value(c.right);
      const bool left = is_name(c.left) && r, right = is_name(c.right) && l;
      if (left && c.compare == ir::Compare::lt) at_most(*r - 1);
      if (left && c.compare == ir::Compare::le) at_most(*r);
      if (left && c.compare == ir::Compare::gt) at_least(*r + 1);
      if (left && c.compare == ir::Compare::ge) at_least(*r);
      if (right && c.compare == ir::Compare::lt) at_least(*l + 1);
      if (right && c.compare == ir::Compare::le) at_least(*l);
      if (right && c.compare == ir::Compare::gt) at_most(*l - 1);
      if (right && c.compare == ir::Compare::ge) at_most(*l);
    }
  }
  if (!least || !greatest) return std::nullopt;
  return Interval{*least, *greatest};
}

void check_gather(const Subject& subject, const TileGather& gather, Findings& findings) {
  const ir::ExprPtr& index = gather.gather->args[1];
  const auto columns = ir::constant_value(gather.gather->args[0]->columns);
  const std::string name = index->op == ir::Op::variable ? index->name : "";
  std::optional<Interval> values = interval_of(subject, index);
  if (!values && !name.empty()) values = assumed_interval(gather.guards, name);
  const std::string width = ir::to_text(gather.gather->args[0]->columns);
  if (values && columns && values->least >= 0 && values->greatest < *columns) return;
  if (values && columns) {
    findings.diagnostics.push_back({"out-of-bounds", subject.where(gather.origin),
                                    fmt::format("gather picks columns {}..{} of a tile that has {}", values->least, values->greatest, width),
                                    fmt::format("keep the indices in 0..{}", *columns - 1), {}, false});
    return;
  }
  const std::string subject_name = name.empty() ? "i" : name;
  findings.diagnostics.push_back(
      {"undecidable", subject.where(gather.origin),
       fmt::format("whether gather stays inside its tile of {} columns depends on data{}", width,
                   name.empty() ? "" : fmt::format(": nothing is known about {}", name)),
       fmt::format("{}say where the indices lie: `assume 0 <= {} and {} < {}`", name.empty() ? "name the index tile, `let i = ...`, and " : "",
                   subject_name, subject_name, width),
       {}, false});
}

}  // namespace

Findings check_bounds(const Subject& subject) {
  Findings findings;
  for (const Access& access : subject.accesses.all) {
    if (!subject.sets[access.order]) continue;
    ++findings.examined;
    for (size_t k = 0; k < access.slice.size(); ++k) {
      const isl::set bad = subject.relations.outside(access, k);
      if (bad.is_empty()) continue;
      const std::string data = data_behind(access, access.slice[k]);
      const bool open = !data.empty() && !is_assumed_about(access.guards, data);
      findings.diagnostics.push_back(open ? unassumed(subject, access, access.slice[k], access.shape[k], data)
                                          : outside_of(subject, access, k, bad));
      break;
    }
  }
  for (const TileGather& gather : subject.accesses.gathers) {
    ++findings.examined;
    check_gather(subject, gather, findings);
  }
  return findings;
}

}  // namespace imbrex::prove
