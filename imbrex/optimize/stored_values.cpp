#include "imbrex/optimize/stored_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/own_slice.h"

namespace imbrex::optimize {
namespace {

using ir::Axis;
using ir::IndexExpr;
using ir::Loop;

bool mentions(const IndexExpr& e, const Loop& loop) { return ir::names_in(e).contains(loop.variable); }

bool depends_on(const std::vector<Axis>& slice, const Loop& loop) {
  return std::any_of(slice.begin(), slice.end(),
                     [&](const Axis& a) { return mentions(a.begin, loop) || mentions(a.size, loop); });
}

bool is_span_of(const Axis& axis, const Loop& loop) {
  return loop.tile > 0 && axis.kind == Axis::Kind::range && ir::same(axis.begin, ir::span_begin(loop.variable)) &&
         ir::same(axis.size, ir::span_size(loop.variable));
}

bool same_axis(const Axis& a, const Axis& b) {
  return a.kind == b.kind && ir::same(a.begin, b.begin) && ir::same(a.size, b.size);
}

bool same_slice(const std::vector<Axis>& a, const std::vector<Axis>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_axis);
}

struct SliceAccess {
  std::string name;
  std::vector<Axis> slice;
  bool is_store;
};

// Every access in a block, in no particular order.
std::vector<SliceAccess> accesses_in(const ir::Block& block) {
  std::vector<SliceAccess> accesses;
  ir::for_each_statement(block, [&](const ir::Statement& statement) {
    if (const auto* store = std::get_if<ir::Store>(&statement.node)) accesses.push_back({store->tensor, store->slice, true});
    ir::for_each_expr(statement, [&](const ir::Expr& e) {
      if (e.op == ir::Op::load) accesses.push_back({e.name, e.slice, false});
    });
    return true;
  });
  return accesses;
}

}  // namespace

void refuse(int origin, std::string reason) { throw Refused{origin, std::move(reason)}; }

bool same_value(const IndexExpr& a, const IndexExpr& b, const Ranges& ranges) {
  return ir::constant_value(simplify(ir::sub(a, b), ranges)) == 0;
}

Range counter_range(const IndexExpr& extent, const Ranges& ranges) {
  const Range range = range_of(extent, ranges);
  return {0, range.most ? std::optional(*range.most - 1) : std::nullopt, extent};
}

void StoredValues::declare(const ir::Tensor& tensor) {
  if (tensor.role == ir::Role::inout && !follows_inouts_)
    refuse(tensor.origin, fmt::format("{} is an inout, and the optimizer follows tensors that begin unwritten; take an input and "
                                      "an output where that can be",
                                      tensor.name));
  tensors_[tensor.name] = {tensor, {}, loops.size()};
  if (tensor.role == ir::Role::inout)
    replace(tensor.name, terms_.access(tensor.name, tensor.dtype, coordinates_of(tensor.shape)));
}

std::vector<IndexExpr> StoredValues::coordinates_of(const std::vector<IndexExpr>& shape) {
  std::vector<IndexExpr> coordinates;
  for (size_t d = 0; d < shape.size(); ++d) {
    terms_.ranges[coordinate_name(d)] = counter_range(shape[d], terms_.ranges);
    coordinates.push_back(ir::named(coordinate_name(d)));
  }
  return coordinates;
}

void StoredValues::replace(const std::string& tensor, TermId term) {
  TensorState& state = tensors_.at(tensor);
  Written whole;
  whole.piece = {std::vector(state.tensor.shape.size(), ir::constant(0)), state.tensor.shape, term};
  whole.fills_box = true;
  whole.name = tensor;
  for (const IndexExpr& extent : state.tensor.shape) whole.slice.push_back({Axis::Kind::range, ir::constant(0), extent, {}});
  state.pieces = {std::move(whole)};
}

const ir::View* StoredValues::view(const std::string& name) const {
  const auto found = views_.find(name);
  return found == views_.end() ? nullptr : &found->second;
}

std::string StoredValues::base_of(std::string name) const {
  for (auto view = views_.find(name); view != views_.end(); view = views_.find(name)) name = view->second.base;
  return name;
}

