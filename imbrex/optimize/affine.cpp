#include "imbrex/optimize/affine.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "imbrex/base/checked.h"
#include "imbrex/optimize/budget.h"

namespace imbrex::optimize {
namespace {

using ir::Index;
using ir::IndexExpr;
using Kind = Index::Kind;

using Bound = std::optional<int64_t>;

int64_t floor_divide(int64_t a, int64_t b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }

// Coefficients and constants that leave 64 bits are another function: such an index is not simplified at all.
int64_t fitting(Bound value) {
  if (!value) throw GivenUp{"an index has factors that the optimizer cannot simplify in 64 bits; use smaller ones"};
  return *value;
}
int64_t plus(int64_t a, int64_t b) { return fitting(checked_add(a, b)); }
int64_t times(int64_t a, int64_t b) { return fitting(checked_mul(a, b)); }

// Of two bounds: known where both are, or where one is.
template <class Operation>
Bound both(Bound a, Bound b, Operation operation) {
  return a && b ? Bound(operation(*a, *b)) : std::nullopt;
}
template <class Operation>
Bound either(Bound a, Bound b, Operation operation) {
  return a && b ? Bound(operation(*a, *b)) : a ? a : b;
}
int64_t least_of(int64_t a, int64_t b) { return std::min(a, b); }
int64_t most_of(int64_t a, int64_t b) { return std::max(a, b); }

Range product_of(const Range& a, const Range& b) {
  const auto scaled = [](const Range& range, int64_t factor) {
    Range result{both(range.least, factor, checked_mul), both(range.most, factor, checked_mul)};
    if (factor < 0) std::swap(result.least, result.most);
    return result;
  };
  if (a.least && a.least == a.most) return scaled(b, *a.least);
  if (b.least && b.least == b.most) return scaled(a, *b.least);
  const bool nonnegative = a.least && b.least && *a.least >= 0 && *b.least >= 0;
  return nonnegative ? Range{both(a.least, b.least, checked_mul), both(a.most, b.most, checked_mul)} : Range{};
}

void add_part(Linear& sum, const IndexExpr& atom, int64_t coefficient) {
  const std::string key = ir::to_text(atom);
  Budget::spend(1 + key.size() / 16);
  Linear::Part& part = sum.parts[key];
  part.atom = atom;
  if ((part.coefficient = plus(part.coefficient, coefficient)) == 0) sum.parts.erase(key);
}

void add_scaled(Linear& sum, const Linear& other, int64_t factor) {
  for (const auto& [key, part] : other.parts) add_part(sum, part.atom, times(factor, part.coefficient));
  sum.constant = plus(sum.constant, times(factor, other.constant));
}

Range range_of_atom(const IndexExpr& e, const Ranges& ranges);
Linear recombined(Linear sum, const Ranges& ranges);

Range range_of_linear(const Linear& sum, const Ranges& ranges) {
  Range total{sum.constant, sum.constant};
  for (const auto& [key, part] : sum.parts) {
    const Range range = range_of_atom(part.atom, ranges);
    const Range scaled = product_of(range, {part.coefficient, part.coefficient});
    total = {both(total.least, scaled.least, checked_add), both(total.most, scaled.most, checked_add)};
  }
  return total;
}

// a = divisor * quotient + rest, where the rest has the parts whose coefficients the divisor does not divide.
std::pair<Linear, Linear> split(const Linear& a, int64_t divisor) {
  Linear quotient, rest;
  for (const auto& [key, part] : a.parts) {
    const int64_t whole = floor_divide(part.coefficient, divisor);
    if (whole != 0) add_part(quotient, part.atom, whole);
    if (part.coefficient != whole * divisor) add_part(rest, part.atom, part.coefficient - whole * divisor);
  }
  quotient.constant = floor_divide(a.constant, divisor);
  rest.constant = a.constant - quotient.constant * divisor;
  return {quotient, rest};
}

// The largest g > 1 dividing `divisor` with rest = g * high + low, 0 <= low < g; then the division concerns `high` alone. 1 if
// none.
int64_t separable(const Linear& rest, int64_t divisor, const Ranges& ranges, Linear& high, Linear& low) {
  std::set<int64_t, std::greater<>> candidates;
  for (const auto& [key, part] : rest.parts) candidates.insert(std::gcd(part.coefficient, divisor));
  for (int64_t g : candidates) {
    if (g <= 1) break;
    std::tie(high, low) = split(rest, g);
    const Range range = range_of_linear(low, ranges);
    if (!high.parts.empty() && range.least && range.most && *range.least >= 0 && *range.most < g) return g;
  }
  return 1;
}

// Floor division or remainder by a positive constant: multiples leave, and the rest vanishes where its range allows.
Linear divide(Kind kind, const Linear& a, int64_t divisor, const Ranges& ranges) {
  auto [quotient, rest] = split(a, divisor);
  const Range range = range_of_linear(rest, ranges);
  const bool one_quotient =
      range.least && range.most && floor_divide(*range.least, divisor) == floor_divide(*range.most, divisor);
  if (Linear high, low; !one_quotient) {
    if (const int64_t g = separable(rest, divisor, ranges, high, low); g > 1) {
      const Linear part = divide(kind, high, divisor / g, ranges);
      add_scaled(kind == Kind::floor_div ? quotient : low, part, kind == Kind::floor_div ? 1 : g);
      return kind == Kind::floor_div ? quotient : low;
    }
  }
  if (kind == Kind::floor_div) {
    if (one_quotient) {
      quotient.constant = plus(quotient.constant, floor_divide(*range.least, divisor));
    } else {
      IndexExpr dividend = to_index(rest);
      // x // n // d is x // (n * d).
      const auto inner = dividend->kind == Kind::floor_div ? ir::constant_value(dividend->b) : std::nullopt;
      const auto both = inner && *inner > 0 ? checked_mul(*inner, divisor) : std::nullopt;
      if (both) dividend = dividend->a;
      add_part(quotient, ir::floor_div(dividend, ir::constant(both.value_or(divisor))), 1);
    }
    return quotient;
  }
  if (one_quotient) {
    rest.constant = plus(rest.constant, -times(divisor, floor_divide(*range.least, divisor)));
    return rest;
  }
  Linear remainder;
  add_part(remainder, ir::mod(to_index(rest), ir::constant(divisor)), 1);
  return remainder;
}

// The factors of a product of names; of anything else itself.
void collect_factors(const IndexExpr& e, std::vector<IndexExpr>& factors) {
  if (e->kind != Kind::mul) {
    factors.push_back(e);
    return;
  }
  collect_factors(e->a, factors);
  collect_factors(e->b, factors);
}

// product / divisor where all factors of the divisor are among those of the product.
std::optional<IndexExpr> without_factors(const IndexExpr& product, const IndexExpr& divisor) {
  std::vector<IndexExpr> left, leave;
  collect_factors(product, left);
  collect_factors(divisor, leave);
  for (const IndexExpr& factor : leave) {
    const std::string text = ir::to_text(factor);
    const auto found = std::find_if(left.begin(), left.end(), [&](const IndexExpr& e) { return ir::to_text(e) == text; });
    if (found == left.end()) return std::nullopt;
    left.erase(found);
  }
  IndexExpr rest = ir::constant(1);
  for (const IndexExpr& factor : left) rest = ir::mul(rest, factor);
  return rest;
}

// Whether `sum` < 0, where names are replaced by what they are below, those that are known last first: a coordinate of a tile,
// the size of a span, where the span begins, a loop.
bool is_negative(Linear sum, const Ranges& ranges) {
  const auto rank = [](const Index& leaf) {
    return leaf.name.starts_with(".")      ? 0
           : leaf.kind == Kind::span_size  ? 1
           : leaf.kind == Kind::span_begin ? 2
           : leaf.kind == Kind::span_index ? 3
                                           : 4;
  };
  constexpr int kMostSteps = 8;
  for (int step = 0; step < kMostSteps; ++step) {
    sum = recombined(std::move(sum), ranges);
    const Range known = range_of_linear(sum, ranges);
    if (known.most && *known.most < 0) return true;
    const Linear::Part* last = nullptr;
    for (const auto& [key, part] : sum.parts) {
      const auto range = part.coefficient > 0 ? ranges.find(key) : ranges.end();
      if (range == ranges.end() || !range->second.below) continue;
      if (!last || rank(*part.atom) < rank(*last->atom)) last = &part;
    }
    if (!last) return false;
    const int64_t coefficient = last->coefficient;
    const IndexExpr below = ranges.at(ir::to_text(last->atom)).below;
    sum.parts.erase(ir::to_text(last->atom));
    add_scaled(sum, linear(below, ranges), coefficient);
    sum.constant = plus(sum.constant, -coefficient);
  }
  return false;
}

// Floor division or remainder by a product of names: multiples leave, and the rest vanishes where it is known to be less.
std::optional<Linear> divide_by_names(Kind kind, const Linear& a, const Linear& divisor, const Ranges& ranges) {
  if (divisor.parts.size() != 1 || divisor.constant != 0) return std::nullopt;
  const Linear::Part& by = divisor.parts.begin()->second;
  if (by.coefficient <= 0) return std::nullopt;
  Linear quotient, rest;
  rest.constant = a.constant;
  for (const auto& [key, part] : a.parts) {
    const auto cofactor = part.coefficient % by.coefficient == 0 ? without_factors(part.atom, by.atom) : std::nullopt;
    if (cofactor)
      add_scaled(quotient, linear(*cofactor, ranges), part.coefficient / by.coefficient);
    else
      add_part(rest, part.atom, part.coefficient);
  }
  const Range range = range_of_linear(rest, ranges), divisor_range = range_of_linear(divisor, ranges);
  Linear over = rest;
  add_scaled(over, divisor, -1);
  if (range.least && *range.least >= 0 && is_negative(over, ranges)) return kind == Kind::floor_div ? quotient : rest;
  if (!divisor_range.least || *divisor_range.least < 1) return std::nullopt;
  if (rest.parts.empty() && rest.constant == 0) return kind == Kind::floor_div ? quotient : rest;
  if (quotient.parts.empty() && quotient.constant == 0) return std::nullopt;
  const IndexExpr left = to_index(rest), whole = to_index(divisor);
  Linear result = kind == Kind::floor_div ? quotient : Linear{};
  add_part(result, kind == Kind::floor_div ? ir::floor_div(left, whole) : ir::mod(left, whole), 1);
  return result;
}

// Quotient and remainder make the whole again: c * n * (x // n) + c * (x % n) is c * x.
Linear recombined(Linear sum, const Ranges& ranges) {
  for (const auto& [key, part] : sum.parts) {
    const IndexExpr atom = part.atom;
    const int64_t c = part.coefficient;
    const auto n = atom->kind == Kind::mod ? ir::constant_value(atom->b) : std::nullopt;
    if (!n) continue;
    const auto quotient = sum.parts.find(ir::to_text(ir::floor_div(atom->a, atom->b)));
    if (quotient == sum.parts.end() || checked_mul(c, *n) != quotient->second.coefficient) continue;
    sum.parts.erase(quotient);
    sum.parts.erase(sum.parts.find(ir::to_text(atom)));
    add_scaled(sum, linear(atom->a, ranges), c);
    return recombined(std::move(sum), ranges);
  }
  // A quotient by n and one of its remainder: c * (n / d) * (x // n) + c * (x % n // d) is c * (x // d).
  for (const auto& [key, part] : sum.parts) {
    const IndexExpr atom = part.atom;
    const auto d = atom->kind == Kind::floor_div ? ir::constant_value(atom->b) : std::nullopt;
    const auto n = d && atom->a->kind == Kind::mod ? ir::constant_value(atom->a->b) : std::nullopt;
    if (!n || *d < 1 || *n % *d != 0) continue;
    const int64_t c = part.coefficient;
    const auto quotient = sum.parts.find(ir::to_text(ir::floor_div(atom->a->a, atom->a->b)));
    if (quotient == sum.parts.end() || checked_mul(c, *n / *d) != quotient->second.coefficient) continue;
    sum.parts.erase(quotient);
    sum.parts.erase(sum.parts.find(ir::to_text(atom)));
    add_scaled(sum, linear(ir::floor_div(atom->a->a, atom->b), ranges), c);
    return recombined(std::move(sum), ranges);
  }
  // The whole without its quotients is the remainder: c * x - c * n * (x // n) is c * (x % n).
  for (const auto& [key, part] : sum.parts) {
    const IndexExpr atom = part.atom;
    const auto n = atom->kind == Kind::floor_div ? ir::constant_value(atom->b) : std::nullopt;
    if (!n || *n <= 1 || part.coefficient % *n != 0) continue;
    const int64_t c = times(-1, part.coefficient / *n);
    const Linear whole = linear(atom->a, ranges);
    const bool all_there = !whole.parts.empty() && std::all_of(whole.parts.begin(), whole.parts.end(), [&](const auto& w) {
      const auto found = sum.parts.find(w.first);
      return found != sum.parts.end() && checked_mul(c, w.second.coefficient) == found->second.coefficient;
    });
    if (!all_there) continue;
    add_scaled(sum, whole, times(-1, c));
    sum.parts.erase(ir::to_text(atom));
    add_part(sum, ir::mod(atom->a, atom->b), c);
    return recombined(std::move(sum), ranges);
  }
  return sum;
}

Linear extremum(Kind kind, const IndexExpr& a, const IndexExpr& b, const Ranges& ranges) {
  const bool smaller = kind == Kind::min;
  const Linear first = linear(a, ranges), second = linear(b, ranges);
  Linear apart = first;
  add_scaled(apart, second, -1);
  const Range difference = range_of_linear(recombined(std::move(apart), ranges), ranges);
  if (difference.most && *difference.most <= 0) return smaller ? first : second;
  if (difference.least && *difference.least >= 0) return smaller ? second : first;
  IndexExpr x = to_index(first), y = to_index(second);
  if (ir::to_text(y) < ir::to_text(x)) std::swap(x, y);
  Linear result;
  add_part(result, smaller ? ir::min(x, y) : ir::max(x, y), 1);
  return result;
}

}  // namespace

Linear linear(const IndexExpr& e, const Ranges& ranges) {
  Linear result;
  switch (e->kind) {
    case Kind::constant: result.constant = e->value; return result;
    case Kind::name:
    case Kind::span_begin:
    case Kind::span_size:
    case Kind::span_index: {
      const auto known = ranges.find(ir::to_text(e));
      if (known != ranges.end() && known->second.least && known->second.least == known->second.most)
        result.constant = *known->second.least;
      else
        add_part(result, e, 1);
      return result;
    }
    case Kind::add:
    case Kind::sub:
      add_scaled(result, linear(e->a, ranges), 1);
      add_scaled(result, linear(e->b, ranges), e->kind == Kind::add ? 1 : -1);
      return recombined(std::move(result), ranges);
    case Kind::mul: {
      const Linear a = linear(e->a, ranges), b = linear(e->b, ranges);
      if (a.parts.empty() || b.parts.empty()) {
        add_scaled(result, a.parts.empty() ? b : a, a.parts.empty() ? a.constant : b.constant);
      } else {
        IndexExpr x = to_index(a), y = to_index(b);
        if (ir::to_text(y) < ir::to_text(x)) std::swap(x, y);
        add_part(result, ir::mul(x, y), 1);
      }
      return result;
    }
    case Kind::floor_div:
    case Kind::mod: {
      const Linear divisor = linear(e->b, ranges);
      if (divisor.parts.empty() && divisor.constant > 0) return divide(e->kind, linear(e->a, ranges), divisor.constant, ranges);
      const Linear dividend = linear(e->a, ranges);
      if (const auto divided = divide_by_names(e->kind, dividend, divisor, ranges)) return *divided;
      const IndexExpr a = to_index(dividend), b = to_index(divisor);
      add_part(result, ir::with_operands(e, a, b), 1);
      return result;
    }
    default: return extremum(e->kind, e->a, e->b, ranges);
  }
}

IndexExpr to_index(const Linear& sum) {
  IndexExpr e = ir::constant(0);
  for (const auto& [key, part] : sum.parts)
    e = part.coefficient < 0 ? ir::sub(e, ir::mul(ir::constant(times(-1, part.coefficient)), part.atom))
                             : ir::add(e, ir::mul(ir::constant(part.coefficient), part.atom));
  return sum.constant < 0 ? ir::sub(e, ir::constant(times(-1, sum.constant))) : ir::add(e, ir::constant(sum.constant));
}

IndexExpr simplify(const IndexExpr& e, const Ranges& ranges) { return to_index(linear(e, ranges)); }

Range range_of(const IndexExpr& e, const Ranges& ranges) { return range_of_linear(linear(e, ranges), ranges); }

bool is_at_least_zero(const IndexExpr& e, const Ranges& ranges) {
  return is_negative(linear(ir::sub(ir::constant(-1), e), ranges), ranges);
}

namespace {

// From the operands' ranges alone: what is inside an atom is in the canonical form already, and to bring it there again at every
// level would double the work with each.
Range range_of_atom(const IndexExpr& e, const Ranges& ranges) {
  Budget::spend();
  switch (e->kind) {
    case Kind::constant: return {e->value, e->value};
    case Kind::name:
    case Kind::span_begin:
    case Kind::span_size:
    case Kind::span_index: {
      const auto known = ranges.find(ir::to_text(e));
      return known == ranges.end() ? Range{} : known->second;
    }
    default: break;
  }
  const Range a = range_of_atom(e->a, ranges), b = range_of_atom(e->b, ranges);
  switch (e->kind) {
    case Kind::add: return {both(a.least, b.least, checked_add), both(a.most, b.most, checked_add)};
    case Kind::sub: return {both(a.least, b.most, checked_sub), both(a.most, b.least, checked_sub)};
    case Kind::mul: return product_of(a, b);
    case Kind::mod: return b.least && *b.least > 0 ? Range{0, b.most ? std::optional(*b.most - 1) : std::nullopt} : Range{};
    case Kind::floor_div: {
      if (b.least && *b.least > 0 && b.least != b.most && a.least && *a.least >= 0) return {0, a.most};
      if (!b.least || b.least != b.most || *b.least <= 0) return {};
      return {a.least ? std::optional(floor_divide(*a.least, *b.least)) : std::nullopt,
              a.most ? std::optional(floor_divide(*a.most, *b.least)) : std::nullopt};
    }
    case Kind::min: return {both(a.least, b.least, least_of), either(a.most, b.most, least_of)};
    default: return {either(a.least, b.least, most_of), both(a.most, b.most, most_of)};
  }
}

}  // namespace

}  // namespace imbrex::optimize
