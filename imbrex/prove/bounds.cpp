#include "imbrex/prove/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

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
      "out-of-bounds",
      subject.where(access.origin),
      fmt::format("{} {} {} of {}, whose extent there is {}{}{}", text_of_access(access.name, access.slice, access.shape),
                  access.writes ? "writes" : "reads", place_text(k, access.slice.size(), first < 0 ? first : last), access.name,
                  ir::to_text(access.shape[k]), constant_extent ? "" : fmt::format(" = {}", extent),
                  when.empty() && iteration.empty() ? "" : fmt::format(": {}{}{}", when, comma, iteration)),
      by ? fmt::format("assume that it lies inside: `assume 0 <= {0} and {0} < {1}`", axis.tile, ir::to_text(access.shape[k]))
         : hint_for(axis, access.shape[k], first < 0),
      {},
      false};
  diagnostic.notes.push_back(
      {subject.where(access.memory->origin), fmt::format("{} is declared here", access.memory->tensor->name)});
  return diagnostic;
}

Diagnostic unassumed(const Subject& subject, const Access& access, const ir::Axis& axis, const ir::IndexExpr& extent,
                     const std::string& name) {
  std::string hint;
  if (axis.kind == ir::Axis::Kind::by)
    hint = fmt::format("say where its elements lie, before this line: `assume 0 <= {0} and {0} < {1}`", axis.tile,
                       ir::to_text(extent));
  else if (axis.kind == ir::Axis::Kind::range && ir::constant_value(axis.size) != 1)
    hint = fmt::format("say where the slice lies, before this line: `assume 0 <= {} and {} <= {}`", ir::to_text(axis.begin),
                       ir::to_text(ir::add(axis.begin, axis.size)), ir::to_text(extent));
  else
    hint = fmt::format("say where it lies, before this line: `assume 0 <= {0} and {0} < {1}`", ir::to_text(axis.begin),
                       ir::to_text(extent));
  return {"undecidable",
          subject.where(access.origin),
          fmt::format("whether {} stays inside {} depends on data: nothing is known about {}",
                      text_of_access(access.name, access.slice, access.shape), access.name, name),
          hint,
          {},
          false};
}

// ---- gathers inside tiles -----------------------------------------------------------------------------------------------------

struct Interval {
  int64_t least, greatest;
  friend bool operator==(const Interval&, const Interval&) = default;
};
constexpr Interval kAnything{std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};

Interval both(Interval a, Interval b) { return {std::min(a.least, b.least), std::max(a.greatest, b.greatest)}; }
// int32 arithmetic wraps: a result that may overflow can be anything.
Interval unless_wrapped(Interval a) { return a.least < kAnything.least || a.greatest > kAnything.greatest ? kAnything : a; }

// What is left of the interval under the assumptions that compare the tile with constants.
Interval assumed_of(const std::vector<Guard>& guards, const std::string& tile, Interval values) {
  for (const Guard& guard : guards) {
    if (!guard.assumed) continue;
    for (const ir::Comparison& c : *guard.condition) {
      const bool on_left = c.left->kind == ir::Index::Kind::name && c.left->name == tile;
      const bool on_right = c.right->kind == ir::Index::Kind::name && c.right->name == tile;
      const auto bound = ir::constant_value(on_left ? c.right : c.left);
      if (on_left == on_right || !bound) continue;
      using ir::Compare;
      const Compare compare = c.compare;
      const bool is_strict = compare == Compare::lt || compare == Compare::gt;
      const bool from_above =
          on_left ? compare == Compare::lt || compare == Compare::le : compare == Compare::gt || compare == Compare::ge;
      const bool from_below =
          on_left ? compare == Compare::gt || compare == Compare::ge : compare == Compare::lt || compare == Compare::le;
      if (from_above || compare == Compare::eq) values.greatest = std::min(values.greatest, *bound - is_strict);
      if (from_below || compare == Compare::eq) values.least = std::max(values.least, *bound + is_strict);
    }
  }
  return values;
}