std::vector<IndexExpr> StoredValues::shape_of(const std::string& name) const {
  const auto view = views_.find(name);
  return view == views_.end() ? tensors_.at(name).tensor.shape : view->second.shape;
}

// The same element's coordinates under another row-major shape.
std::vector<IndexExpr> StoredValues::reshaped(const std::vector<IndexExpr>& at, const std::vector<IndexExpr>& from,
                                              const std::vector<IndexExpr>& to) {
  if (std::equal(from.begin(), from.end(), to.begin(), to.end(), [](const auto& a, const auto& b) { return ir::same(a, b); }))
    return at;
  IndexExpr place = ir::constant(0);
  for (size_t d = 0; d < from.size(); ++d) place = ir::add(ir::mul(place, from[d]), at[d]);
  std::vector<IndexExpr> result(to.size());
  for (size_t d = to.size(); d-- > 1;) {
    result[d] = simplify(ir::mod(place, to[d]), terms_.ranges);
    place = simplify(ir::floor_div(place, to[d]), terms_.ranges);
  }
  result[0] = simplify(place, terms_.ranges);
  return result;
}

void StoredValues::make_own(std::string& name, std::vector<Axis>& slice) const {
  const std::string base = base_of(name);
  if (base == name) return;
  auto own = own_slice(slice, shape_of(name), tensors_.at(base).tensor.shape, terms_.ranges);
  if (!own) return;
  name = base;
  slice = std::move(*own);
}

// ---- stores -------------------------------------------------------------------------------------------------------------------

void StoredValues::store(const ir::Store& store, TermId value, int origin) {
  TensorState& state = tensors_.at(base_of(store.tensor));
  const std::vector<IndexExpr>& shape = state.tensor.shape;
  const std::vector<IndexExpr> coordinates = coordinates_of(shape);
  // Under the name that is stored to, as functions of the tensor's own.
  const std::vector<IndexExpr> at = reshaped(coordinates, shape, shape_of(store.tensor));

  Substitution by;
  const auto extents =
      std::count_if(store.slice.begin(), store.slice.end(), [](const Axis& a) { return a.kind == Axis::Kind::range; });
  int64_t seen = 0;
  for (size_t d = 0; d < store.slice.size(); ++d) {
    const Axis& axis = store.slice[d];
    if (axis.kind == Axis::Kind::by)
      refuse(origin, fmt::format("{} is stored to at positions that a tile lists, in an order that the optimizer keeps; put it "
                                 "into a scope of its own, and the rest is optimized",
                                 store.tensor));
    if (axis.kind == Axis::Kind::range) by[extents == 2 && seen++ == 0 ? kTileRow : kTileColumn] = ir::sub(at[d], axis.begin);
  }
  ir::Store own = store;
  make_own(own.tensor, own.slice);
  Written written;
  written.name = own.tensor;
  written.slice = own.slice;
  written.loops.assign(loops.begin() + static_cast<std::ptrdiff_t>(state.loops_open), loops.end());
  written.piece.term =
      eliminate_loops(terms_.substitute(value, by), own, own.tensor == store.tensor ? at : coordinates, written, origin);
  place(written, state, origin);
  written.store = {terms_.scope, origin};
  made_where_stored(written.piece.term);
  written.history = terms_.history;
  note(written.history, written.store);
  add(state, std::move(written), origin);
}

// A choice goes where its cases are told apart.
void StoredValues::made_where_stored(TermId value) {
  terms_.made(value);
  if (terms_.at(value).kind != Term::Kind::choice) return;
  const std::vector<TermId> cases = terms_.at(value).args;
  for (const TermId each : cases) made_where_stored(each);
}

