#include "imbrex/equal/sums.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/optimize/budget.h"
#include "imbrex/optimize/stored_values.h"

namespace imbrex::equal {
namespace {

using ir::IndexExpr;
using ir::Op;
using optimize::Definition;
using optimize::Reduction;
using optimize::Substitution;
using optimize::Term;
using optimize::TermId;
using Kind = Term::Kind;

bool adds(Reduction reduction) {
  switch (reduction) {
    case Reduction::row_sum:
    case Reduction::col_sum:
    case Reduction::dot_bf16:
    case Reduction::dot_f32: return true;
    case Reduction::max:
    case Reduction::min:
    case Reduction::dot_int8:
    case Reduction::dot_uint8_int8: return false;  // exact in any order, and one term already
  }
  return false;
}

// row_sum and col_sum add the same terms; each product has its own way to multiply.
const char* kind_of(Reduction reduction) {
  return reduction == Reduction::col_sum ? optimize::name_of(Reduction::row_sum) : optimize::name_of(reduction);
}

std::string indices_text(const Term& term) {
  std::string text;
  for (const IndexExpr& index : term.indices) text += ir::to_text(index) + ";";
  for (const IndexExpr& limit : term.limits) text += "|" + ir::to_text(limit);
  return text;
}

}  // namespace

bool Sums::is_sum(TermId id) const {
  const Term& term = terms_.at(id);
  if (term.dtype != DType::f32) return false;
  if (term.kind == Kind::operation) return term.op == Op::add;
  // Inside the sum over another .k it stays a term: opened, its own .k would be taken for that one.
  const bool is_inside = std::any_of(term.indices.begin(), term.indices.end(),
                                     [](const IndexExpr& index) { return ir::names_in(index).contains(optimize::kReducedName); });
  return term.kind == Kind::reference && !is_inside && adds(terms_.definition(term.definition).reduction);
}

void Sums::collect(TermId id, std::vector<Addend>& all) {
  optimize::Budget::spend();
  const Term term = terms_.at(id);
  if (!is_sum(id)) {
    all.push_back({key(id), nullptr, {id}});
    return;
  }
  if (term.kind == Kind::operation) {
    for (const TermId arg : term.args) collect(arg, all);
    return;
  }
  const Definition definition = terms_.definition(term.definition);
  Substitution by;
  for (size_t i = 0; i < term.indices.size(); ++i) by[optimize::axis_name(i)] = term.indices[i];
  terms_.ranges[optimize::kReducedName] = optimize::counter_range(definition.extent, terms_.ranges);
  std::vector<TermId> body;
  for (const TermId part : definition.body) body.push_back(terms_.substitute(part, by));
  // The sum of sums of elements is the sum of each.
  std::vector<Addend> inside{{"", nullptr, body}};
  if (body.size() == 1 && is_sum(body[0])) {
    inside = addends(body[0]);
    if (std::any_of(inside.begin(), inside.end(), [](const Addend& each) { return each.extent; })) inside = {{"", nullptr, body}};
  }
  for (const Addend& each : inside) all.push_back({"", definition.extent, each.body, definition.reduction});
}

// A sum over 0..m of f(k) and one over 0..n of f(k + m) are one over 0..m + n of f(k).
void Sums::join_neighbours(std::vector<Addend>& all) {
  const auto follows = [&](const Addend& first, const Addend& next) {
    if (!first.extent || !next.extent || first.body.size() != next.body.size() ||
        std::string(kind_of(first.reduction)) != kind_of(next.reduction))
      return false;
    // A sum over 0..-3 has no terms, and 5 - 3 of it and one over 0..5 would be too few.
    for (const IndexExpr& extent : {first.extent, next.extent})
      if (optimize::range_of(extent, terms_.ranges).least.value_or(-1) < 0) return false;
    terms_.ranges[optimize::kReducedName] = optimize::counter_range(next.extent, terms_.ranges);
    for (size_t i = 0; i < first.body.size(); ++i) {
      const TermId moved =
          terms_.substitute(first.body[i], {{optimize::kReducedName, ir::add(ir::named(optimize::kReducedName), first.extent)}});
      if (moved != next.body[i] && key(moved) != key(next.body[i])) return false;
    }
    return true;
  };
  for (bool joined = true; joined;) {
    joined = false;
    for (size_t i = 0; i < all.size() && !joined; ++i)
      for (size_t j = 0; j < all.size() && !joined; ++j) {
        if (i == j || !follows(all[i], all[j])) continue;
        all[i].extent = optimize::simplify(ir::add(all[i].extent, all[j].extent), terms_.ranges);
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(j));
        joined = true;
      }
  }
}

