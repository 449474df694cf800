#include "imbrex/equal/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "imbrex/optimize/budget.h"

namespace imbrex::equal {
namespace {

using ir::Op;
using optimize::Definition;
using optimize::Term;
using optimize::TermId;
using optimize::Terms;
using Kind = Term::Kind;

bool same_indices(const Term& a, const Term& b) {
  if (a.indices.size() != b.indices.size()) return false;
  for (size_t i = 0; i < a.indices.size(); ++i)
    if (ir::to_text(a.indices[i]) != ir::to_text(b.indices[i])) return false;
  return true;
}

bool same_head(const Term& a, const Term& b) {
  return a.kind == b.kind && a.dtype == b.dtype && a.args.size() == b.args.size() &&
         (a.kind != Kind::operation || (a.op == b.op && a.mode == b.mode)) && a.modulus == b.modulus;
}

using Pairs = std::vector<std::pair<TermId, TermId>>;

// How much of two terms differs, and where: of all ways to pair operands of operations that commute, the one in which least does.
class Differences {
 public:
  explicit Differences(const Terms& terms) : terms_(terms) {}

  // The first pair inside the two that differs; nothing where they are best told by themselves: they differ on their own, or what
  // is inside them differs in several ways.
  std::optional<std::pair<TermId, TermId>> inside(TermId a, TermId b) {
    Pairs differing;
    for (const auto& [x, y] : pairs(a, b))
      if (x != y) differing.emplace_back(x, y);
    if (differing.empty()) return std::nullopt;
    const Innermost& first = innermost(differing[0].first, differing[0].second);
    const bool is_one_way = std::all_of(differing.begin(), differing.end(),
                                        [&](const auto& pair) { return innermost(pair.first, pair.second) == first; });
    if (!is_one_way && brief(terms_, a, 0) != brief(terms_, b, 1)) return std::nullopt;
    return differing[0];
  }

 private:
  static constexpr int64_t kMost = 1'000'000'000;
  static constexpr size_t kMostInnermost = 8;

  int64_t whole(TermId a, TermId b) const { return terms_.nodes(a) + terms_.nodes(b); }

  int64_t cost(TermId a, TermId b) {
    if (a == b) return 0;
    if (const auto known = costs_.find({a, b}); known != costs_.end()) return known->second;
    optimize::Budget::spend();
    int64_t all = 0;
    const Pairs inside = pairs(a, b);
    for (const auto& [x, y] : inside) all = std::min(all + cost(x, y), kMost);
    return costs_[{a, b}] = inside.empty() ? whole(a, b) : all;
  }

  // The pairs that differ themselves, positions aside.
  using Innermost = std::set<std::pair<std::string, std::string>>;
  const Innermost& innermost(TermId a, TermId b) {
    if (const auto known = innermost_.find({a, b}); known != innermost_.end()) return known->second;
    Innermost all;
    for (const auto& [x, y] : pairs(a, b))
      if (x != y && all.size() < kMostInnermost) {
        const Innermost& inner = innermost(x, y);
        all.insert(inner.begin(), inner.end());
      }
    if (all.empty()) all.insert({terms_.skeleton(a), terms_.skeleton(b)});
    return innermost_[{a, b}] = std::move(all);
  }

  // Empty where the two differ themselves.
  Pairs pairs(TermId a, TermId b) {
    if (const auto known = pairs_.find({a, b}); known != pairs_.end()) return known->second;
    return pairs_[{a, b}] = found_pairs(a, b);
  }

  Pairs found_pairs(TermId a, TermId b) {
    const Term &left = terms_.at(a), &right = terms_.at(b);
    if (!same_head(left, right) || !same_indices(left, right)) return {};
    if (left.kind == Kind::reference) {
      const Definition &of_a = terms_.definition(left.definition), &of_b = terms_.definition(right.definition);
      if (of_a.reduction != of_b.reduction || of_a.body.size() != of_b.body.size() ||
          ir::to_text(of_a.extent) != ir::to_text(of_b.extent))
        return {};
      return zipped(of_a.body, of_b.body);
    }
    Pairs straight = zipped(left.args, right.args);
    if (left.kind != Kind::operation || !ir::commutes(left.op) || left.args.size() != 2) return straight;
    const Pairs crossed{{left.args[0], right.args[1]}, {left.args[1], right.args[0]}};
    return cost_of(crossed) < cost_of(straight) ? crossed : straight;
  }

