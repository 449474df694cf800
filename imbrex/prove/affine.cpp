#include "imbrex/prove/affine.h"

#include <isl/aff.h>
#include <isl/set.h>
#include <isl/space.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "imbrex/base/checked.h"

namespace imbrex::prove {
namespace {

using ir::Index;
using ir::IndexExpr;
using Kind = ir::Index::Kind;

// If a `min` (or, with `kind` max, a `max`) stands in `e` where it only grows the value, `e` is the min of two expressions: with
// the min replaced by its first and by its second operand. Returns whether there is one.
bool split(const IndexExpr& e, Kind kind, IndexExpr& first, IndexExpr& second) {
  if (e->kind == kind) {
    first = e->a, second = e->b;
    return true;
  }
  IndexExpr x, y;
  if (e->kind == Kind::add || e->kind == Kind::sub) {
    if (split(e->a, kind, x, y)) {
      first = e->kind == Kind::add ? ir::add(x, e->b) : ir::sub(x, e->b);
      second = e->kind == Kind::add ? ir::add(y, e->b) : ir::sub(y, e->b);
      return true;
    }
    const Kind opposite = kind == Kind::min ? Kind::max : Kind::min;
    if (split(e->b, e->kind == Kind::add ? kind : opposite, x, y)) {
      first = e->kind == Kind::add ? ir::add(e->a, x) : ir::sub(e->a, x);
      second = e->kind == Kind::add ? ir::add(e->a, y) : ir::sub(e->a, y);
      return true;
    }
  }
  return false;
}

isl::space space_of(isl_ctx* ctx, const ir::Program& program, size_t coordinates) {
  isl_space* space = isl_space_set_alloc(ctx, static_cast<unsigned>(program.dims.size()), static_cast<unsigned>(coordinates));
  for (size_t i = 0; i < program.dims.size(); ++i)
    space = isl_space_set_dim_name(space, isl_dim_param, static_cast<unsigned>(i), program.dims[i].name.c_str());
  return isl::manage(space);
}

}  // namespace

IndexExpr resolve(const IndexExpr& e, const LoopsByName& loops, const Fixed& fixed) {
  return ir::substitute(e, [&](const Index& leaf) -> std::optional<IndexExpr> {
    const auto iteration = [&]() -> IndexExpr {
      const auto known = fixed.find(leaf.name);
      return known == fixed.end() ? ir::named(leaf.name) : ir::constant(known->second);
    };
    if (leaf.kind == Kind::name) return iteration();
    const auto found = loops.find(leaf.name);
    require(found != loops.end(), "a span belongs to a loop");
    const ir::Loop& loop = *found->second;
    const IndexExpr offset = ir::mul(iteration(), ir::constant(loop.tile));
    switch (leaf.kind) {
      case Kind::span_index: return iteration();
      case Kind::span_begin: return ir::add(resolve(loop.begin, loops, fixed), offset);
      default: return ir::min(ir::constant(loop.tile), ir::sub(resolve(loop.extent, loops, fixed), offset));
    }
  });
}

std::optional<int64_t> constant_trips(const ir::Loop& loop) {
  const auto extent = ir::constant_value(loop.extent);
  if (!extent) return std::nullopt;
  return std::max<int64_t>(0, loop.tile > 0 ? ceil_div(*extent, loop.tile) : *extent);
}

Frame::Frame(isl_ctx* ctx, const ir::Program& program, const LoopsByName& loops, std::vector<std::string> coordinates)
    : ctx_(ctx), program_(&program), loops_(&loops), coordinates_(std::move(coordinates)) {}

isl::set Frame::universe() const {
  isl_set* set = isl_set_universe(space_of(ctx_, *program_, coordinates_.size()).release());
  for (size_t i = 0; i < program_->dims.size(); ++i) {
    set = isl_set_lower_bound_si(set, isl_dim_param, static_cast<unsigned>(i), 1);
    set = isl_set_upper_bound_val(set, isl_dim_param, static_cast<unsigned>(i),
                                  isl_val_int_from_si(ctx_, program_->dims[i].most()));
  }
  return isl::manage(set);
}

isl::set Frame::empty() const { return isl::manage(isl_set_empty(space_of(ctx_, *program_, coordinates_.size()).release())); }

isl::pw_aff Frame::value(const IndexExpr& e) const {
  const auto local = [&] { return isl_local_space_from_space(space_of(ctx_, *program_, coordinates_.size()).release()); };
  const auto number = [&](int64_t v) { return isl_val_int_from_si(ctx_, v); };
  const auto variable = [&](isl_dim_type type, size_t position) {
    return isl::manage(isl_pw_aff_from_aff(isl_aff_var_on_domain(local(), type, static_cast<unsigned>(position))));
  };
  switch (e->kind) {
    case Kind::constant: {
      isl_local_space* domain = local();  // before the number is made: a spent budget throws
      return isl::manage(isl_pw_aff_from_aff(isl_aff_val_on_domain(domain, number(e->value))));
    }
    case Kind::name: {
      const auto coordinate = std::find(coordinates_.begin(), coordinates_.end(), e->name);
      if (coordinate != coordinates_.end()) return variable(isl_dim_set, static_cast<size_t>(coordinate - coordinates_.begin()));
      for (size_t i = 0; i < program_->dims.size(); ++i)
        if (program_->dims[i].name == e->name) return variable(isl_dim_param, i);
      throw NotAffine{e};
    }
    case Kind::add: return value(e->a).add(value(e->b));
    case Kind::sub: return value(e->a).sub(value(e->b));
    case Kind::min: return value(e->a).min(value(e->b));
    case Kind::max: return value(e->a).max(value(e->b));
    case Kind::mul: {
      const auto a = ir::constant_value(e->a), b = ir::constant_value(e->b);
      if (!a && !b) throw NotAffine{e};
      isl::pw_aff factor = value(a ? e->b : e->a);
      return isl::manage(isl_pw_aff_scale_val(factor.release(), number(a ? *a : *b)));
    }
    case Kind::floor_div:
    case Kind::mod: {
      const auto divisor = ir::constant_value(e->b);
      if (!divisor) return divided(e);
      if (*divisor <= 0) throw NotAffine{e};
      isl::pw_aff dividend = value(e->a);
      if (e->kind == Kind::mod) return isl::manage(isl_pw_aff_mod_val(dividend.release(), number(*divisor)));
      return isl::manage(isl_pw_aff_floor(isl_pw_aff_scale_down_val(dividend.release(), number(*divisor))));
    }
    default: throw InternalError("spans are resolved before they are values");
  }
}

// x // n and x % n for a positive n that is no constant: affine where the quotient is one of a few numbers, as in a ring's
// (i + n - 1) % n.
isl::pw_aff Frame::divided(const IndexExpr& e) const {
  const isl::pw_aff x = value(e->a), n = value(e->b);
  const auto times = [&](int64_t q) { return isl::manage(isl_pw_aff_scale_val(n.copy(), isl_val_int_from_si(ctx_, q))); };
  const auto constant = [&](int64_t q) {
    isl_local_space* domain = isl_local_space_from_space(space_of(ctx_, *program_, coordinates_.size()).release());
    return isl::manage(isl_pw_aff_from_aff(isl_aff_val_on_domain(domain, isl_val_int_from_si(ctx_, q))));
  };
  std::optional<isl::pw_aff> result;
  isl::set rest = universe();
  for (int64_t q = kLeastQuotient; q <= kGreatestQuotient; ++q) {
    const isl::set from = isl::manage(isl_pw_aff_ge_set(x.copy(), times(q).release()));
    const isl::set below = isl::manage(isl_pw_aff_lt_set(x.copy(), times(q + 1).release()));
    const isl::set domain = from.intersect(below);
    isl::pw_aff part = e->kind == Kind::mod ? x.sub(times(q)) : constant(q);
    part = isl::manage(isl_pw_aff_intersect_domain(part.release(), domain.copy()));
    result = result ? isl::manage(isl_pw_aff_union_add(result->release(), part.release())) : part;
    rest = rest.subtract(domain);
  }
  undefined_.push_back({rest, e});
  return *result;
}

void Frame::require_defined(const isl::set& context) const {
  const std::vector<Undefined> undefined = std::exchange(undefined_, {});
  for (const Undefined& each : undefined)
    if (!each.points.intersect(context).is_empty()) throw NotAffine{each.culprit};
}

isl::set Frame::resolved_less_equal(const IndexExpr& a, const IndexExpr& b) const {
  // a <= min(x, y) is a conjunction: one convex set instead of the pieces that a piecewise value has.
  IndexExpr x, y;
  if (split(b, Kind::min, x, y)) return resolved_less_equal(a, x).intersect(resolved_less_equal(a, y));
  if (split(a, Kind::max, x, y)) return resolved_less_equal(x, b).intersect(resolved_less_equal(y, b));
  // min(x, y) <= b is a union of two, where a piecewise value of many minima would have a piece for each of their orders.
  if (split(a, Kind::min, x, y)) return resolved_less_equal(x, b).unite(resolved_less_equal(y, b));
  if (split(b, Kind::max, x, y)) return resolved_less_equal(a, x).unite(resolved_less_equal(a, y));
  // Both before either is released: a value that is not affine throws.
  isl::pw_aff left = value(a), right = value(b);
  return isl::manage(isl_pw_aff_le_set(left.release(), right.release()));
}

isl::set Frame::less_equal(const IndexExpr& a, const IndexExpr& b, const Fixed& fixed) const {
  return resolved_less_equal(resolve(a, *loops_, fixed), resolve(b, *loops_, fixed));
}

isl::set Frame::less(const IndexExpr& a, const IndexExpr& b, const Fixed& fixed) const {
  return less_equal(ir::add(a, ir::constant(1)), b, fixed);
}

isl::set Frame::equal(const IndexExpr& a, const IndexExpr& b, const Fixed& fixed) const {
  isl::pw_aff left = value(resolve(a, *loops_, fixed)), right = value(resolve(b, *loops_, fixed));
  return isl::manage(isl_pw_aff_eq_set(left.release(), right.release()));
}

isl::set Frame::between(const IndexExpr& begin, const IndexExpr& e, const IndexExpr& end, const Fixed& fixed) const {
  return less_equal(begin, e, fixed).intersect(less(e, end, fixed));
}

isl::set Frame::holds(const ir::Comparison& c, const Fixed& fixed) const {
  switch (c.compare) {
    case ir::Compare::lt: return less(c.left, c.right, fixed);
    case ir::Compare::le: return less_equal(c.left, c.right, fixed);
    case ir::Compare::gt: return less(c.right, c.left, fixed);
    case ir::Compare::ge: return less_equal(c.right, c.left, fixed);
    case ir::Compare::eq: return equal(c.left, c.right, fixed);
    case ir::Compare::ne: return universe().subtract(equal(c.left, c.right, fixed));
  }
  throw InternalError("a comparison is one of six");
}

isl::set Frame::any_int32(const IndexExpr& e) const {
  return between(ir::constant(std::numeric_limits<int32_t>::min()), e, ir::constant(int64_t{1} << 31));
}

isl::set Frame::narrowed(const isl::set& set, const ir::Comparison& assumed, const Fixed& fixed) const {
  const Frame own = *this;  // what is not known in this one is left out, and hides nothing of what the frame is asked
  own.forget_undefined();
  try {
    const isl::set holds = own.holds(assumed, fixed);
    own.require_defined(set);
    return set.intersect(holds);
  } catch (const NotAffine&) {
    return set;
  }
}

}  // namespace imbrex::prove