std::vector<Sums::Addend> Sums::addends(TermId id) {
  std::vector<Addend> all;
  collect(id, all);
  join_neighbours(all);
  for (Addend& addend : all) {
    if (!addend.extent) continue;
    addend.key = fmt::format("{} k<{}", kind_of(addend.reduction), ir::to_text(addend.extent));
    for (const TermId part : addend.body) addend.key += "(" + key(part) + ")";
  }
  return all;
}

std::string Sums::key_of_sum(TermId id) {
  std::vector<std::string> keys;
  for (const Addend& addend : addends(id)) keys.push_back(addend.key);
  std::sort(keys.begin(), keys.end());
  std::string text = "sum{";
  for (const std::string& each : keys) text += each + "+";
  return text + "}";
}

// Equal keys: equal terms but for the order of additions. Whole texts are long, so that equal ones share a number.
const std::string& Sums::key(TermId id) {
  if (const auto known = keys_.find(id); known != keys_.end()) return known->second;
  optimize::Budget::spend();
  std::string text;
  if (is_sum(id)) {
    text = key_of_sum(id);
  } else {
    const Term term = terms_.at(id);
    text = fmt::format("{}:{}:{}:{}:{}:{}:{}", static_cast<int>(term.kind), name_of(term.dtype), term.value, term.tensor,
                       ir::name_of(term.op), ir::name_of(term.mode), term.modulus);
    text += indices_text(term);
    if (term.kind == Kind::reference) {
      const Definition definition = terms_.definition(term.definition);
      text += fmt::format("{} k<{}", optimize::name_of(definition.reduction), ir::to_text(definition.extent));
      for (const TermId part : definition.body) text += "(" + key(part) + ")";
    }
    std::vector<std::string> args;
    for (const TermId arg : term.args) args.push_back(key(arg));
    if (term.kind == Kind::operation && ir::commutes(term.op)) std::sort(args.begin(), args.end());
    for (const std::string& arg : args) text += "," + arg;
  }
  return keys_.emplace(id, fmt::format("#{}", terms_.number_of("sums:" + text))).first->second;
}

IndexExpr Sums::count(TermId id) {
  IndexExpr all = ir::constant(0);
  for (const Addend& addend : addends(id)) all = ir::add(all, addend.extent ? addend.extent : ir::constant(1));
  return optimize::simplify(all, terms_.ranges);
}

void Sums::compare(TermId a, TermId b, std::vector<SameSum>& found) {
  if (a == b || !compared_.emplace(std::pair(a, b), true).second) return;
  const Term left = terms_.at(a), right = terms_.at(b);
  if (is_sum(a) && is_sum(b)) {
    const bool one_form =
        left.kind == Kind::reference && right.kind == Kind::reference &&
        terms_.definition(left.definition).reduction == terms_.definition(right.definition).reduction &&
        ir::to_text(terms_.definition(left.definition).extent) == ir::to_text(terms_.definition(right.definition).extent);
    if (!one_form) {
      found.push_back({a, b, count(a)});
      return;
    }
  }
  if (left.kind == Kind::reference && right.kind == Kind::reference) {
    const Definition of_a = terms_.definition(left.definition), of_b = terms_.definition(right.definition);
    for (size_t i = 0; i < std::min(of_a.body.size(), of_b.body.size()); ++i) compare(of_a.body[i], of_b.body[i], found);
    return;
  }
  // Operands that commute stand in an order of their own.
  std::vector<TermId> rest = right.args;
  for (const TermId arg : left.args) {
    const auto same = std::find_if(rest.begin(), rest.end(), [&](TermId other) { return key(arg) == key(other); });
    if (same == rest.end()) continue;
    compare(arg, *same, found);
    rest.erase(same);
  }
}

std::optional<std::vector<SameSum>> Sums::differences(TermId a, TermId b) {
  if (key(a) != key(b)) return std::nullopt;
  std::vector<SameSum> found;
  compare(a, b, found);
  return found;
}

}  // namespace imbrex::equal
