#include "imbrex/ir/ranges.h"

#include <algorithm>
#include <limits>

#include "imbrex/ir/linear.h"

namespace imbrex::ir {
namespace {

using Kind = Index::Kind;
using Wide = __int128;

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(), kGreatest = std::numeric_limits<int64_t>::max();
constexpr Range kInt32{std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
// Facts narrow one another ("0 <= s, s <= e, e <= T"): passes over them until nothing changes, at most so many.
constexpr int kRounds = 4;

int64_t clamped(Wide value) { return static_cast<int64_t>(std::clamp<Wide>(value, kLeast, kGreatest)); }
bool fits(Wide value) { return value >= kLeast && value <= kGreatest; }

Wide floor_divide(Wide a, Wide b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
Wide ceil_divide(Wide a, Wide b) { return -floor_divide(-a, b); }

bool is_leaf(const IndexExpr& e) {
  return e->kind == Kind::name || e->kind == Kind::span_begin || e->kind == Kind::span_size || e->kind == Kind::span_index;
}

}  // namespace

Ranges::Ranges(const Program& program, const Place& place) : program_(program), binders_(place.binders) {
  for (const Dim& dim : program.dims) ranges_[dim.name] = {1, dim.most()};
  for (const Guard& guard : place.guards) {
    if (guard.holds)
      for (const Comparison& comparison : guard.condition) know(comparison);
    else if (guard.condition.size() == 1)
      know(negated(guard.condition[0]));
  }
  for (const Tensor& tensor : program.tensors) {
    Limit limit{{}, kMaxBytes / std::max<int64_t>(1, bytes_of(tensor.dtype))};
    const bool counts = std::all_of(tensor.shape.begin(), tensor.shape.end(), [&](const IndexExpr& extent) {
      Linear sum;
      if (!add_to(sum, extent, 1) || sum.constant < 0) return false;
      // At least one of its terms, if none is negative.
      const Linear::Term* dim = nullptr;
      for (const Linear::Term& term : sum.terms) {
        if (term.coefficient < 1 || term.atom->kind != Kind::name || !ranges_.contains(term.atom->name)) return false;
        if (!dim || term.coefficient > dim->coefficient) dim = &term;
      }
      if (dim) ++limit.dims[dim->atom->name];
      limit.most /= dim ? dim->coefficient : std::max<int64_t>(1, sum.constant);
      return dim || sum.constant >= 1;
    });
    if (counts) limits_.push_back(std::move(limit));
  }
  for (int round = 0; round < kRounds; ++round) {
    const auto before = ranges_;
    for (const Binder& binder : binders_) enter(binder);
    for (const Fact& fact : facts_) narrow(fact);
    if (ranges_ == before) break;
  }
}

void Ranges::set(const std::string& key, Range range) {
  const auto [known, added] = ranges_.try_emplace(key, range);
  if (added) return;
  known->second.least = std::max(known->second.least, range.least);
  known->second.greatest = std::min(known->second.greatest, range.greatest);
}

void Ranges::enter(const Binder& binder) {
  if (!binder.loop) return set(binder.name, kInt32);
  const Loop& loop = *binder.loop;
  const Range begin = of(loop.begin), extent = of(loop.extent);
  const int64_t most = std::max<int64_t>(0, extent.greatest);  // trips run below it: the body runs for an extent of 1 or more
  if (loop.tile == 0) return set(binder.name, {begin.least, clamped(Wide(begin.greatest) + most - 1)});
  const int64_t last = most == 0 ? 0 : (most - 1) / loop.tile;  // the number of the last iteration
  const bool whole = extent.least == extent.greatest && extent.least > 0 && extent.least % loop.tile == 0;
  set(to_text(span_index(loop.variable)), {0, last});
  set(to_text(span_begin(loop.variable)), {begin.least, clamped(Wide(begin.greatest) + Wide(last) * loop.tile)});
  set(to_text(span_size(loop.variable)), {whole ? loop.tile : 1, std::min(loop.tile, std::max<int64_t>(1, most))});
}

void Ranges::know(const Comparison& comparison) {
  Fact fact{comparison, {}};
  for (const std::string& name : names_in(comparison)) {
    const auto is_it = [&](const auto& each) { return each.name == name; };
    if (std::none_of(program_.dims.begin(), program_.dims.end(), is_it) && std::none_of(binders_.begin(), binders_.end(), is_it))
      fact.tile = name;
  }
  facts_.push_back(std::move(fact));
}

void Ranges::narrow(const Fact& fact) {
  const Comparison& c = fact.comparison;
  const auto at_least = [&](const IndexExpr& greater, const IndexExpr& less, int64_t distance) {
    narrow_at_least(greater, less, distance, fact.tile);
  };
  switch (c.compare) {
    case Compare::lt: return at_least(c.right, c.left, 1);
    case Compare::le: return at_least(c.right, c.left, 0);
    case Compare::gt: return at_least(c.left, c.right, 1);
    case Compare::ge: return at_least(c.left, c.right, 0);
    case Compare::eq: at_least(c.right, c.left, 0); return at_least(c.left, c.right, 0);
    case Compare::ne: return;
  }
}

// greater - less >= distance, solved for each leaf in it; for the tile alone where one is named.
void Ranges::narrow_at_least(const IndexExpr& greater, const IndexExpr& less, int64_t distance, const std::string& tile) {
  // max(x, y) <= z is two facts, and so is z <= min(x, y).
  if (less->kind == Kind::max) {
    narrow_at_least(greater, less->a, distance, tile);
    return narrow_at_least(greater, less->b, distance, tile);
  }
  if (greater->kind == Kind::min) {
    narrow_at_least(greater->a, less, distance, tile);
    return narrow_at_least(greater->b, less, distance, tile);
  }
  Linear sum;
  if (!add_to(sum, greater, 1) || !add_to(sum, less, -1)) return;
  for (const Linear::Term& term : sum.terms) {
    if (!is_leaf(term.atom) || term.coefficient == 0 || (!tile.empty() && term.atom->name != tile)) continue;
    // coefficient * atom >= distance - constant - the rest, which is at its greatest
    Wide rest = Wide(sum.constant) - distance;
    bool is_known = true;
    for (const Linear::Term& other : sum.terms) {
      if (&other == &term) continue;
      const Range range = of(other.atom);
      const Wide most = std::max(Wide(other.coefficient) * range.least, Wide(other.coefficient) * range.greatest);
      is_known = is_known && !__builtin_add_overflow(rest, most, &rest);
    }
    if (!is_known) continue;
    const std::string key = to_text(term.atom);
    if (!ranges_.contains(key)) ranges_[key] = kInt32;  // an element of a tile
    Range& range = ranges_[key];
    if (term.coefficient > 0)
      range.least = std::max(range.least, clamped(ceil_divide(-rest, term.coefficient)));
    else
      range.greatest = std::min(range.greatest, clamped(floor_divide(rest, -Wide(term.coefficient))));
  }
}

Range Ranges::leaf(const Index& e) const {
  const auto known = ranges_.find(to_text(std::make_shared<Index>(e)));
  return known == ranges_.end() ? kInt32 : known->second;  // an element of an int32 tile of which nothing is known
}

// The greatest value of a product of dimensions and constants of which no factor is negative; none for other products.
std::optional<Ranges::Wide> Ranges::product_of_dims(const IndexExpr& e) const {
  std::map<std::string, int> dims;
  Wide constant = 1, most = 1;
  const std::function<bool(const IndexExpr&)> collect = [&](const IndexExpr& x) {
    if (x->kind == Kind::mul) return collect(x->a) && collect(x->b);
    if (x->kind == Kind::constant) return x->value >= 0 && fits(constant *= x->value);
    const bool is_dim = x->kind == Kind::name && std::any_of(program_.dims.begin(), program_.dims.end(),
                                                             [&](const Dim& dim) { return dim.name == x->name; });
    if (is_dim) ++dims[x->name];
    return is_dim;
  };
  if (!collect(e)) return std::nullopt;
  for (const auto& [name, power] : dims)
    for (int i = 0; i < power; ++i) most = std::min<Wide>(most * ranges_.at(name).greatest, Wide(kGreatest) + 1);
  for (const Limit& limit : limits_) {
    const bool contained = std::all_of(dims.begin(), dims.end(), [&](const auto& dim) {
      const auto other = limit.dims.find(dim.first);
      return other != limit.dims.end() && other->second >= dim.second;
    });
    if (contained && !dims.empty()) most = std::min(most, limit.most);
  }
  return most * constant;
}

Ranges::WideRange Ranges::wide(const IndexExpr& e, IndexExpr* overflow) const {
  if (e->kind == Kind::constant) return {e->value, e->value};
  if (is_leaf(e)) {
    const Range range = leaf(*e);
    return {range.least, range.greatest};
  }
  const auto operand = [&](const IndexExpr& x) -> WideRange {
    const WideRange range = wide(x, overflow);
    return {clamped(range.least), clamped(range.greatest)};
  };
  const WideRange a = operand(e->a), b = operand(e->b);
  if (a.least > a.greatest || b.least > b.greatest) return {1, 0};  // no execution comes here
  const auto corners = [&](auto apply) -> WideRange {
    const auto [least, greatest] = std::minmax(
        {apply(a.least, b.least), apply(a.least, b.greatest), apply(a.greatest, b.least), apply(a.greatest, b.greatest)});
    return {least, greatest};
  };
  WideRange result{0, 0};
  switch (e->kind) {
    case Kind::add: result = {a.least + b.least, a.greatest + b.greatest}; break;
    case Kind::sub: result = {a.least - b.greatest, a.greatest - b.least}; break;
    case Kind::min: result = {std::min(a.least, b.least), std::min(a.greatest, b.greatest)}; break;
    case Kind::max: result = {std::max(a.least, b.least), std::max(a.greatest, b.greatest)}; break;
    case Kind::mul: {
      result = corners([](Wide x, Wide y) { return x * y; });
      if (same(e->a, e->b)) result.least = std::max<Wide>(result.least, 0);
      if (const auto most = product_of_dims(e)) result.greatest = std::min(result.greatest, *most);
      break;
    }
    case Kind::floor_div: {
      if (b.least < 1) return {kLeast, kGreatest};  // refused by the verifier
      result = corners([](Wide x, Wide y) { return floor_divide(x, y); });
      break;
    }
    default: {
      if (b.least < 1) return {kLeast, kGreatest};
      if (a.least >= 0 && a.greatest < b.least)
        result = a;
      else
        result = {0, std::min(b.greatest - 1, a.least >= 0 ? a.greatest : b.greatest)};
    }
  }
  if (overflow && !*overflow && (!fits(result.least) || !fits(result.greatest))) *overflow = e;
  return result;
}

Range Ranges::of(const IndexExpr& e) const {
  const WideRange range = wide(e, nullptr);
  return {clamped(range.least), clamped(range.greatest)};
}

IndexExpr Ranges::overflow_in(const IndexExpr& e) const {
  IndexExpr culprit;
  wide(e, &culprit);
  return culprit;
}

bool Ranges::always(const IndexExpr& a, Compare compare, const IndexExpr& b) const {
  const Range difference = of(sub(a, b));
  if (difference.is_empty()) return true;
  switch (compare) {
    case Compare::lt: return difference.greatest < 0;
    case Compare::le: return difference.greatest <= 0;
    case Compare::gt: return difference.least > 0;
    case Compare::ge: return difference.least >= 0;
    case Compare::eq: return same(a, b) || difference == Range{0, 0};
    case Compare::ne: return difference.least > 0 || difference.greatest < 0;
  }
  return false;
}

// ---- bounds over dimensions ---------------------------------------------------------------------------------------------------

// A bound of a name that is no dimension: of a loop's variable from its loop, of an index from what holds of it.
std::optional<IndexExpr> Ranges::bound_of_name(const std::string& name, bool up) const {
  for (const Dim& dim : program_.dims)
    if (dim.name == name) return named(name);
  const std::pair<std::string, bool> key{name, up};
  if (std::find(open_.begin(), open_.end(), key) != open_.end()) return std::nullopt;
  open_.push_back(key);
  std::optional<IndexExpr> best;
  const auto candidate = [&](const std::optional<IndexExpr>& bound) {
    if (!bound) return;
    best = !best ? *bound : up ? min(*best, *bound) : max(*best, *bound);
  };
  const auto binder = std::find_if(binders_.begin(), binders_.end(), [&](const Binder& b) { return b.name == name; });
  if (binder != binders_.end() && binder->loop) {
    const Loop& loop = *binder->loop;
    candidate(bound(up ? sub(add(loop.begin, loop.extent), constant(1)) : loop.begin, up));
  }
  // From `distance <= sum` in which the name stands with a constant factor: at most, or at least, the others divided by it.
  const auto solve = [&](const IndexExpr& greater, const IndexExpr& less, int64_t distance) {
    Linear sum;
    if (!add_to(sum, greater, 1) || !add_to(sum, less, -1)) return;
    for (const Linear::Term& term : sum.terms) {
      if (term.atom->kind != Kind::name || term.atom->name != name || (up ? term.coefficient >= 0 : term.coefficient <= 0))
        continue;
      if (term.coefficient == kLeast) continue;
      const int64_t factor = up ? -term.coefficient : term.coefficient;
      IndexExpr rest = constant(up ? sum.constant : -sum.constant);
      for (const Linear::Term& other : sum.terms)
        if (&other != &term) rest = add(rest, mul(constant(up ? other.coefficient : -other.coefficient), other.atom));
      rest = up ? sub(rest, constant(distance)) : add(rest, constant(distance));
      candidate(bound(factor == 1 ? rest : up ? floor_div(rest, constant(factor)) : ceil_div(rest, constant(factor)), up));
    }
  };
  for (const auto& [fact, tile] : facts_) {
    if (!names_in(fact).contains(name) || (!tile.empty() && tile != name)) continue;
    const bool right = fact.compare == Compare::lt || fact.compare == Compare::le || fact.compare == Compare::eq;
    const bool left = fact.compare == Compare::gt || fact.compare == Compare::ge || fact.compare == Compare::eq;
    const int64_t distance = fact.compare == Compare::lt || fact.compare == Compare::gt;
    if (right) solve(fact.right, fact.left, distance);
    if (left) solve(fact.left, fact.right, distance);
  }
  open_.pop_back();
  if (const auto known = ranges_.find(name); known != ranges_.end()) {
    const int64_t number = up ? known->second.greatest : known->second.least;
    if (number != (up ? kInt32.greatest : kInt32.least) && fits(number)) candidate(constant(number));
  }
  return best;
}

std::optional<IndexExpr> Ranges::bound(const IndexExpr& e, bool up) const {
  const Range range = of(e);
  if (range.is_empty() || range.least == range.greatest) return constant(range.greatest);
  const auto loop_of = [&](const std::string& span) -> const Loop& {
    for (const Binder& binder : binders_)
      if (binder.loop && binder.name == span) return *binder.loop;
    throw InternalError("a span belongs to a loop around it");
  };
  const auto both = [&](bool way_a, bool way_b) -> std::optional<IndexExpr> {
    const auto a = bound(e->a, way_a), b = bound(e->b, way_b);
    return a && b ? std::optional(with_operands(e, *a, *b)) : std::nullopt;
  };
  // The greatest (or least) result for the ends of both operands.
  const auto corners = [&]() -> std::optional<IndexExpr> {
    const auto a_low = bound(e->a, false), a_up = bound(e->a, true), b_low = bound(e->b, false), b_up = bound(e->b, true);
    if (!a_low || !a_up || !b_low || !b_up) return std::nullopt;
    const auto apply = [&](const IndexExpr& a, const IndexExpr& b) { return with_operands(e, a, b); };
    const auto pick = [&](IndexExpr x, IndexExpr y) {
      return up ? max(std::move(x), std::move(y)) : min(std::move(x), std::move(y));
    };
    return pick(pick(apply(*a_low, *b_low), apply(*a_low, *b_up)), pick(apply(*a_up, *b_low), apply(*a_up, *b_up)));
  };
  switch (e->kind) {
    case Kind::constant: return e;
    case Kind::name: return bound_of_name(e->name, up);
    case Kind::span_begin: {
      const Loop& loop = loop_of(e->name);
      return up ? bound(sub(add(loop.begin, loop.extent), constant(1)), true) : bound(loop.begin, false);
    }
    case Kind::span_size: return constant(up ? range.greatest : range.least);
    case Kind::span_index: {
      const Loop& loop = loop_of(e->name);
      return up ? bound(floor_div(sub(loop.extent, constant(1)), constant(loop.tile)), true) : constant(0);
    }
    case Kind::add: return both(up, up);
    case Kind::sub: return both(up, !up);
    case Kind::mul: {
      if (const auto c = constant_value(e->a)) {
        const auto b = bound(e->b, *c >= 0 ? up : !up);
        return b ? std::optional(mul(e->a, *b)) : std::nullopt;
      }
      if (const auto c = constant_value(e->b)) {
        const auto a = bound(e->a, *c >= 0 ? up : !up);
        return a ? std::optional(mul(*a, e->b)) : std::nullopt;
      }
      if (of(e->a).least < 0 || of(e->b).least < 0) return corners();
      if (up) return both(true, true);
      // The bounds from below may still be negative for some dimensions.
      const auto a = bound(e->a, false), b = bound(e->b, false);
      return a && b ? std::optional(mul(max(*a, constant(0)), max(*b, constant(0)))) : std::nullopt;
    }
    case Kind::floor_div: {
      if (of(e->a).least >= 0) return both(up, !up);
      if (constant_value(e->b)) return both(up, up);
      return corners();
    }
    case Kind::mod: {
      if (!up) return constant(0);
      const auto b = bound(e->b, true);
      return b ? std::optional(sub(*b, constant(1))) : std::nullopt;
    }
    case Kind::min:
    case Kind::max: {
      const auto a = bound(e->a, up), b = bound(e->b, up);
      if (a && b) return with_operands(e, *a, *b);
      return (e->kind == Kind::min) == up ? (a ? a : b) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace imbrex::ir