// The values that an int32 tile may hold, from constants, iota and arithmetic. What is loaded or carried around a loop can be
// anything.
Interval interval_of(const Subject& subject, const std::vector<Guard>& guards, const ir::ExprPtr& e) {
  const auto arg = [&](size_t i) { return interval_of(subject, guards, e->args[i]); };
  switch (e->op) {
    case ir::Op::constant: return {static_cast<int64_t>(e->value), static_cast<int64_t>(e->value)};
    case ir::Op::iota: {
      const auto begin = ir::constant_value(e->index), count = ir::constant_value(e->columns);
      return begin && count ? Interval{*begin, *begin + *count - 1} : kAnything;
    }
    case ir::Op::variable: {
      const auto tile = subject.accesses.tiles.find(e->name);
      const bool once = tile != subject.accesses.tiles.end() && !subject.accesses.rebound.count(e->name);
      return once ? assumed_of(guards, e->name, interval_of(subject, guards, tile->second)) : kAnything;
    }
    case ir::Op::add: return unless_wrapped({arg(0).least + arg(1).least, arg(0).greatest + arg(1).greatest});
    case ir::Op::sub: return unless_wrapped({arg(0).least - arg(1).greatest, arg(0).greatest - arg(1).least});
    case ir::Op::neg: return unless_wrapped({-arg(0).greatest, -arg(0).least});
    case ir::Op::mul: {
      const Interval a = arg(0), b = arg(1);
      const auto [least, greatest] =
          std::minmax({a.least * b.least, a.least * b.greatest, a.greatest * b.least, a.greatest * b.greatest});
      return unless_wrapped({least, greatest});
    }
    case ir::Op::min: return {std::min(arg(0).least, arg(1).least), std::min(arg(0).greatest, arg(1).greatest)};
    case ir::Op::max: return {std::max(arg(0).least, arg(1).least), std::max(arg(0).greatest, arg(1).greatest)};
    case ir::Op::select: return both(arg(1), arg(2));
    case ir::Op::reshape:
    case ir::Op::transpose:
    case ir::Op::repeat_rows:
    case ir::Op::columns:
    case ir::Op::even:
    case ir::Op::odd:
    case ir::Op::row_max:
    case ir::Op::row_min:
    case ir::Op::col_max:
    case ir::Op::col_min: return arg(0);
    case ir::Op::interleave:
    case ir::Op::concat_rows:
    case ir::Op::concat_columns: {
      Interval all = arg(0);
      for (size_t i = 1; i < e->args.size(); ++i) all = both(all, arg(i));
      return all;
    }
    default: return kAnything;
  }
}

void check_gather(const Subject& subject, const TileGather& gather, Findings& findings) {
  const ir::ExprPtr& index = gather.gather->args[1];
  const auto columns = ir::constant_value(gather.gather->args[0]->columns);
  const Interval values = interval_of(subject, gather.guards, index);
  const std::string width = ir::to_text(gather.gather->args[0]->columns);
  if (columns && values.least >= 0 && values.greatest < *columns) return;
  if (columns && !(values == kAnything)) {
    findings.diagnostics.push_back(
        {"out-of-bounds",
         subject.where(gather.origin),
         fmt::format("gather picks columns {}..{} of a tile that has {}", values.least, values.greatest, width),
         fmt::format("keep the indices in 0..{}", *columns - 1),
         {},
         false});
    return;
  }
  const std::string name = index->op == ir::Op::variable ? index->name : "i";
  findings.diagnostics.push_back(
      {"undecidable",
       subject.where(gather.origin),
       fmt::format("whether gather stays inside its tile of {} columns cannot be decided: its indices can be anything", width),
       columns ? fmt::format("clamp them: `gather(..., min(max({}, 0), {}))`", name, *columns - 1)
               : "gather from a tile with a constant number of columns",
       {},
       false});
}

// What is wrong with the access, if anything. An access that is not affine has been reported as that.
std::optional<Diagnostic> leaves_tensor(const Subject& subject, const Access& access) {
  for (size_t k = 0; k < access.slice.size(); ++k) try {
      const isl::set bad = subject.relations.outside(access, k);
      if (bad.is_empty()) continue;
      const std::string data = data_behind(access, access.slice[k]);
      const bool open = !data.empty() && !is_assumed_about(access.guards, data);
      return open ? unassumed(subject, access, access.slice[k], access.shape[k], data) : outside_of(subject, access, k, bad);
    } catch (const NotAffine&) {
      continue;
    }
  return std::nullopt;
}

}  // namespace

Findings check_bounds(const Subject& subject) {
  Findings findings;
  for (const Access& access : subject.accesses.all) {
    ++findings.examined;
    if (auto diagnostic = leaves_tensor(subject, access)) findings.diagnostics.push_back(std::move(*diagnostic));
  }
  for (const TileGather& gather : subject.accesses.gathers) {
    ++findings.examined;
    check_gather(subject, gather, findings);
  }
  return findings;
}

}  // namespace imbrex::prove
