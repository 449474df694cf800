#include "imbrex/optimize/affine.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

namespace imbrex::optimize {
namespace {

using ir::Index;
using ir::IndexExpr;
using Kind = Index::Kind;

int64_t floor_divide(int64_t a, int64_t b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }

void add_part(Linear& sum, const IndexExpr& atom, int64_t coefficient) {
  const std::string key = ir::to_text(atom);
  Linear::Part& part = sum.parts[key];
  part.atom = atom;
  if ((part.coefficient += coefficient) == 0) sum.parts.erase(key);
}

void add_scaled(Linear& sum, const Linear& other, int64_t factor) {
  for (const auto& [key, part] : other.parts) add_part(sum, part.atom, factor * part.coefficient);
  sum.constant += factor * other.constant;
}

Range range_of_linear(const Linear& sum, const Ranges& ranges) {
  Range total{sum.constant, sum.constant};
  for (const auto& [key, part] : sum.parts) {
    const Range range = range_of(part.atom, ranges);
    const auto& low = part.coefficient > 0 ? range.least : range.most;
    const auto& high = part.coefficient > 0 ? range.most : range.least;
    total.least = total.least && low ? std::optional(*total.least + part.coefficient * *low) : std::nullopt;
    total.most = total.most && high ? std::optional(*total.most + part.coefficient * *high) : std::nullopt;
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
      quotient.constant += floor_divide(*range.least, divisor);
    } else {
      add_part(quotient, ir::floor_div(to_index(rest), ir::constant(divisor)), 1);
    }
    return quotient;
  }
  if (one_quotient) {
    rest.constant -= divisor * floor_divide(*range.least, divisor);
    return rest;
  }
  Linear remainder;
  add_part(remainder, ir::mod(to_index(rest), ir::constant(divisor)), 1);
  return remainder;
}

// Quotient and remainder make the whole again: c * n * (x // n) + c * (x % n) is c * x.
Linear recombined(Linear sum, const Ranges& ranges) {
  for (const auto& [key, part] : sum.parts) {
    const IndexExpr atom = part.atom;
    const int64_t c = part.coefficient;
    const auto n = atom->kind == Kind::mod ? ir::constant_value(atom->b) : std::nullopt;
    if (!n) continue;
    const auto quotient = sum.parts.find(ir::to_text(ir::floor_div(atom->a, atom->b)));
    if (quotient == sum.parts.end() || quotient->second.coefficient != c * *n) continue;
    sum.parts.erase(quotient);
    sum.parts.erase(sum.parts.find(ir::to_text(atom)));
    add_scaled(sum, linear(atom->a, ranges), c);
    return recombined(std::move(sum), ranges);
  }
  return sum;
}

Linear extremum(Kind kind, const IndexExpr& a, const IndexExpr& b, const Ranges& ranges) {
  const bool smaller = kind == Kind::min;
  IndexExpr x = simplify(a, ranges), y = simplify(b, ranges);
  const Range difference = range_of(ir::sub(x, y), ranges);
  if (difference.most && *difference.most <= 0) return linear(smaller ? x : y, ranges);
  if (difference.least && *difference.least >= 0) return linear(smaller ? y : x, ranges);
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
      const IndexExpr a = simplify(e->a, ranges), b = to_index(divisor);
      add_part(result, e->kind == Kind::mod ? ir::mod(a, b) : ir::floor_div(a, b), 1);
      return result;
    }
    default: return extremum(e->kind, e->a, e->b, ranges);
  }
}

IndexExpr to_index(const Linear& sum) {
  IndexExpr e = ir::constant(0);
  for (const auto& [key, part] : sum.parts)
    e = part.coefficient < 0 ? ir::sub(e, ir::mul(ir::constant(-part.coefficient), part.atom))
                             : ir::add(e, ir::mul(ir::constant(part.coefficient), part.atom));
  return sum.constant < 0 ? ir::sub(e, ir::constant(-sum.constant)) : ir::add(e, ir::constant(sum.constant));
}

IndexExpr simplify(const IndexExpr& e, const Ranges& ranges) { return to_index(linear(e, ranges)); }

Range range_of(const IndexExpr& e, const Ranges& ranges) {
  switch (e->kind) {
    case Kind::constant: return {e->value, e->value};
    case Kind::name:
    case Kind::span_begin:
    case Kind::span_size:
    case Kind::span_index: {
      const auto known = ranges.find(ir::to_text(e));
      return known == ranges.end() ? Range{} : known->second;
    }
    case Kind::add:
    case Kind::sub:
    case Kind::mul: {
      const auto x = ir::constant_value(e->a);
      if (e->kind == Kind::mul && !x && !ir::constant_value(e->b)) {
        const Range a = range_of(e->a, ranges), b = range_of(e->b, ranges);
        const bool nonnegative = a.least && b.least && *a.least >= 0 && *b.least >= 0;
        return nonnegative ? Range{*a.least * *b.least, a.most && b.most ? std::optional(*a.most * *b.most) : std::nullopt}
                           : Range{};
      }
      return range_of_linear(linear(e, ranges), ranges);
    }
    case Kind::mod: {
      const auto divisor = ir::constant_value(e->b);
      return divisor && *divisor > 0 ? Range{0, *divisor - 1} : Range{};
    }
    case Kind::floor_div: {
      const auto divisor = ir::constant_value(e->b);
      if (!divisor || *divisor <= 0) return {};
      const Range a = range_of(e->a, ranges);
      return {a.least ? std::optional(floor_divide(*a.least, *divisor)) : std::nullopt,
              a.most ? std::optional(floor_divide(*a.most, *divisor)) : std::nullopt};
    }
    case Kind::min:
    case Kind::max: {
      const Range a = range_of(e->a, ranges), b = range_of(e->b, ranges);
      Range result;
      if (e->kind == Kind::min) {
        if (a.least && b.least) result.least = std::min(*a.least, *b.least);
        if (a.most || b.most) result.most = std::min(a.most.value_or(INT64_MAX), b.most.value_or(INT64_MAX));
      } else {
        if (a.most && b.most) result.most = std::max(*a.most, *b.most);
        if (a.least || b.least) result.least = std::max(a.least.value_or(INT64_MIN), b.least.value_or(INT64_MIN));
      }
      return result;
    }
  }
  return {};
}

}  // namespace imbrex::optimize
