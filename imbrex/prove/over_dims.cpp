#include "imbrex/prove/over_dims.h"

#include <algorithm>
#include <optional>

#include "imbrex/prove/quantity.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;
using Kind = ir::Index::Kind;

struct Ends {
  const ir::Program& program;
  const LoopsByName& loops;

  bool is_dim(const std::string& name) const {
    return std::any_of(program.dims.begin(), program.dims.end(), [&](const ir::Dim& dim) { return dim.name == name; });
  }
  bool is_over_dims(const IndexExpr& e) const {
    const std::set<std::string> names = ir::names_in(e);
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) { return is_dim(name); });
  }

  // The greatest value, or with `most` false the least.
  std::optional<IndexExpr> end(const IndexExpr& e, bool most) const {
    if (is_over_dims(e)) return e;
    switch (e->kind) {
      case Kind::name:
      case Kind::span_begin:
      case Kind::span_size:
      case Kind::span_index: return end_of_loop(*e, most);
      case Kind::mul: return end_of_product(e, most);
      case Kind::floor_div: {
        if (ir::constant_value(e->b).value_or(0) <= 0) return std::nullopt;
        const auto a = end(e->a, most);
        return a ? std::optional(ir::with_operands(e, *a, e->b)) : std::nullopt;
      }
      case Kind::mod: {
        if (ir::constant_value(e->b).value_or(0) <= 0) return std::nullopt;
        if (!most) return ir::constant(0);
        const IndexExpr below = ir::sub(e->b, ir::constant(1));
        const auto a = is_never_negative(e->a, program, loops) ? end(e->a, true) : std::nullopt;
        return a ? ir::min(*a, below) : below;
      }
      default: break;
    }
    const auto a = end(e->a, most), b = end(e->b, e->kind == Kind::sub ? !most : most);
    return a && b ? std::optional(ir::with_operands(e, *a, *b)) : std::nullopt;
  }

  std::optional<IndexExpr> end_of_loop(const ir::Index& leaf, bool most) const {
    const auto found = loops.find(leaf.name);
    if (found == loops.end()) return std::nullopt;
    const ir::Loop& loop = *found->second;
    const IndexExpr one = ir::constant(1), tile = ir::constant(loop.tile);
    const auto begin = end(loop.begin, most), extent = end(loop.extent, true);
    if (!begin || !extent) return std::nullopt;
    if (leaf.kind == Kind::span_size) {
      if (!most) return one;
      return ir::same(*extent, tile) ? tile : ir::min(tile, *extent);
    }
    const IndexExpr last = ir::sub(loop.tile > 0 ? ir::ceil_div(*extent, tile) : *extent, one);
    // The name of a loop over tiles alone is its number, once a span is resolved.
    if (leaf.kind == Kind::span_index || (leaf.kind == Kind::name && loop.tile > 0)) return most ? last : ir::constant(0);
    return most ? ir::add(*begin, loop.tile > 0 ? ir::mul(last, tile) : last) : *begin;
  }

  std::optional<IndexExpr> end_of_product(const IndexExpr& e, bool most) const {
    for (const auto& [constant, other] : {std::pair(e->a, e->b), std::pair(e->b, e->a)})
      if (const auto factor = ir::constant_value(constant)) {
        const auto of_other = end(other, *factor >= 0 ? most : !most);
        return of_other ? std::optional(ir::mul(constant, *of_other)) : std::nullopt;
      }
    const auto a = end(e->a, most), b = end(e->b, most);
    if (!a || !b || !is_never_negative(e->a, program, loops) || !is_never_negative(e->b, program, loops)) return std::nullopt;
    return ir::mul(*a, *b);
  }
};

}  // namespace

namespace {

constexpr int64_t kFewTrips = 4;
constexpr int kMostExpanded = 2;  // loops in loops

std::optional<IndexExpr> most_of(const IndexExpr& e, const ir::Program& program, const LoopsByName& loops, int expanded) {
  for (const std::string& name : ir::names_in(e)) {
    const auto found = loops.find(name);
    if (found == loops.end() || expanded == kMostExpanded) continue;
    const ir::Loop& loop = *found->second;
    const auto trips = constant_trips(loop);
    if (!trips || *trips < 1 || *trips > kFewTrips) continue;
    std::optional<IndexExpr> most;
    for (int64_t i = 0; i < *trips; ++i) {
      const IndexExpr in_iteration = ir::substitute(e, [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
        if (leaf.name != name) return std::nullopt;
        if (loop.tile == 0) return ir::add(loop.begin, ir::constant(i));
        return resolve(std::make_shared<ir::Index>(leaf), loops, {{name, i}});
      });
      const auto value = most_of(in_iteration, program, loops, expanded + 1);
      if (!value) return std::nullopt;
      most = most ? ir::max(*most, *value) : *value;
    }
    return most;
  }
  return Ends{program, loops}.end(e, true);
}

}  // namespace

// Loops of a few iterations are gone through one by one: that is exact, as the ends of each part of the expression may not be.
std::optional<IndexExpr> most_over_loops(const IndexExpr& e, const ir::Program& program, const LoopsByName& loops) {
  return most_of(e, program, loops, 0);
}

bool is_never_negative(const IndexExpr& e, const ir::Program& program, const LoopsByName& loops) {
  const auto is = [&](const IndexExpr& part) { return is_never_negative(part, program, loops); };
  switch (e->kind) {
    case Kind::constant: return e->value >= 0;
    case Kind::name: {
      const auto loop = loops.find(e->name);
      return loop != loops.end() ? is(loop->second->begin) : Ends{program, loops}.is_dim(e->name);
    }
    case Kind::span_size:
    case Kind::span_index: return true;
    case Kind::span_begin: return is(loops.at(e->name)->begin);
    case Kind::add:
    case Kind::mul:
    case Kind::min: return is(e->a) && is(e->b);
    case Kind::max: return is(e->a) || is(e->b);
    case Kind::floor_div: return is(e->a) && ir::constant_value(e->b).value_or(0) > 0;
    case Kind::mod: return ir::constant_value(e->b).value_or(0) > 0;
    default: return false;
  }
}

IndexExpr length(const IndexExpr& e, const ir::Program& program, const LoopsByName& loops) {
  return is_never_negative(e, program, loops) ? e : ir::max(e, ir::constant(0));
}

}  // namespace imbrex::prove