// Integer loop variables leave the term: the coordinates say which iteration stored an element. Loops around the tensor's
// creation are constants to it.
TermId StoredValues::eliminate_loops(TermId term, const ir::Store& store, const std::vector<IndexExpr>& at, Written& written,
                                     int origin) {
  for (auto loop = written.loops.rbegin(); loop != written.loops.rend(); ++loop) {
    if ((*loop)->tile == 1) {
      // Spans of one element are counted as integers are.
      const std::string begin = (*loop)->variable + ".begin";
      if (const auto element = iteration_of(begin, store, at))
        term = terms_.substitute(term, {{begin, *element}, {(*loop)->variable + ".index", ir::sub(*element, (*loop)->begin)}});
    }
    if ((*loop)->tile > 1) {
      // What depends on where a span begins, as the block that it lies in.
      for (size_t d = 0; d < store.slice.size(); ++d) {
        if (!is_span_of(store.slice[d], **loop)) continue;
        const IndexExpr begin = (*loop)->begin, tile = ir::constant((*loop)->tile);
        const IndexExpr index = ir::floor_div(ir::sub(at[d], begin), tile);
        term = terms_.substitute(
            term, {{(*loop)->variable + ".begin", ir::add(begin, ir::mul(tile, index))}, {(*loop)->variable + ".index", index}});
      }
    }
    if ((*loop)->tile > 0) continue;
    const auto iteration = iteration_of((*loop)->variable, store, at);
    if (!iteration) continue;
    written.iteration[*loop] = *iteration;
    term = terms_.substitute(term, {{(*loop)->variable, *iteration}});
  }
  std::map<std::string, bool> names;
  terms_.collect_names(term, names);
  for (const Loop* loop : written.loops)
    for (const auto& [name, used] : names)
      if (name == loop->variable || name.starts_with(loop->variable + "."))
        refuse(origin,
               fmt::format("the value stored to {0} depends on {1}, and the optimizer cannot tell from the position in {0} which "
                           "{1} it was; store at {1}, or at {1} times a constant",
                           store.tensor, loop->variable));
  return term;
}

// The loop variable h from a slice at `h + rest` (a point), or `m * h + rest +: size` with size <= |m|.
std::optional<IndexExpr> StoredValues::iteration_of(const std::string& h, const ir::Store& store,
                                                    const std::vector<IndexExpr>& at) {
  const std::string variable = h.substr(0, h.find('.'));
  for (size_t d = 0; d < store.slice.size(); ++d) {
    const Axis& axis = store.slice[d];
    Linear rest = linear(axis.begin, terms_.ranges);
    const auto part = rest.parts.find(h);
    if (part == rest.parts.end()) continue;
    const int64_t m = part->second.coefficient;
    rest.parts.erase(part);
    const IndexExpr offset = ir::sub(at[d], to_index(rest));
    if (ir::names_in(to_index(rest)).contains(variable)) continue;
    const auto size = axis.kind == Axis::Kind::point ? 1 : ir::constant_value(simplify(axis.size, terms_.ranges));
    if (!size || *size > std::abs(m)) continue;
    if (m > 0) return simplify(ir::floor_div(offset, ir::constant(m)), terms_.ranges);
    // Backwards: the least h with m * h <= offset.
    return simplify(ir::floor_div(ir::sub(ir::constant(-m - 1), offset), ir::constant(-m)), terms_.ranges);
  }
  return std::nullopt;
}

// The box that all iterations of the open loops store to together. Where it cannot be told along an axis it is the whole axis.
void StoredValues::place(Written& written, const TensorState& state, int origin) {
  const std::vector<IndexExpr> shape = shape_of(written.name);
  const size_t rank = state.tensor.shape.size();
  written.piece.least.assign(rank, ir::constant(0));
  written.piece.most = state.tensor.shape;
  written.fills_box = true;
  std::set<const Loop*> counted;
  for (size_t d = 0; d < shape.size(); ++d) {
    const Swept axis = swept(written.slice[d], shape[d], written.loops);
    written.fills_box = written.fills_box && axis.exact;
    // A loop that moves along two axes at once fills a diagonal, not a box.
    for (const Loop* loop : axis.loops) written.fills_box = counted.insert(loop).second && written.fills_box;
    if (same_value(axis.least, ir::constant(0), terms_.ranges) && same_value(axis.most, shape[d], terms_.ranges)) continue;
    // A part of an axis: the axis must be one of the tensor's own.
    const size_t from_end = shape.size() - d;
    bool own = from_end <= rank;
    for (size_t e = 1; own && e <= from_end; ++e)
      own = same_value(shape[shape.size() - e], state.tensor.shape[rank - e], terms_.ranges);
    if (!own)
      refuse(origin,
             fmt::format("the part of the view {0} that is stored is no range of the axes of {1}, and the optimizer follows such "
                         "ranges; store to {1} itself",
                         written.name, state.tensor.name));
    written.piece.least[rank - from_end] = axis.least;
    written.piece.most[rank - from_end] = axis.most;
  }
  // A loop beside the place must run for the store to happen at all.
  for (const Loop* loop : written.loops) {
    if (counted.contains(loop)) continue;
    const Range trips = range_of(loop->extent, terms_.ranges);
    written.fills_box = written.fills_box && trips.least && *trips.least >= 1;
  }
}

