#include "imbrex/plan/pack_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "imbrex/ir/linear.h"
#include "imbrex/ir/loops.h"
#include "imbrex/ir/visit.h"

namespace imbrex::plan {
namespace {

using ir::Expr;
using ir::IndexExpr;
using Kind = ir::Index::Kind;

const ir::Loop* loop_named(const std::vector<const ir::Loop*>& loops, const std::string& name) {
  const auto found = std::find_if(loops.begin(), loops.end(), [&](const ir::Loop* loop) { return loop->variable == name; });
  return found == loops.end() ? nullptr : *found;
}

bool names_any(const IndexExpr& e, const std::vector<const ir::Loop*>& loops) {
  const std::set<std::string> names = ir::names_in(e);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return loop_named(loops, name); });
}

// The loop whose span `begin + size` is, or null.
const ir::Loop* span_of(const IndexExpr& begin, const IndexExpr& size, const std::vector<const ir::Loop*>& loops) {
  if (begin->kind == Kind::span_size && size->kind == Kind::span_begin) return span_of(size, begin, loops);
  const bool is_span = begin->kind == Kind::span_begin && size->kind == Kind::span_size && begin->name == size->name;
  return is_span ? loop_named(loops, begin->name) : nullptr;
}

// Nothing less than the expression in any iteration of the loops, without their variables; null where none is found.
IndexExpr at_most(const IndexExpr& e, const std::vector<const ir::Loop*>& loops) {
  if (!names_any(e, loops)) return e;
  const auto of_both = [&]() -> IndexExpr {
    const IndexExpr a = at_most(e->a, loops), b = at_most(e->b, loops);
    return a && b ? ir::with_operands(e, a, b) : nullptr;
  };
  switch (e->kind) {
    case Kind::name: {
      const ir::Loop& loop = *loop_named(loops, e->name);
      return at_most(ir::sub(ir::add(loop.begin, loop.extent), ir::constant(1)), loops);
    }
    case Kind::span_index: return at_most(ir::sub(ir::trips_of(*loop_named(loops, e->name)), ir::constant(1)), loops);
    case Kind::span_size: return ir::constant(loop_named(loops, e->name)->tile);
    case Kind::add:
      if (const ir::Loop* loop = span_of(e->a, e->b, loops)) return at_most(ir::add(loop->begin, loop->extent), loops);
      return of_both();
    case Kind::sub: {
      const IndexExpr a = names_any(e->b, loops) ? nullptr : at_most(e->a, loops);
      return a ? ir::sub(a, e->b) : nullptr;
    }
    case Kind::mul:
    case Kind::floor_div: {
      const bool turned = e->kind == Kind::mul && ir::constant_value(e->a);
      const auto factor = ir::constant_value(turned ? e->a : e->b);
      const IndexExpr other = factor && *factor > 0 ? at_most(turned ? e->b : e->a, loops) : nullptr;
      return other ? ir::with_operands(e, other, ir::constant(*factor)) : nullptr;
    }
    case Kind::min: {
      const IndexExpr a = at_most(e->a, loops), b = at_most(e->b, loops);
      return !a ? b : !b ? a : ir::min(a, b);
    }
    case Kind::max: return of_both();
    default: return nullptr;
  }
}

bool is_at_most(const IndexExpr& e, const IndexExpr& bound) {
  return ir::same(e, bound) || (e->kind == Kind::min && (is_at_most(e->a, bound) || is_at_most(e->b, bound)));
}

// Whether each value of an extent is a multiple of the tile or is `most`, so that a tile of it is as large as the same tile of
// `most`, which is never less.
bool has_the_tiles_of(const IndexExpr& e, const IndexExpr& most, int64_t tile, const Symbols& symbols,
                      const std::vector<const ir::Loop*>& loops) {
  if (symbols.is_multiple(e, tile) || is_at_most(most, e)) return true;
  if (e->kind == Kind::min || e->kind == Kind::max)
    return has_the_tiles_of(e->a, most, tile, symbols, loops) && has_the_tiles_of(e->b, most, tile, symbols, loops);
  const ir::Loop* loop = e->kind == Kind::add ? span_of(e->a, e->b, loops) : nullptr;
  // It ends after some of its whole tiles, or where its extent does.
  return loop && loop->tile % tile == 0 && symbols.is_multiple(loop->begin, tile) &&
         has_the_tiles_of(ir::add(loop->begin, loop->extent), most, tile, symbols, loops);
}

