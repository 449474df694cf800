#include "imbrex/ir/index.h"

#include <algorithm>
#include <map>
#include <utility>

#include "imbrex/base/checked.h"
#include "imbrex/base/error.h"

namespace imbrex::ir {
namespace {

using Kind = Index::Kind;

// None where the result leaves 64 bits, or the divisor is 0.
std::optional<int64_t> apply(Kind kind, int64_t a, int64_t b) {
  switch (kind) {
    case Kind::add: return checked_add(a, b);
    case Kind::sub: return checked_sub(a, b);
    case Kind::mul: return checked_mul(a, b);
    case Kind::floor_div: return checked_floor_div(a, b);
    case Kind::mod: return checked_mod(a, b);
    case Kind::min: return std::min(a, b);
    case Kind::max: return std::max(a, b);
    default: throw InternalError("not an index operator");
  }
}

IndexExpr leaf(Kind kind, std::string name) { return std::make_shared<Index>(Index{kind, 0, std::move(name), nullptr, nullptr}); }

IndexExpr binary(Kind kind, IndexExpr a, IndexExpr b) {
  const auto x = constant_value(a), y = constant_value(b);
  // What leaves 64 bits stays as written, for whoever refuses it.
  if (const auto value = x && y ? apply(kind, *x, *y) : std::nullopt) return constant(*value);
  return std::make_shared<Index>(Index{kind, 0, {}, std::move(a), std::move(b)});
}

// A linear combination: coefficient per atom (keyed by its text), and a constant under the empty key. What would have a
// coefficient beyond 64 bits is an atom.
using Linear = std::map<std::string, int64_t>;

Linear linear(const IndexExpr& e);

std::string canonical_text(const IndexExpr& e) {
  std::string text;
  for (const auto& [atom, coefficient] : linear(e)) text += std::to_string(coefficient) + "*[" + atom + "]";
  return text;
}

std::optional<Linear> combine(Linear a, const Linear& b, int64_t factor) {
  for (const auto& [atom, coefficient] : b) {
    const auto scaled = apply(Kind::mul, factor, coefficient);
    const auto sum = scaled ? apply(Kind::add, a[atom], *scaled) : std::nullopt;
    if (!sum) return std::nullopt;
    if ((a[atom] = *sum) == 0) a.erase(atom);
  }
  return a;
}

Linear atom_of(const IndexExpr& e) {
  std::string a = canonical_text(e->a), b = canonical_text(e->b);
  const bool commutes = e->kind == Kind::mul || e->kind == Kind::min || e->kind == Kind::max || e->kind == Kind::add;
  if (commutes && b < a) std::swap(a, b);
  return {{std::to_string(static_cast<int>(e->kind)) + "(" + a + "," + b + ")", 1}};
}

Linear linear(const IndexExpr& e) {
  // Made only where it is wanted: it goes through the operands again, which would double the work at each level.
  const auto or_atom = [&](std::optional<Linear> sum) { return sum ? *std::move(sum) : atom_of(e); };
  switch (e->kind) {
    case Kind::constant: return e->value == 0 ? Linear{} : Linear{{"", e->value}};
    case Kind::name:
    case Kind::span_begin:
    case Kind::span_size:
    case Kind::span_index: return {{to_text(e), 1}};
    case Kind::add: return or_atom(combine(linear(e->a), linear(e->b), 1));
    case Kind::sub: return or_atom(combine(linear(e->a), linear(e->b), -1));
    case Kind::mul: {
      const auto x = constant_value(e->a), y = constant_value(e->b);
      if (x && *x == 0) return {};
      if (y && *y == 0) return {};
      if (x) return or_atom(combine({}, linear(e->b), *x));
      if (y) return or_atom(combine({}, linear(e->a), *y));
      return atom_of(e);
    }
    default: return atom_of(e);
  }
}

int precedence(Kind kind) {
  switch (kind) {
    case Kind::add:
    case Kind::sub: return 1;
    case Kind::mul:
    case Kind::floor_div:
    case Kind::mod: return 2;
    default: return 3;
  }
}

std::string text_in(const IndexExpr& e, int least, const IndexWords& words) {
  const std::string text = to_text(e, words);
  const bool negative = e->kind == Kind::constant && e->value < 0;
  return precedence(e->kind) < least || (negative && least > 1) ? "(" + text + ")" : text;
}

}  // namespace

IndexExpr constant(int64_t value) { return std::make_shared<Index>(Index{Kind::constant, value, {}, nullptr, nullptr}); }
IndexExpr named(std::string name) { return leaf(Kind::name, std::move(name)); }
IndexExpr span_begin(std::string span) { return leaf(Kind::span_begin, std::move(span)); }
IndexExpr span_size(std::string span) { return leaf(Kind::span_size, std::move(span)); }
IndexExpr span_index(std::string span) { return leaf(Kind::span_index, std::move(span)); }

IndexExpr add(IndexExpr a, IndexExpr b) {
  if (constant_value(a) == 0) return b;
  if (constant_value(b) == 0) return a;
  return binary(Kind::add, std::move(a), std::move(b));
}
IndexExpr sub(IndexExpr a, IndexExpr b) {
  if (constant_value(b) == 0) return a;
  return binary(Kind::sub, std::move(a), std::move(b));
}
IndexExpr mul(IndexExpr a, IndexExpr b) {
  if (constant_value(a) == 1) return b;
  if (constant_value(b) == 1) return a;
  if (constant_value(a) == 0 || constant_value(b) == 0) return constant(0);
  return binary(Kind::mul, std::move(a), std::move(b));
}
IndexExpr floor_div(IndexExpr a, IndexExpr b) {
  if (constant_value(b) == 1) return a;
  return binary(Kind::floor_div, std::move(a), std::move(b));
}
IndexExpr ceil_div(IndexExpr a, IndexExpr b) { return floor_div(add(std::move(a), sub(b, constant(1))), b); }
IndexExpr mod(IndexExpr a, IndexExpr b) {
  if (constant_value(b) == 1) return constant(0);
  return binary(Kind::mod, std::move(a), std::move(b));
}
IndexExpr min(IndexExpr a, IndexExpr b) { return same(a, b) ? a : binary(Kind::min, std::move(a), std::move(b)); }
IndexExpr max(IndexExpr a, IndexExpr b) { return same(a, b) ? a : binary(Kind::max, std::move(a), std::move(b)); }

std::optional<int64_t> constant_value(const IndexExpr& e) {
  return e->kind == Kind::constant ? std::optional<int64_t>(e->value) : std::nullopt;
}

bool same(const IndexExpr& a, const IndexExpr& b) { return a == b || linear(a) == linear(b); }

std::optional<int64_t> checked_evaluate(const IndexExpr& e, const std::function<int64_t(const Index&)>& leaf_value) {
  switch (e->kind) {
    case Kind::constant: return e->value;
    case Kind::name:
    case Kind::span_begin:
    case Kind::span_size:
    case Kind::span_index: return leaf_value(*e);
    default: break;
  }
  const auto a = checked_evaluate(e->a, leaf_value), b = checked_evaluate(e->b, leaf_value);
  return a && b ? apply(e->kind, *a, *b) : std::nullopt;
}

int64_t evaluate(const IndexExpr& e, const std::function<int64_t(const Index&)>& leaf_value) {
  const auto value = checked_evaluate(e, leaf_value);
  require(value.has_value(), "an index expression of a proven program stays within 64 bits");
  return *value;
}

IndexExpr substitute(const IndexExpr& e, const std::function<std::optional<IndexExpr>(const Index&)>& leaf) {
  switch (e->kind) {
    case Kind::constant: return e;
    case Kind::name:
    case Kind::span_begin:
    case Kind::span_size:
    case Kind::span_index: return leaf(*e).value_or(e);
    default: break;
  }
  IndexExpr a = substitute(e->a, leaf), b = substitute(e->b, leaf);  // in the order in which they stand
  return with_operands(e, std::move(a), std::move(b));
}

IndexExpr renamed(const Index& old, std::string name) { return leaf(old.kind, std::move(name)); }

IndexExpr with_operands(const IndexExpr& e, IndexExpr a, IndexExpr b) {
  if (a == e->a && b == e->b) return e;
  switch (e->kind) {
    case Kind::add: return add(std::move(a), std::move(b));
    case Kind::sub: return sub(std::move(a), std::move(b));
    case Kind::mul: return mul(std::move(a), std::move(b));
    case Kind::floor_div: return floor_div(std::move(a), std::move(b));
    case Kind::mod: return mod(std::move(a), std::move(b));
    case Kind::min: return min(std::move(a), std::move(b));
    case Kind::max: return max(std::move(a), std::move(b));
    default: throw InternalError("only operators have operands");
  }
}

std::set<std::string> names_in(const IndexExpr& e) {
  std::set<std::string> names;
  substitute(e, [&](const Index& leaf) {
    names.insert(leaf.name);
    return std::optional<IndexExpr>();
  });
  return names;
}

std::string to_text(const IndexExpr& e, const IndexWords& words) {
  switch (e->kind) {
    case Kind::constant: return std::to_string(e->value);
    case Kind::name: return e->name;
    case Kind::span_begin: return e->name + ".begin";
    case Kind::span_size: return e->name + ".size";
    case Kind::span_index: return e->name + ".index";
    case Kind::add: return text_in(e->a, 1, words) + " + " + text_in(e->b, 2, words);
    case Kind::sub: return text_in(e->a, 1, words) + " - " + text_in(e->b, 2, words);
    case Kind::mul: return text_in(e->a, 2, words) + " * " + text_in(e->b, 3, words);
    case Kind::floor_div: return text_in(e->a, 2, words) + " " + words.floor_div + " " + text_in(e->b, 3, words);
    case Kind::mod: return text_in(e->a, 2, words) + " % " + text_in(e->b, 3, words);
    case Kind::min: return words.min + "(" + to_text(e->a, words) + ", " + to_text(e->b, words) + ")";
    case Kind::max: return words.max + "(" + to_text(e->a, words) + ", " + to_text(e->b, words) + ")";
  }
  throw InternalError("unknown index kind");
}

}  // namespace imbrex::ir