StoredValues::Swept StoredValues::swept(const Axis& axis, const IndexExpr& extent, const std::vector<const Loop*>& inside) {
  const Swept unknown{ir::constant(0), extent, {}, false};
  Swept result;
  Linear least = linear(axis.begin, terms_.ranges);
  IndexExpr size = axis.kind == Axis::Kind::point ? ir::constant(1) : simplify(axis.size, terms_.ranges);
  for (auto open = inside.rbegin(); open != inside.rend(); ++open) {
    const Loop& loop = **open;
    const auto part = least.parts.find(loop.tile > 0 ? loop.variable + ".begin" : loop.variable);
    if (part == least.parts.end()) continue;
    const int64_t m = part->second.coefficient;
    const IndexExpr step = loop.tile > 0 ? ir::span_size(loop.variable) : ir::constant(std::abs(m));
    if ((loop.tile > 0 && m != 1) || !same_value(size, step, terms_.ranges)) return unknown;
    least.parts.erase(part);
    const IndexExpr last = ir::sub(ir::add(loop.begin, loop.extent), ir::constant(1));
    least = linear(ir::add(to_index(least), ir::mul(ir::constant(m), m > 0 ? loop.begin : last)), terms_.ranges);
    size = simplify(loop.tile > 0 ? loop.extent : ir::mul(step, loop.extent), terms_.ranges);
    result.loops.push_back(&loop);
  }
  result.least = to_index(least);
  result.most = simplify(ir::add(result.least, size), terms_.ranges);
  for (const Loop* loop : inside)
    if (mentions(result.least, *loop) || mentions(result.most, *loop)) return unknown;
  return result;
}

void StoredValues::add(TensorState& state, Written written, int origin) {
  for (Written& old : state.pieces) {
    bool apart = false;
    for (size_t d = 0; d < state.tensor.shape.size(); ++d) {
      const Range above = range_of(ir::sub(written.piece.least[d], old.piece.most[d]), terms_.ranges);
      const Range below = range_of(ir::sub(old.piece.least[d], written.piece.most[d]), terms_.ranges);
      apart = apart || (above.least && *above.least >= 0) || (below.least && *below.least >= 0);
    }
    if (apart) continue;
    if (auto rest = rest_of(old, written)) {
      std::erase_if(state.pieces, [&](const Written& each) { return &each == &old; });
      for (Written& part : *rest) state.pieces.push_back(std::move(part));
      return add(state, std::move(written), origin);
    }
    if (!replaces(old, written))
      refuse(
          origin,
          fmt::format("parts of {} that are stored one after the other may overlap, and the optimizer cannot tell which store is "
                      "the last of an element; store parts that do not overlap",
                      state.tensor.name));
    old = std::move(written);
    return;
  }
  state.pieces.push_back(std::move(written));
}