// What numbers the iterations of a loop.
IndexExpr number_of(const ir::Loop& loop) {
  return loop.tile > 0 ? ir::span_index(loop.variable) : ir::sub(ir::named(loop.variable), loop.begin);
}

// With each `variable // n` replaced.
IndexExpr with_quotients(const IndexExpr& e, const std::string& variable, const IndexExpr& by) {
  if (!e->a || !e->b) return e;
  if (e->kind == Kind::floor_div && !e->a->a && e->a->name == variable) return by;
  return ir::with_operands(e, with_quotients(e->a, variable, by), with_quotients(e->b, variable, by));
}

IndexExpr renamed(const IndexExpr& e, const std::map<std::string, std::string>& now) {
  return ir::substitute(e, [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
    const auto found = now.find(leaf.name);
    return found == now.end() ? std::nullopt : std::optional(ir::renamed(leaf, found->second));
  });
}

// A tile or a load with each index expression in it changed.
ir::ExprPtr with_indices(const ir::ExprPtr& e, const std::function<IndexExpr(const IndexExpr&)>& change) {
  auto changed = std::make_shared<Expr>(*e);
  for (ir::Axis& axis : changed->slice) {
    if (axis.begin) axis.begin = change(axis.begin);
    axis.size = change(axis.size);
  }
  changed->rows = change(changed->rows);
  changed->columns = change(changed->columns);
  return changed;
}

struct Widened {
  const ir::Loop* loop;  // around the product
  IndexExpr most;        // its extent where it packs
};

// Why more may be packed than fits, or another inner axis than products take; "" if neither.
std::string obstacle_of(const Plan& plan, const Expr& right, const Expr& packed, size_t inner_axis, const PackPlace& place,
                        const std::vector<Widened>& widened, const PackParts& parts) {
  const std::vector<IndexExpr>& shape = plan.symbols.tensors.at(right.name).shape;
  for (size_t i = 0; i < right.slice.size(); ++i) {
    const ir::Axis& axis = packed.slice[i];
    const IndexExpr end = at_most(ir::add(axis.begin, axis.size), parts.loops);
    const auto holds = [&](const IndexExpr& a, ir::Compare compare, const IndexExpr& b) {
      return plan.bounds.always({a, compare, b}, *place.loop, parts.loops);
    };
    if (!holds(axis.begin, ir::Compare::ge, ir::constant(0)) || !end ||
        !(is_at_most(end, shape[i]) || holds(end, ir::Compare::le, shape[i])))
      return place.is_conditional && widened.empty()
                 ? "a condition decides whether it is taken, and elsewhere it may lie outside of its tensor"
                 : "the largest part of it that a loop can take may lie outside of its tensor";
    for (const Widened& each : widened) {
      if (!ir::names_in(right.slice[i].size).contains(each.loop->variable)) continue;
      const bool is_span = right.slice[i].size->kind == Kind::span_size;
      if (!is_span ||
          (i == inner_axis && !has_the_tiles_of(each.loop->extent, each.most, each.loop->tile, plan.symbols, place.loops)))
        return fmt::format("the part of it that one iteration of the loop over {} takes depends on another loop",
                           each.loop->variable);
    }
  }
  return {};
}

}  // namespace

int64_t iterations_of_a_part(const ir::Loop& loop, const std::vector<ir::Axis>& slice) {
  int64_t found = 0;
  const std::function<void(const IndexExpr&)> visit = [&](const IndexExpr& e) {
    const auto by = e->kind == Kind::floor_div ? ir::constant_value(e->b) : std::nullopt;
    const bool is_number = by && *by > 1 && e->a->name == loop.variable &&
                           e->a->kind == (loop.tile > 0 ? Kind::span_index : Kind::name) &&
                           (loop.tile > 0 || ir::constant_value(loop.begin) == 0);
    const int64_t now = is_number ? *by : !e->a && e->name == loop.variable ? 1 : 0;
    if (now > 0) found = found == 0 || found == now ? now : 1;
    if (now > 0 || !e->a) return;
    visit(e->a);
    visit(e->b);
  };
  for (const ir::Axis& axis : slice) {
    if (axis.begin) visit(axis.begin);
    visit(axis.size);
  }
  return found;
}

