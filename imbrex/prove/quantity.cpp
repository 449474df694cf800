#include "imbrex/prove/quantity.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/base/checked.h"
#include "imbrex/ir/loops.h"

namespace imbrex::prove {
namespace {

using Kind = ir::Index::Kind;

// Bytes and operations beyond any machine are as good as still larger ones, and so many of them can be added without overflow.
constexpr int64_t kMost = int64_t{1} << 56;
int64_t limited(__int128 value) { return static_cast<int64_t>(std::clamp<__int128>(value, -kMost, kMost)); }

// More are no text that anyone reads.
constexpr size_t kMostTerms = 200;

bool mentions(const ir::IndexExpr& e, const std::string& name) { return ir::names_in(e).count(name) > 0; }

// 0 + 1 + .. + (count - 1), `times` over.
Quantity sum_below(const ir::IndexExpr& count, int64_t times) {
  const Quantity n = Quantity::of(count);
  if (times % 2 == 0) return (n * n + n * Quantity(-1)) * Quantity(times / 2);
  const ir::IndexExpr pairs = ir::mul(count, ir::sub(count, ir::constant(1)));
  return Quantity::of(ir::floor_div(pairs, ir::constant(2))) * Quantity(times);
}

Quantity to_the(Quantity base, int power) {
  Quantity result(1);
  for (int i = 0; i < power; ++i) result = result * base;
  return result;
}

// The sum over the iterations of size^power, times the begin, the index or the variable where one stands beside it.
Quantity sum_of_spans(const ir::Loop& loop, int power, const std::optional<Kind>& beside) {
  if (loop.tile == 0) return Quantity::of(loop.begin) * Quantity::of(trips(loop)) + sum_below(trips(loop), 1);
  const ir::IndexExpr tile = ir::constant(loop.tile);
  const int64_t step = !beside ? 0 : *beside == Kind::span_begin ? loop.tile : 1;
  const Quantity first = !beside ? Quantity(1) : *beside == Kind::span_begin ? Quantity::of(loop.begin) : Quantity();
  if (power == 0) return first * Quantity::of(trips(loop)) + sum_below(trips(loop), step);
  // Full spans, and the last one apart.
  const ir::IndexExpr full = ir::floor_div(loop.extent, tile);
  const Quantity rows = to_the(Quantity(loop.tile), power), last = to_the(Quantity::of(ir::mod(loop.extent, tile)), power);
  return (first * Quantity::of(full) + sum_below(full, step)) * rows + (first + Quantity::of(full) * Quantity(step)) * last;
}

// Nothing less (`up`), or nothing more, than the expression in any iteration, without the variable; null where none is known.
// Parts of products are not negative.
ir::IndexExpr bound(const ir::IndexExpr& e, const ir::Loop& loop, bool up) {
  if (!mentions(e, loop.variable)) return e;
  const auto both = [&](bool up_of_b) -> ir::IndexExpr {
    const ir::IndexExpr a = bound(e->a, loop, up), b = bound(e->b, loop, up_of_b);
    return a && b ? ir::with_operands(e, a, b) : nullptr;
  };
  const ir::IndexExpr last = ir::sub(trips(loop), ir::constant(1));
  switch (e->kind) {
    case Kind::name: return up ? ir::add(loop.begin, last) : loop.begin;
    case Kind::span_index: return up ? last : ir::constant(0);
    case Kind::span_begin: return up ? ir::add(loop.begin, ir::mul(last, ir::constant(loop.tile))) : loop.begin;
    case Kind::span_size: return up ? ir::min(ir::constant(loop.tile), loop.extent) : ir::constant(0);
    case Kind::add: {
      const bool is_end = e->a->kind == Kind::span_begin && e->b->kind == Kind::span_size && e->a->name == e->b->name;
      if (up && is_end) return ir::add(loop.begin, loop.extent);
      return both(up);
    }
    case Kind::sub:
    case Kind::floor_div: return both(!up);
    case Kind::mul: {
      for (const auto& [factor, other] : {std::pair{e->a, e->b}, {e->b, e->a}})
        if (const auto value = ir::constant_value(factor); value && *value < 0) {
          const ir::IndexExpr bounded = bound(other, loop, !up);
          return bounded ? ir::mul(factor, bounded) : nullptr;
        }
      return both(up);
    }
    case Kind::mod: return up ? (mentions(e->b, loop.variable) ? nullptr : ir::sub(e->b, ir::constant(1))) : ir::constant(0);
    case Kind::min:
    case Kind::max: return both(up);
    case Kind::constant: return e;
  }
  return nullptr;
}

}  // namespace

ir::IndexExpr trips(const ir::Loop& loop) { return loop.tile > 0 ? ir::trips_of(loop) : ir::max(loop.extent, ir::constant(0)); }

std::optional<int64_t> value_of(const ir::IndexExpr& e, const DimValues& dims) {
  bool all_are_known = true;
  const auto value = ir::checked_evaluate(e, [&](const ir::Index& leaf) -> int64_t {
    const auto found = leaf.kind == Kind::name ? dims.find(leaf.name) : dims.end();
    if (found != dims.end()) return found->second;
    all_are_known = false;
    return 0;
  });
  return all_are_known ? value : std::nullopt;
}

void Quantity::add_term(const Factors& factors, int64_t coefficient) {
  if (unknown_ != Unknown::no) return;
  std::string key;
  for (const auto& [text, factor] : factors)
    for (int power = 0; power < factor.second; ++power) key += (key.empty() ? "" : "*") + text;
  Term& term = terms_.try_emplace(key, Term{factors, 0}).first->second;
  const auto sum = checked_add(term.coefficient, coefficient);
  if (!sum) {
    give_up(Unknown::too_large);
  } else if (*sum == 0) {
    terms_.erase(key);
  } else {
    term.coefficient = *sum;
    if (terms_.size() > kMostTerms) give_up(Unknown::too_long);
  }
}

void Quantity::give_up(Unknown why) {
  terms_.clear();
  unknown_ = why;
}

Quantity Quantity::of(const ir::IndexExpr& e) {
  if (const auto value = ir::constant_value(e)) return Quantity(*value);
  switch (e->kind) {
    case Kind::add: return of(e->a) + of(e->b);
    case Kind::sub: return of(e->a) + of(e->b) * Quantity(-1);
    case Kind::mul: return of(e->a) * of(e->b);
    default: break;
  }
  std::string text = ir::to_text(e);
  // (T + 15) // 16, as everyone reads it.
  if (e->kind == Kind::floor_div && e->a->kind == Kind::add && ir::constant_value(e->b) &&
      ir::constant_value(e->a->b) == *ir::constant_value(e->b) - 1)
    text = fmt::format("ceil({}/{})", ir::to_text(e->a->a), ir::to_text(e->b));
  else if (e->kind == Kind::floor_div || e->kind == Kind::mod)
    text = "(" + text + ")";  // as a factor
  Quantity result;
  result.add_term({{text, {e, 1}}}, 1);
  return result;
}

Quantity Quantity::operator+(const Quantity& other) const {
  Quantity result = *this;
  for (const auto& [key, term] : other.terms_) result.add_term(term.factors, term.coefficient);
  if (other.unknown_ != Unknown::no) result.give_up(other.unknown_);
  result.at_most_ |= other.at_most_;
  return result;
}

Quantity Quantity::operator*(const Quantity& other) const {
  Quantity result;
  for (const auto& [key, a] : terms_)
    for (const auto& [other_key, b] : other.terms_) {
      Factors factors = a.factors;
      for (const auto& [text, factor] : b.factors) {
        auto& merged = factors.try_emplace(text, factor.first, 0).first->second;
        merged.second += factor.second;
      }
      const auto product = checked_mul(a.coefficient, b.coefficient);
      product ? result.add_term(factors, *product) : result.give_up(Unknown::too_large);
      if (result.unknown_ != Unknown::no) break;
    }
  const bool is_zero = (terms_.empty() && unknown_ == Unknown::no) || (other.terms_.empty() && other.unknown_ == Unknown::no);
  if (!is_zero)
    for (const Unknown why : {unknown_, other.unknown_})
      if (why != Unknown::no) result.give_up(why);
  result.at_most_ = at_most_ || other.at_most_;
  return result;
}

Quantity Quantity::summed_over(const ir::Loop& loop) const {
  const Quantity count = of(trips(loop));
  Quantity result;
  result.at_most_ = at_most_;
  if (unknown_ != Unknown::no) result.give_up(unknown_);
  for (const auto& [key, term] : terms_) {
    Quantity rest(term.coefficient);
    int power = 0;               // of the span's size
    std::optional<Kind> beside;  // the leaf of the variable that is a factor, too
    for (const auto& [text, factor] : term.factors) {
      const auto& [e, exponent] = factor;
      const bool is_leaf = !e->a && e->name == loop.variable;
      if (is_leaf && e->kind == Kind::span_size) {
        power = exponent;
        continue;
      }
      if (is_leaf && exponent == 1 && !beside) {
        beside = e->kind;
        continue;
      }
      ir::IndexExpr bounded = e;
      if (mentions(e, loop.variable)) {
        bounded = bound(e, loop, term.coefficient > 0);
        result.at_most_ = true;
        if (!bounded) {
          result.give_up(Unknown::too_long);
          return result;
        }
      }
      for (int i = 0; i < exponent; ++i) rest = rest * of(bounded);
    }
    if (!beside && power == 0) {
      result = result + rest * count;
    } else if (!beside && power == 1) {
      result = result + rest * of(loop.extent);
    } else {
      result = result + rest * sum_of_spans(loop, power, beside);
    }
  }
  return result;
}

std::optional<int64_t> Quantity::at(const DimValues& dims) const {
  if (unknown_ == Unknown::too_large) return kMost;
  if (unknown_ == Unknown::too_long) return std::nullopt;
  int64_t sum = 0;
  for (const auto& [key, term] : terms_) {
    int64_t product = limited(term.coefficient);
    for (const auto& [text, factor] : term.factors) {
      for (const std::string& name : ir::names_in(factor.first))
        if (!dims.count(name)) return std::nullopt;
      const auto value = value_of(factor.first, dims);
      if (!value) return kMost;
      for (int i = 0; i < factor.second; ++i) product = limited(static_cast<__int128>(product) * *value);
    }
    sum = limited(static_cast<__int128>(sum) + product);
  }
  return sum;
}

std::string Quantity::text() const {
  if (unknown_ == Unknown::too_large) return "over 2^62";
  if (unknown_ == Unknown::too_long) return "(a sum of more than " + std::to_string(kMostTerms) + " products)";
  std::string text;
  const auto append = [&](const std::string& key, int64_t coefficient) {
    const uint64_t size = coefficient < 0 ? 0 - static_cast<uint64_t>(coefficient) : static_cast<uint64_t>(coefficient);
    if (!text.empty())
      text += coefficient < 0 ? " - " : " + ";
    else if (coefficient < 0)
      text += "-";
    text += key.empty() ? std::to_string(size) : size == 1 ? key : fmt::format("{}*{}", size, key);
  };
  for (const auto& [key, term] : terms_)
    if (!key.empty()) append(key, term.coefficient);
  const auto constant = terms_.find("");
  if (constant != terms_.end()) append("", constant->second.coefficient);
  return (at_most_ ? "at most " : "") + (text.empty() ? "0" : text);
}

std::string bytes_text(int64_t bytes) {
  if (bytes >= kMost) return "over 2^56 B";
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (bytes < int64_t{1024} * 1024) return fmt::format("{:.4g} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{:.4g} MiB", static_cast<double>(bytes) / (1024 * 1024));
}

}  // namespace imbrex::prove
