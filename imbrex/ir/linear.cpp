#include "imbrex/ir/linear.h"

#include "imbrex/base/checked.h"

namespace imbrex::ir {
namespace {

using Kind = Index::Kind;

// Multiplies the factors of a product into `constant` and `others`, each of these combined; false where the constant leaves 64
// bits.
bool collect_factors(const IndexExpr& e, int64_t& constant, std::vector<IndexExpr>& others) {
  if (e->kind == Kind::mul) return collect_factors(e->a, constant, others) && collect_factors(e->b, constant, others);
  if (const auto value = constant_value(e)) {
    const auto product = checked_mul(constant, *value);
    constant = product.value_or(0);
    return product.has_value();
  }
  // Of what has come to be another product.
  const IndexExpr simple = combined(e);
  if (simple != e && simple->kind == Kind::mul) return collect_factors(simple, constant, others);
  others.push_back(simple);
  return true;
}

}  // namespace

bool add_to(Linear& sum, const IndexExpr& e, int64_t factor) {
  const auto scaled = [&](const IndexExpr& x, int64_t by) {
    const auto product = checked_mul(factor, by);
    return product && add_to(sum, x, *product);
  };
  const auto accumulate = [&](int64_t& into, int64_t number) {
    const auto product = checked_mul(factor, number), result = product ? checked_add(into, *product) : std::nullopt;
    into = result.value_or(0);
    return result.has_value();
  };
  switch (e->kind) {
    case Kind::constant: return accumulate(sum.constant, e->value);
    case Kind::add: return add_to(sum, e->a, factor) && add_to(sum, e->b, factor);
    case Kind::sub: return add_to(sum, e->a, factor) && scaled(e->b, -1);
    case Kind::mul:
      if (const auto c = constant_value(e->a)) return scaled(e->b, *c);
      if (const auto c = constant_value(e->b)) return scaled(e->a, *c);
      break;
    default: break;
  }
  for (Linear::Term& term : sum.terms)
    if (same(term.atom, e)) return accumulate(term.coefficient, 1);
  sum.terms.push_back({factor, e});
  return true;
}

IndexExpr combined(const IndexExpr& e) {
  Linear sum, simple;
  if (!add_to(sum, e, 1)) return e;
  simple.constant = sum.constant;
  for (const auto& [coefficient, atom] : sum.terms) {
    int64_t factor = coefficient;
    std::vector<IndexExpr> factors;
    if (atom->kind == Kind::mul) {
      if (!collect_factors(atom, factor, factors)) return e;
    } else {
      factors = {atom->a ? with_operands(atom, combined(atom->a), combined(atom->b)) : atom};
    }
    IndexExpr product = constant(1);
    for (const IndexExpr& each : factors) product = mul(product, each);
    if (!add_to(simple, product, factor)) return e;
  }
  IndexExpr result = constant(0);
  for (const auto& [coefficient, atom] : simple.terms)
    result = coefficient < 0 ? sub(result, mul(atom, constant(-coefficient))) : add(result, mul(atom, constant(coefficient)));
  return simple.constant < 0 ? sub(result, constant(-simple.constant)) : add(result, constant(simple.constant));
}

}  // namespace imbrex::ir
