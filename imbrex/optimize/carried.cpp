#include "imbrex/optimize/carried.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/continued.h"
#include "imbrex/optimize/rewrites.h"

namespace imbrex::optimize {
namespace {

using ir::Op;
using Kind = Term::Kind;

}  // namespace

void Carried::refuse(const Tile& tile) {
  optimize::refuse(
      tile.origin,
      fmt::format("{} carries a value from one iteration of {} to the next, and the optimizer follows values within an "
                  "iteration; where it is a sum, maximum or minimum, write one row_sum, row_max or row_min over the axis",
                  tile.name, tile.loop));
}

void Carried::enter(const ir::Loop& loop) {
  std::vector<Tile> tiles;
  std::set<std::string> declared, seen;
  ir::for_each_statement(loop.body, [&](const ir::Statement& statement) {
    const auto* assign = std::get_if<ir::Assign>(&statement.node);
    if (assign && assign->declares) declared.insert(assign->name);
    if (!assign || declared.contains(assign->name) || !seen.insert(assign->name).second) return true;
    const ir::Expr& value = *assign->value;
    const TermId at_begin = terms_.access(fmt::format(".carried{}", names_++), value.dtype,
                                          {ir::is_one(value.rows) ? ir::constant(0) : ir::named(kTileRow),
                                           ir::is_one(value.columns) ? ir::constant(0) : ir::named(kTileColumn)});
    TermId& variable = values_.variables.at(assign->name);
    tiles.push_back({assign->name, variable, at_begin, statement.origin, loop.variable});
    variable = at_begin;
    return true;
  });
  open_.push_back(std::move(tiles));
}

void Carried::leave(const ir::Loop& loop) {
  const std::vector<Tile> tiles = std::move(open_.back());
  open_.pop_back();
  for (const Tile& tile : tiles) {
    TermId& variable = values_.variables.at(tile.name);
    terms_.origin = tile.origin;
    terms_.history = values_.histories[tile.name];
    const TermId all = after(loop, tile, variable, tiles);
    if (all == kNoTerm || depends_on(terms_, all, loop)) refuse(tile);
    variable = all;
  }
}

bool Carried::depends_on_any(TermId value, const std::vector<Tile>& tiles) const {
  bool found = false;
  for_each_term(terms_, value, [&](TermId id) {
    const Term& term = terms_.at(id);
    if (term.kind != Kind::access) return;
    for (const Tile& tile : tiles) found = found || term.tensor == terms_.at(tile.at_begin).tensor;
  });
  return found;
}

TermId Carried::after(const ir::Loop& loop, const Tile& tile, TermId now, const std::vector<Tile>& tiles) {
  if (now == tile.at_begin) return tile.start;
  const bool surely_runs = range_of(loop.extent, terms_.ranges).least.value_or(0) >= 1;
  if (!depends_on_any(now, tiles)) {
    // What the last iteration made.
    if (!surely_runs) return kNoTerm;
    if (loop.tile > 0) return now;
    return terms_.substitute(now, {{loop.variable, ir::add(loop.begin, ir::sub(loop.extent, ir::constant(1)))}});
  }
  const Term term = terms_.at(now);
  if (term.kind != Kind::operation) return kNoTerm;
  if (term.op == Op::max || term.op == Op::min) return extremum_after(loop, tile, term, tiles);
  const size_t begin = !term.args.empty() && term.args[0] == tile.at_begin ? 0 : 1;
  if (term.args.size() != 2 || term.args[begin] != tile.at_begin || depends_on_any(term.args[1 - begin], tiles)) return kNoTerm;
  const TermId more = term.args[1 - begin];
  if (ir::continues(term.op)) {
    const TermId whole = begin == 0 ? over_iterations(terms_, more, loop) : kNoTerm;
    return whole == kNoTerm ? kNoTerm : terms_.operation(term.op, term.dtype, {tile.start, whole});
  }
  // From +0, an addition in each iteration. A sum of sums is left to its author, who may mean one sum.
  const Term& start = terms_.at(tile.start);
  if (term.op != Op::add || terms_.at(more).kind == Kind::reference || start.kind != Kind::constant || start.value != 0 ||
      std::signbit(start.value))
    return kNoTerm;
  return over_iterations(terms_, Reduction::col_sum, more, loop);
}

TermId Carried::extremum_after(const ir::Loop& loop, const Tile& tile, const Term& now, const std::vector<Tile>& tiles) {
  const Reduction reduction = now.op == Op::max ? Reduction::max : Reduction::min;
  const bool surely_runs = range_of(loop.extent, terms_.ranges).least.value_or(0) >= 1;
  TermId result = tile.start;
  int begins = 0;
  for (TermId leaf : extremum_leaves(terms_, now.op, now.args)) {
    if (leaf == tile.at_begin) {
      ++begins;
      continue;
    }
    if (depends_on_any(leaf, tiles)) return kNoTerm;
    TermId all = kNoTerm;
    if (!depends_on(terms_, leaf, loop)) {
      if (surely_runs) all = leaf;
    } else {
      const Term& term = terms_.at(leaf);
      if (term.kind == Kind::reference && terms_.definition(term.definition).reduction == reduction)
        all = over_iterations(terms_, leaf, loop);
      if (all == kNoTerm) all = over_iterations(terms_, reduction, leaf, loop);
    }
    if (all == kNoTerm) return kNoTerm;
    result = terms_.operation(now.op, now.dtype, {result, all});
  }
  return begins == 1 ? result : kNoTerm;
}

const Carried::Tile* Carried::carried_in(TermId value) const {
  const Tile* found = nullptr;
  for_each_term(terms_, value, [&](TermId id) {
    const Term& term = terms_.at(id);
    if (term.kind != Kind::access) return;
    for (const std::vector<Tile>& tiles : open_)
      for (const Tile& tile : tiles)
        if (term.tensor == terms_.at(tile.at_begin).tensor) found = &tile;
  });
  return found;
}

void Carried::require_none_in(TermId value) const {
  if (const Tile* tile = carried_in(value)) refuse(*tile);
  for_each_term(terms_, value, [&](TermId id) {
    const Term& term = terms_.at(id);
    if (term.kind != Kind::reference) return;
    if (const auto part = values_.parts_of_loops.find(term.definition); part != values_.parts_of_loops.end()) throw part->second;
  });
}

bool Carried::goes_on(TermId value) const {
  const Term* term = &terms_.at(value);
  while (term->kind == Kind::operation && ir::continues(term->op)) term = &terms_.at(term->args[0]);
  if (term->kind != Kind::access) return false;
  for (const std::vector<Tile>& tiles : open_)
    for (const Tile& tile : tiles)
      if (term->tensor == terms_.at(tile.at_begin).tensor) return true;
  return false;
}

}  // namespace imbrex::optimize