  static Pairs zipped(const std::vector<TermId>& a, const std::vector<TermId>& b) {
    Pairs all;
    for (size_t i = 0; i < a.size(); ++i) all.emplace_back(a[i], b[i]);
    return all;
  }

  int64_t cost_of(const Pairs& all) {
    int64_t sum = 0;
    for (const auto& [x, y] : all) sum = std::min(sum + cost(x, y), kMost);
    return sum;
  }

  const Terms& terms_;
  std::map<std::pair<TermId, TermId>, int64_t> costs_;
  std::map<std::pair<TermId, TermId>, Pairs> pairs_;
  std::map<std::pair<TermId, TermId>, Innermost> innermost_;
};

std::string of_indices(const Term& term) {
  std::string text;
  for (const ir::IndexExpr& index : term.indices) text += (text.empty() ? "" : ", ") + ir::to_text(index);
  return text;
}

// What a kept statement leaves in a tensor has the names of its author.
std::string access_text(const Terms& terms, const Term& term, size_t kernel) {
  const auto kept = terms.kept.find(term.tensor);
  if (kept == terms.kept.end()) return fmt::format("{}[{}]", term.tensor, of_indices(term));
  const Terms::Kept& of = kept->second[kernel];
  return fmt::format("{}[{}] of {}", of.tensor, of_indices(term), of.what);
}

std::string written(const Terms& terms, TermId id, int depth, size_t kernel) {
  const Term& term = terms.at(id);
  const auto inner = [&](size_t i) { return written(terms, term.args[i], depth - 1, kernel); };
  switch (term.kind) {
    case Kind::constant:
      return is_float(term.dtype) ? fmt::format("{}", static_cast<float>(term.value))
                                  : fmt::format("{}", static_cast<int64_t>(term.value));
    case Kind::index: return fmt::format("int32({})", of_indices(term));
    case Kind::access: return access_text(terms, term, kernel);
    default: break;
  }
  if (depth == 0) return "...";
  switch (term.kind) {
    case Kind::reference: {
      const Definition& definition = terms.definition(term.definition);
      std::string factors;
      for (const TermId part : definition.body)
        factors += (factors.empty() ? "" : ", ") + written(terms, part, depth - 1, kernel);
      return fmt::format("{}({} for k in 0..{})", optimize::name_of(definition.reduction), factors,
                         ir::to_text(definition.extent));
    }
    case Kind::choice: {
      std::string cases;
      for (size_t i = 0; i < term.args.size(); ++i) cases += (i ? ", " : "") + inner(i);
      return fmt::format("one of ({}) by {}", cases, of_indices(term));
    }
    default: break;
  }
  if (term.op == Op::cast)
    return fmt::format("cast({}, {}{})", inner(0), imbrex::name_of(term.dtype),
                       term.mode == ir::CastMode::exact ? "" : fmt::format(", {}", ir::name_of(term.mode)));
  if (const std::string sign = ir::operation(term.op).symbol; !sign.empty() && term.args.size() == 2)
    return fmt::format("({} {} {})", inner(0), sign, inner(1));
  std::string args;
  for (size_t i = 0; i < term.args.size(); ++i) args += (i ? ", " : "") + inner(i);
  return fmt::format("{}({})", ir::name_of(term.op), args);
}

}  // namespace

FirstDifference first_difference(const Terms& terms, TermId a, TermId b) {
  Differences differences(terms);
  FirstDifference found{a, b, a, b};
  // Where the two differ in positions alone, what is around them is what the author wrote differently.
  while (true) {
    const auto inside = differences.inside(found.a, found.b);
    if (!inside) return found;
    // A constant stands where it was first met; what computes with it stands where its author differs.
    const bool is_constant = terms.at(inside->first).kind == Kind::constant && terms.at(inside->second).kind == Kind::constant;
    if (!is_constant && terms.skeleton(found.around_a) != terms.skeleton(found.around_b))
      found.around_a = inside->first, found.around_b = inside->second;
    found.a = inside->first, found.b = inside->second;
  }
}

std::string brief(const Terms& terms, TermId id, size_t kernel) {
  constexpr size_t kLong = 72, kLongOfFew = 160;
  std::string text = written(terms, id, 1, kernel);
  for (int depth = 2; depth < 12; ++depth) {
    std::string longer = written(terms, id, depth, kernel);
    if (longer.size() > (depth <= 3 ? kLongOfFew : kLong)) break;
    text = std::move(longer);
  }
  return optimize::readable(text);
}

}  // namespace imbrex::equal