bool are_same(const PackParts& a, const PackParts& b) {
  if (a.loops.size() != b.loops.size()) return false;
  std::map<std::string, std::string> now;
  for (size_t i = 0; i < a.loops.size(); ++i) {
    if (!ir::same(a.loops[i]->begin, b.loops[i]->begin) || !ir::same(a.loops[i]->extent, b.loops[i]->extent) ||
        a.loops[i]->tile != b.loops[i]->tile)
      return false;
    now[b.loops[i]->variable] = a.loops[i]->variable;
  }
  return ir::equal(a.right, with_indices(b.right, [&](const IndexExpr& e) { return renamed(e, now); }));
}

PackParts parts_of_right_side(Planner& planner, const ir::Statement& product, const PackPlace& place,
                              const std::function<std::string(const std::string&)>& fresh, std::string& why) {
  const Expr& e = *std::get<ir::Assign>(product.node).value;
  PackParts parts{{}, e.args.back(), ir::constant(0), ir::constant(0), ir::constant(1)};
  std::vector<Widened> widened;
  for (const ir::Loop* loop : place.loops) {
    const int64_t times = iterations_of_a_part(*loop, e.args.back()->slice);
    if (times == 0) continue;
    if (names_any(loop->begin, place.loops)) {
      why = fmt::format("the begin of the loop over {} depends on another loop", loop->variable);
      return parts;
    }
    const bool is_widened = names_any(loop->extent, place.loops);
    const IndexExpr extent = is_widened ? at_most(loop->extent, place.loops) : loop->extent;
    if (!extent) {
      why = fmt::format("the number of iterations of the loop over {} depends on another loop", loop->variable);
      return parts;
    }
    if (is_widened) widened.push_back({loop, extent});
    const ir::Loop* packing = loop;
    IndexExpr number = number_of(*loop);
    if (is_widened || times > 1) {
      ir::Loop own;
      own.kind = loop->kind;
      own.variable = fresh(loop->variable + (loop->variable.ends_with('_') ? "packed" : "_packed"));
      own.begin = loop->begin;
      own.extent = ir::combined(extent);
      own.tile = loop->tile;
      if (times > 1) {
        own.extent = ir::ceil_div(ir::trips_of(own), ir::constant(times));
        own.tile = 0;
        number = ir::floor_div(number, ir::constant(times));
      }
      packing = planner.own_loop(std::move(own));
      parts.right = with_indices(parts.right, [&](const IndexExpr& e) {
        return times > 1 ? with_quotients(e, loop->variable, ir::named(packing->variable))
                         : renamed(e, {{loop->variable, packing->variable}});
      });
    }
    const IndexExpr trips = planner.plan.bounds.elements_along(ir::trips_of(*packing), *place.loop);
    parts.part = ir::add(ir::mul(parts.part, trips), number);
    parts.part_packed = ir::add(ir::mul(parts.part_packed, trips), number_of(*packing));
    parts.count = ir::mul(parts.count, trips);
    parts.loops.push_back(packing);
  }
  const Expr& right = *e.args.back();
  if (right.op == ir::Op::load && (place.is_conditional || !widened.empty())) {
    // Of the axes that stay, the inner one: the second of a transposed right side.
    std::vector<size_t> axes;
    for (size_t i = 0; i < right.slice.size(); ++i)
      if (right.slice[i].kind != ir::Axis::Kind::point) axes.push_back(i);
    const size_t inner = axes.empty() ? right.slice.size() : e.transpose_b ? axes.back() : axes.front();
    why = obstacle_of(planner.plan, right, *parts.right, inner, place, widened, parts);
  }
  return parts;
}

}  // namespace imbrex::plan