// What is left of `old`, which no loop repeats, where `now` stores some range of one of its axes. Nothing where `now` stores all
// of it, or where it cannot be told.
std::optional<std::vector<Written>> StoredValues::rest_of(const Written& old, const Written& now) {
  if (!old.loops.empty() || !old.fills_box || !now.fills_box) return std::nullopt;
  std::vector<Written> rest;
  Written inside = old;  // what is not yet known to lie beside the new store
  inside.name = "";      // parts were stored under no name of their own
  bool is_inside = true;
  for (size_t d = 0; d < old.piece.least.size(); ++d) {
    const IndexExpr begin = old.piece.least[d], end = old.piece.most[d], from = now.piece.least[d], to = now.piece.most[d];
    if (same_value(begin, from, terms_.ranges) && same_value(end, to, terms_.ranges)) continue;
    is_inside = false;
    const auto is_ordered = [&](const IndexExpr& a, const IndexExpr& b) {
      return range_of(simplify(ir::sub(b, a), terms_.ranges), terms_.ranges).least.value_or(-1) >= 0;
    };
    if (!is_ordered(begin, from) || !is_ordered(from, to) || !is_ordered(to, end)) return std::nullopt;
    const auto keep = [&](const IndexExpr& least, const IndexExpr& most) {
      if (same_value(least, most, terms_.ranges)) return;
      Written part = inside;
      part.piece.least[d] = least, part.piece.most[d] = most;
      rest.push_back(std::move(part));
    };
    keep(begin, from), keep(to, end);
    inside.piece.least[d] = from, inside.piece.most[d] = to;
  }
  return is_inside ? std::nullopt : std::optional(std::move(rest));
}

// Whether every element of `old` has the value of `now` after both: that `now` stores at least there, and last.
bool StoredValues::replaces(const Written& old, const Written& now) {
  const bool alike = old.name == now.name && same_slice(old.slice, now.slice);
  bool same_box = now.fills_box;
  for (size_t d = 0; d < now.piece.least.size(); ++d)
    same_box = same_box && same_value(old.piece.least[d], now.piece.least[d], terms_.ranges) &&
               same_value(old.piece.most[d], now.piece.most[d], terms_.ranges);
  if (!same_box && !(alike && old.loops == now.loops)) return false;
  for (const Loop* loop : now.loops) {
    const bool common = std::find(old.loops.begin(), old.loops.end(), loop) != old.loops.end();
    if (!common || alike || loop->kind == Loop::Kind::parallel) continue;
    if (!depends_on(now.slice, *loop)) {
      // Each iteration stores all of the box again; for that the iteration's own inner loops fill it.
      continue;
    }
    const auto before = old.iteration.find(loop), after = now.iteration.find(loop);
    const bool same_iteration =
        before != old.iteration.end() && after != now.iteration.end() && same_value(before->second, after->second, terms_.ranges);
    bool same_span = false;
    if (old.name == now.name)
      for (size_t d = 0; d < now.slice.size(); ++d)
        same_span = same_span || (is_span_of(old.slice[d], *loop) && is_span_of(now.slice[d], *loop));
    if (!same_iteration && !same_span) return false;
  }
  return true;
}

// ---- loads --------------------------------------------------------------------------------------------------------------------

TermId StoredValues::load(const ir::Expr& load) {
  std::vector<IndexExpr> at;
  const auto extents =
      std::count_if(load.slice.begin(), load.slice.end(), [](const Axis& a) { return a.kind != Axis::Kind::point; });
  int64_t seen = 0;
  for (const Axis& axis : load.slice) {
    if (axis.kind == Axis::Kind::by)
      refuse(
          load.origin,
          fmt::format("{} is read at positions that a tile lists, and the optimizer follows elements whose positions dimensions "
                      "and loops give; put it into a scope of its own, and the rest is optimized",
                      load.name));
    at.push_back(axis.kind == Axis::Kind::point
                     ? axis.begin
                     : ir::add(axis.begin, ir::named(extents == 2 && seen++ == 0 ? kTileRow : kTileColumn)));
  }
  const TensorState& state = tensors_.at(base_of(load.name));
  at = reshaped(at, shape_of(load.name), state.tensor.shape);
  if (state.tensor.role == ir::Role::input) return terms_.access(state.tensor.name, state.tensor.dtype, at);
  ir::Expr own = load;
  make_own(own.name, own.slice);
  return load_written(state, at, own);
}

