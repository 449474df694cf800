#include "imbrex/optimize/rewrites.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "imbrex/optimize/continued.h"

namespace imbrex::optimize {
namespace {

using ir::Op;
using Kind = Term::Kind;

constexpr size_t kMostLeaves = 16;

bool is(const Terms& terms, TermId id, Op op) { return terms.at(id).kind == Kind::operation && terms.at(id).op == op; }
bool is_constant(const Terms& terms, TermId id) { return terms.at(id).kind == Kind::constant; }
bool is_constant(const Terms& terms, TermId id, double value) {
  return is_constant(terms, id) && terms.at(id).value == value && std::signbit(terms.at(id).value) == std::signbit(value);
}

bool collect(const Terms& terms, Op op, TermId id, std::vector<TermId>& leaves) {
  if (!is(terms, id, op)) {
    leaves.push_back(id);
    return leaves.size() <= kMostLeaves;
  }
  for (TermId arg : terms.at(id).args)
    if (!collect(terms, op, arg, leaves)) return false;
  return true;
}

// Of f32: NaN, or +0 and above.
bool is_never_below_zero(const Terms& terms, TermId id) {
  const Term& term = terms.at(id);
  if (term.dtype != DType::f32) return false;
  switch (term.kind) {
    case Kind::constant: return !std::signbit(term.value);
    case Kind::reference: {
      const Definition& definition = terms.definition(term.definition);
      return definition.reduction == Reduction::max && range_of(definition.extent, terms.ranges).least.value_or(0) >= 1 &&
             is_never_below_zero(terms, definition.body[0]);
    }
    case Kind::operation:
      if (term.op == Op::abs) return true;
      if (term.op == Op::mul) return term.args[0] == term.args[1];
      return term.op == Op::max &&
             std::any_of(term.args.begin(), term.args.end(), [&](TermId arg) { return is_never_below_zero(terms, arg); });
    default: return false;
  }
}

// What leaves every other value as it is.
double identity_of(Op op, DType dtype) {
  if (dtype == DType::int32) return op == Op::max ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int32_t>::max();
  return op == Op::max ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

bool is_reduction(const Terms& terms, TermId id, Reduction reduction) {
  return terms.at(id).kind == Kind::reference && terms.definition(terms.at(id).definition).reduction == reduction;
}

// max(max_k x, -min_k x) is max_k abs(x), but for int32, whose least number is its own negative.
TermId greatest_magnitude(Terms& terms, TermId greatest, TermId negated) {
  if (!terms.may_join || terms.at(greatest).dtype != DType::f32 || !is(terms, negated, Op::neg) ||
      !is_reduction(terms, greatest, Reduction::max))
    return kNoTerm;
  const TermId least = terms.at(negated).args[0];
  if (!is_reduction(terms, least, Reduction::min)) return kNoTerm;
  const Definition definition = terms.definition(terms.at(greatest).definition);
  const Definition other = terms.definition(terms.at(least).definition);
  if (definition.body != other.body || !ir::same(definition.extent, other.extent)) return kNoTerm;
  const auto& places = terms.at(greatest).indices;
  const auto& others = terms.at(least).indices;
  if (!std::equal(places.begin(), places.end(), others.begin(), others.end(),
                  [](const auto& a, const auto& b) { return ir::to_text(a) == ir::to_text(b); }))
    return kNoTerm;
  return over_each(terms, greatest, Op::abs);
}

// One of two operands of a maximum or minimum that says what both do. kNoTerm where both are needed.
TermId of_both(Terms& terms, Op op, TermId a, TermId b) {
  if (a == b) return a;
  if (is_constant(terms, a, identity_of(op, terms.at(a).dtype))) return b;
  // x and -x.
  if (is(terms, a, Op::neg) && terms.at(a).args[0] == b) {
    const TermId magnitude = terms.operation(Op::abs, terms.at(b).dtype, {b});
    return op == Op::max ? magnitude : terms.operation(Op::neg, terms.at(b).dtype, {magnitude});
  }
  if (is_reduction(terms, a, op == Op::max ? Reduction::max : Reduction::min)) {
    if (const TermId whole = joined(terms, a, b); whole != kNoTerm) return whole;
    if (op == Op::max) return greatest_magnitude(terms, a, b);
  }
  if (op == Op::max && is_constant(terms, a) && terms.at(a).value <= 0 && is_never_below_zero(terms, b)) return b;
  return kNoTerm;
}

TermId extremum(Terms& terms, Op op, DType dtype, const std::vector<TermId>& args) {
  std::vector<TermId> leaves = extremum_leaves(terms, op, args);
  const size_t before = leaves.size();
  for (size_t i = 0; i < leaves.size(); ++i)
    for (size_t j = 0; j < leaves.size(); ++j) {
      if (i == j) continue;
      const TermId one = of_both(terms, op, leaves[i], leaves[j]);
      if (one == kNoTerm) continue;
      leaves[std::min(i, j)] = one;
      leaves.erase(leaves.begin() + static_cast<std::ptrdiff_t>(std::max(i, j)));
      i = 0;
      j = static_cast<size_t>(-1);  // from the first pair again
    }
  if (leaves.size() == before) return kNoTerm;
  TermId result = leaves[0];
  for (size_t i = 1; i < leaves.size(); ++i) result = terms.ordered(op, dtype, {result, leaves[i]});
  return result;
}

// The constant without its sign, where it has one and can be without it.
TermId without_sign(Terms& terms, TermId id) {
  const Term& term = terms.at(id);
  if (term.kind != Kind::constant || !std::signbit(term.value) || std::isnan(term.value)) return kNoTerm;
  if (term.dtype == DType::int32 && term.value == identity_of(Op::max, DType::int32)) return kNoTerm;
  return terms.constant(term.dtype, -term.value);
}

TermId negated_operand(Terms& terms, TermId id) {
  return is(terms, id, Op::neg) ? terms.at(id).args[0] : without_sign(terms, id);
}

// a + -b is a - b, and a - -b is a + b. What adds nothing, of either sign, leaves a.
TermId sum(Terms& terms, Op op, DType dtype, const std::vector<TermId>& args) {
  const Op other = op == Op::add ? Op::sub : Op::add;
  const double nothing = dtype == DType::f32 && op == Op::add ? -0.0 : 0.0;
  if (is_constant(terms, args[1], nothing)) return args[0];
  if (op == Op::add && is_constant(terms, args[0], nothing)) return args[1];
  if (const TermId b = negated_operand(terms, args[1]); b != kNoTerm) return terms.operation(other, dtype, {args[0], b});
  if (op == Op::sub) return kNoTerm;
  if (const TermId a = negated_operand(terms, args[0]); a != kNoTerm) return terms.operation(other, dtype, {args[1], a});
  return kNoTerm;
}

// 1 / c where that is exact and normal; dividing by c is multiplying by it then, to the bit. Else 0.
double exact_inverse(const Terms& terms, TermId id) {
  if (!is_constant(terms, id)) return 0;
  int exponent = 0;
  const double c = terms.at(id).value;
  return std::fabs(std::frexp(c, &exponent)) == 0.5 && std::abs(exponent - 1) <= 126 ? 1 / c : 0;
}

// A factor of one, of either sign; the sign of a factor is the product's.
TermId product(Terms& terms, Op op, DType dtype, const std::vector<TermId>& args) {
  if (const double inverse = op == Op::div ? exact_inverse(terms, args[1]) : 0; inverse != 0)
    return terms.operation(Op::mul, dtype, {args[0], terms.constant(dtype, inverse)});
  for (size_t i : {size_t{0}, size_t{1}}) {
    if (op == Op::div && i == 0 && !is(terms, args[i], Op::neg)) continue;
    const TermId other = args[1 - i];
    if (is_constant(terms, args[i], 1.0)) return other;
    if (is_constant(terms, args[i], -1.0)) return terms.operation(Op::neg, dtype, {other});
    if (!is(terms, args[i], Op::neg)) continue;
    std::vector<TermId> positive = args;
    positive[i] = terms.at(args[i]).args[0];
    return terms.operation(Op::neg, dtype, {terms.operation(op, dtype, positive)});
  }
  return kNoTerm;
}

// The comparison that holds where `op` does not, if there is one; of floats, NaN is neither less nor not less.
std::optional<Op> opposite(Op op, DType compared) {
  if (op == Op::ne) return Op::eq;
  if (compared != DType::int32) return std::nullopt;
  if (op == Op::le) return Op::gt;
  if (op == Op::ge) return Op::lt;
  return std::nullopt;
}

// One of a comparison and its opposite, with what is selected exchanged.
TermId selection(Terms& terms, DType dtype, const std::vector<TermId>& args) {
  const Term asked = terms.at(args[0]);
  if (asked.kind != Kind::operation || asked.args.size() != 2) return kNoTerm;
  const auto other = opposite(asked.op, terms.at(asked.args[0]).dtype);
  if (!other) return kNoTerm;
  return terms.operation(Op::select, dtype, {terms.operation(*other, asked.dtype, asked.args), args[2], args[1]});
}

// A sum or product that goes on from zeros is itself, and from one that it continues it is the whole.
TermId continued(Terms& terms, Op op, DType dtype, TermId start, TermId more) {
  if (is_constant(terms, start, 0.0)) return more;
  if (is(terms, start, op)) {
    const std::vector<TermId> inner = terms.at(start).args;
    const TermId whole = joined(terms, inner[1], more);
    return whole == kNoTerm ? kNoTerm : terms.operation(op, dtype, {inner[0], whole});
  }
  return joined(terms, start, more);
}

}  // namespace

std::vector<TermId> extremum_leaves(const Terms& terms, Op op, const std::vector<TermId>& args) {
  std::vector<TermId> leaves;
  if (op != Op::max && op != Op::min) return leaves;
  for (TermId arg : args)
    if (!collect(terms, op, arg, leaves)) return {};
  return leaves;
}

TermId rewritten(Terms& terms, Op op, DType dtype, const std::vector<TermId>& args) {
  switch (op) {
    case Op::max:
    case Op::min: return extremum(terms, op, dtype, args);
    case Op::row_sum_acc:
    case Op::col_sum_acc:
    case Op::matmul_acc: return continued(terms, op, dtype, args[0], args[1]);
    case Op::neg:
      if (is(terms, args[0], Op::neg)) return terms.at(args[0]).args[0];
      return kNoTerm;
    case Op::abs:
      if (is(terms, args[0], Op::neg)) return terms.operation(op, dtype, {terms.at(args[0]).args[0]});
      return is_never_below_zero(terms, args[0]) ? args[0] : kNoTerm;
    case Op::add:
    case Op::sub: return sum(terms, op, dtype, args);
    case Op::mul:
    case Op::div: return product(terms, op, dtype, args);
    case Op::floor: return is(terms, args[0], op) ? args[0] : kNoTerm;
    case Op::select: return selection(terms, dtype, args);
    case Op::recip: return terms.operation(Op::div, dtype, {terms.constant(dtype, 1), args[0]});
    case Op::rsqrt:
      return terms.operation(Op::div, dtype, {terms.constant(dtype, 1), terms.operation(Op::sqrt, dtype, {args[0]})});
    default: return kNoTerm;  // holds of any
  }
}

}  // namespace imbrex::optimize
