#include "imbrex/prove/counted_tiles.h"

#include <algorithm>

#include "imbrex/prove/tile_values.h"

namespace imbrex::prove {
namespace {

using ir::IndexExpr;
using Kind = ir::Index::Kind;

// Element k is first + step * k.
struct Counted {
  IndexExpr first;
  int64_t step = 0;
};

bool is_affine(const IndexExpr& e) {
  switch (e->kind) {
    case Kind::add:
    case Kind::sub: return is_affine(e->a) && is_affine(e->b);
    case Kind::mul: return (ir::constant_value(e->a) && is_affine(e->b)) || (ir::constant_value(e->b) && is_affine(e->a));
    case Kind::floor_div:
    case Kind::mod:
    case Kind::min:
    case Kind::max: return false;
    default: return true;
  }
}

// In numbers that do not wrap: int32 arithmetic gives them modulo 2^32, whatever wraps on the way.
std::optional<Counted> counted(const Accesses& accesses, const ir::ExprPtr& e) {
  const auto arg = [&](size_t i) { return counted(accesses, e->args[i]); };
  if (e->dtype != DType::int32 || (!ir::is_one(e->rows) && !ir::is_one(e->columns))) return std::nullopt;
  switch (e->op) {
    case ir::Op::constant: return Counted{ir::constant(static_cast<int64_t>(e->value)), 0};
    case ir::Op::index: return Counted{e->index, 0};
    case ir::Op::iota: return Counted{e->index, 1};
    case ir::Op::transpose: return arg(0);
    case ir::Op::variable: {
      const auto value = accesses.tiles.find(e->name);
      if (value == accesses.tiles.end() || accesses.rebound.count(e->name)) return std::nullopt;
      return counted(accesses, value->second);
    }
    case ir::Op::neg: {
      const auto a = arg(0);
      return a ? std::optional(Counted{ir::sub(ir::constant(0), a->first), -a->step}) : std::nullopt;
    }
    case ir::Op::add:
    case ir::Op::sub: {
      const auto a = arg(0), b = arg(1);
      if (!a || !b) return std::nullopt;
      // Of one element, which is spread out, there is no next.
      const auto step_of = [&](size_t i, const Counted& of) {
        return ir::is_one(e->args[i]->rows) && ir::is_one(e->args[i]->columns) ? 0 : of.step;
      };
      const bool adds = e->op == ir::Op::add;
      return Counted{adds ? ir::add(a->first, b->first) : ir::sub(a->first, b->first),
                     adds ? step_of(0, *a) + step_of(1, *b) : step_of(0, *a) - step_of(1, *b)};
    }
    default: return std::nullopt;  // holds of any
  }
}

// Where the rows begin that the tile takes, of which there are `count`; null if that is not known.
IndexExpr begin_of(const ir::Program& program, const Accesses& accesses, const Access& access, const std::string& tile,
                   const IndexExpr& count) {
  const auto value = accesses.tiles.find(tile);
  if (value == accesses.tiles.end() || accesses.rebound.count(tile)) return nullptr;
  const auto elements = counted(accesses, value->second);
  if (!elements || !is_affine(elements->first) || !is_affine(count)) return nullptr;
  const bool is_single = ir::constant_value(count) == 1;
  if (elements->step != 1 && elements->step != -1 && !is_single) return nullptr;
  for (const IndexExpr& e : {elements->first, count})
    for (const std::string& name : ir::names_in(e)) {
      const auto is_it = [&](const auto& each) { return each.name == name; };
      if (std::none_of(program.dims.begin(), program.dims.end(), is_it) &&
          std::none_of(access.binders.begin(), access.binders.end(), is_it))
        return nullptr;
    }
  const IndexExpr distance = ir::sub(count, ir::constant(1));
  const IndexExpr last = is_single             ? elements->first
                         : elements->step == 1 ? ir::add(elements->first, distance)
                                               : ir::sub(elements->first, distance);
  const ir::Ranges ranges(program, access);
  for (const IndexExpr& end : {elements->first, last}) {
    const ir::Range range = ranges.of(end);
    if (range.least < kAnyInt32.least || range.greatest > kAnyInt32.greatest) return nullptr;  // it may wrap
  }
  return elements->step == -1 ? last : elements->first;
}

}  // namespace

void find_counted_tiles(const ir::Program& program, Accesses& accesses) {
  for (Access& access : accesses.all)
    for (ir::Axis& axis : access.slice)
      if (axis.kind == ir::Axis::Kind::by) axis.begin = begin_of(program, accesses, access, axis.tile, axis.size);
}

}  // namespace imbrex::prove