TermId StoredValues::load_written(const TensorState& state, const std::vector<IndexExpr>& at, const ir::Expr& load) {
  Substitution by;
  for (size_t d = 0; d < at.size(); ++d) by[coordinate_name(d)] = at[d];
  std::vector<const Written*> found;
  for (const Written& written : state.pieces)
    if (may_meet(written, at)) found.push_back(&written);
  if (found.empty())
    refuse(load.origin, fmt::format("{} is read where the optimizer finds no store before it; read it in the iteration that "
                                    "stores it, or in a later loop",
                                    load.name));
  // What this iteration stored at this very slice is all that is read.
  for (const Written* written : found)
    if (written->name == load.name && same_slice(written->slice, load.slice) &&
        std::all_of(written->loops.begin(), written->loops.end(),
                    [&](const Loop* loop) { return std::find(loops.begin(), loops.end(), loop) != loops.end(); })) {
      found = {written};
      break;
    }
  for (const Written* written : found) require_settled(*written, state, by, load);
  for (const Written* written : found) unite(terms_.history, written->history);
  if (found.size() == 1) return terms_.substitute(found[0]->piece.term, by);

  if (const auto value = choice_among(found, at, by)) return *value;
  refuse(load.origin, fmt::format("a read of {} takes parts of several stores that do not lie side by side, and the optimizer "
                                  "joins parts that do; read each part by itself",
                                  load.name));
}

// At a place that lies in one of the parts: a choice by the coordinate along an axis that has limits which no part crosses, of what
// lies between each two. Nothing where no such axis is found.
std::optional<TermId> StoredValues::choice_among(const std::vector<const Written*>& parts, const std::vector<IndexExpr>& at,
                                                 const Substitution& by) {
  if (parts.size() == 1) return terms_.substitute(parts[0]->piece.term, by);
  for (size_t axis = 0; axis < at.size(); ++axis) {
    const auto groups = groups_along(axis, parts);
    if (groups.size() < 2) continue;
    std::vector<IndexExpr> limits{groups[0].least};
    std::vector<TermId> cases;
    for (const Group& group : groups) {
      const auto value = choice_among(group.parts, at, by);
      if (!value) return std::nullopt;
      limits.push_back(group.most);
      cases.push_back(*value);
    }
    return terms_.intervals(at[axis], std::move(limits), std::move(cases));
  }
  return std::nullopt;
}

// The parts in ascending order along the axis, together where no limit between them is known. Each group ends where the next begins.
std::vector<StoredValues::Group> StoredValues::groups_along(size_t axis, std::vector<const Written*> parts) {
  const auto is_ordered = [&](const IndexExpr& a, const IndexExpr& b) {
    return range_of(simplify(ir::sub(b, a), terms_.ranges), terms_.ranges).least.value_or(-1) >= 0;
  };
  const auto least = [&](const Written* part) { return part->piece.least[axis]; };
  const auto most = [&](const Written* part) { return part->piece.most[axis]; };
  std::vector<Group> groups;
  while (!parts.empty()) {
    // The one that begins first, and all that begin before the end of the group, which may grow by them.
    const auto first = std::find_if(parts.begin(), parts.end(), [&](const Written* part) {
      return std::all_of(parts.begin(), parts.end(), [&](const Written* other) { return is_ordered(least(part), least(other)); });
    });
    if (first == parts.end()) return {};
    Group group{{*first}, least(*first), most(*first)};
    parts.erase(first);
    for (bool grows = true; grows;) {
      grows = false;
      for (size_t i = 0; i < parts.size() && !grows; ++i) {
        if (is_ordered(group.most, least(parts[i]))) continue;
        if (is_ordered(group.most, most(parts[i])))
          group.most = most(parts[i]);
        else if (!is_ordered(most(parts[i]), group.most))
          return {};
        group.parts.push_back(parts[i]);
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i));
        grows = true;
      }
    }
    groups.push_back(std::move(group));
  }
  for (size_t i = 1; i < groups.size(); ++i)
    if (!same_value(groups[i - 1].most, groups[i].least, terms_.ranges)) return {};
  return groups;
}

bool StoredValues::may_meet(const Written& written, const std::vector<IndexExpr>& at) {
  for (size_t d = 0; d < at.size(); ++d) {
    const Range above = range_of(ir::sub(at[d], written.piece.most[d]), terms_.ranges);
    const Range below = range_of(ir::sub(at[d], written.piece.least[d]), terms_.ranges);
    if ((above.least && *above.least >= 0) || (below.most && *below.most < 0)) return false;
  }
  return true;
}

// Loops do not come between a store and this load of it.
void StoredValues::require_settled(const Written& written, const TensorState& state, const Substitution& at,
                                   const ir::Expr& load) {
  for (size_t depth = state.loops_open; depth < loops.size(); ++depth) {
    const Loop& loop = *loops[depth];
    const bool stored_here = std::find(written.loops.begin(), written.loops.end(), &loop) != written.loops.end();
    if (stored_here ? !is_own_store(written, loop, at, load)
                    : loop.kind != Loop::Kind::parallel && !iterations_are_apart(loop, state.tensor.name))
      refuse(load.origin,
             fmt::format("{0} is read in the loop {1}, of which another iteration may have stored it, and the optimizer follows "
                         "what this one or an earlier loop stored; read {0} in a loop behind that one",
                         load.name, loop.variable));
  }
}

// Whether all that this load takes of `written` was stored by the same iteration of `loop`.
bool StoredValues::is_own_store(const Written& written, const Loop& loop, const Substitution& at, const ir::Expr& load) {
  if (!depends_on(written.slice, loop)) return true;  // each iteration stores all of it
  const bool same_name = written.name == load.name;
  if (same_name && same_slice(written.slice, load.slice)) return true;
  if (const auto stored = written.iteration.find(&loop); stored != written.iteration.end()) {
    const IndexExpr iteration = ir::substitute(stored->second, [&](const ir::Index& leaf) {
      const auto value = at.find(leaf.name);
      return value == at.end() ? std::nullopt : std::optional(value->second);
    });
    return same_value(iteration, ir::named(loop.variable), terms_.ranges);
  }
  if (!same_name) return false;
  for (size_t d = 0; d < load.slice.size(); ++d)
    if (is_span_of(written.slice[d], loop) && is_span_of(load.slice[d], loop)) return true;
  return false;
}

// Whether no iteration of the loop stores what another one accesses: all accesses are under one name and alike along an axis on
// which no two iterations meet. Trivially so if the loop stores nothing there.
bool StoredValues::iterations_are_apart(const Loop& loop, const std::string& base) {
  std::vector<SliceAccess> accesses = accesses_in(loop.body);
  std::erase_if(accesses, [&](const SliceAccess& a) { return base_of(a.name) != base; });
  if (std::none_of(accesses.begin(), accesses.end(), [](const SliceAccess& a) { return a.is_store; })) return true;
  std::set<std::string> inner;
  ir::for_each_statement(loop.body, [&](const ir::Statement& s) {
    if (const auto* nested = std::get_if<Loop>(&s.node)) inner.insert(nested->variable);
    return true;
  });
  const SliceAccess& first = accesses[0];
  for (const SliceAccess& access : accesses) {
    if (access.name != first.name) return false;
    for (const Axis& axis : access.slice)
      if (axis.kind == Axis::Kind::by) return false;
  }
  for (size_t d = 0; d < first.slice.size(); ++d) {
    if (!std::all_of(accesses.begin(), accesses.end(),
                     [&](const SliceAccess& a) { return same_axis(a.slice[d], first.slice[d]); }))
      continue;
    if (is_span_of(first.slice[d], loop)) return true;
    if (loop.tile > 0) continue;
    Linear begin = linear(first.slice[d].begin, terms_.ranges);
    const auto part = begin.parts.find(loop.variable);
    const auto size = ir::constant_value(first.slice[d].size);
    if (part == begin.parts.end() || !size || *size > std::abs(part->second.coefficient)) continue;
    begin.parts.erase(part);
    // What is left is the same in every iteration.
    std::set<std::string> rest = ir::names_in(to_index(begin));
    if (!rest.contains(loop.variable) &&
        std::none_of(rest.begin(), rest.end(), [&](const std::string& name) { return inner.contains(name); }))
      return true;
  }
  return false;
}

}  // namespace imbrex::optimize
