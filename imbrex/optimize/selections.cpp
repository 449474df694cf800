#include "imbrex/optimize/selections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "imbrex/optimize/budget.h"
#include "imbrex/optimize/continued.h"
#include "imbrex/optimize/stored_values.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using ir::Op;
using Kind = Term::Kind;

constexpr size_t kMostOnes = 64;  // entries of a matrix that are written apart
constexpr int64_t kMostModulus = 16;
constexpr double kLargestFactor = 127;  // exact in every type that is multiplied

// The matrix is none that is known to select.
struct SelectsNothing {};

bool is_dot(Reduction reduction) {
  return reduction == Reduction::dot_int8 || reduction == Reduction::dot_uint8_int8 || reduction == Reduction::dot_bf16 ||
         reduction == Reduction::dot_f32;
}

bool compares(Op op) { return op == Op::eq || op == Op::ne || op == Op::lt || op == Op::le || op == Op::gt || op == Op::ge; }

bool mentions(const IndexExpr& e, const std::string& name) { return ir::names_in(e).contains(name); }

// Whether every integer of the range is one of the type.
bool fits(const Range& range, DType dtype) {
  const auto within = [&](int64_t least, int64_t most) {
    return range.least && range.most && *range.least >= least && *range.most <= most;
  };
  const ElementType& type = element_type(dtype);
  const int64_t magnitude = int64_t{1} << type.precision;  // a float has all integers up to there
  if (type.form != Form::floating) return within(type.least, type.greatest);
  return type.has_sign() && within(-magnitude, magnitude);
}

// One factor of a product over `k`, as the places along k at which it is not zero.
class Selection {
 public:
  Selection(Terms& terms, std::string k, IndexExpr extent) : terms_(terms), k_(std::move(k)), extent_(std::move(extent)) {}

  // The sum of `of` at those places, each times what stands there. Throws SelectsNothing where there may be two of them at once.
  TermId sum(TermId matrix, const std::function<TermId(const IndexExpr& at, double factor)>& element, TermId zero) {
    Where where;
    if (ir::constant_value(extent_) == 1) where.at = ir::constant(0);
    std::vector<One> ones = ones_of(matrix, where);
    element_ = element;
    zero_ = zero;
    return chosen_by_residue(std::move(ones));
  }

 private:
  struct Residue {
    IndexExpr of;
    int64_t modulus, value;  // of % modulus == value
  };
  // What holds where an entry stands. Once `at` is known, nothing is over k.
  struct Where {
    std::vector<IndexExpr> never_negative;
    std::vector<Residue> residues;
    IndexExpr at;
  };
  struct One {
    double value;
    Where where;
  };
  using Ones = std::vector<One>;
  struct Number {
    IndexExpr value;
    Where where;
  };
  using Numbers = std::vector<Number>;

  Ranges& ranges() { return terms_.ranges; }

  IndexExpr replaced(const IndexExpr& e, const std::string& name, const IndexExpr& by) {
    return simplify(ir::substitute(e,
                                   [&](const ir::Index& leaf) {
                                     return leaf.kind == ir::Index::Kind::name && leaf.name == name ? std::optional(by)
                                                                                                    : std::nullopt;
                                   }),
                    ranges());
  }
  IndexExpr placed(const IndexExpr& e, const Where& where) {
    return where.at ? replaced(e, k_, where.at) : simplify(e, ranges());
  }

  // False where it cannot hold.
  bool add_condition(Where& where, const IndexExpr& never_negative) {
    const IndexExpr e = placed(never_negative, where);
    const Range range = range_of(e, ranges());
    if (range.most && *range.most < 0) return false;
    if (!is_at_least_zero(e, ranges())) where.never_negative.push_back(e);
    return true;
  }

  bool add_residue(Where& where, const IndexExpr& of, int64_t modulus, int64_t value) {
    const IndexExpr e = placed(of, where);
    if (const auto known = ir::constant_value(simplify(ir::mod(e, ir::constant(modulus)), ranges()))) return *known == value;
    where.residues.push_back({e, modulus, value});
    return true;
  }

  // ---- the entries ------------------------------------------------------------------------------------------------------------

  Ones ones_of(TermId id, const Where& where) {
    Budget::spend();
    const Term term = terms_.at(id);
    if (term.kind == Kind::constant) return of_constant(term.value, where);
    if (term.kind == Kind::choice)
      return each_case<One>(term, where, [&](TermId arg, const Where& in) { return ones_of(arg, in); });
    if (term.kind != Kind::operation) throw SelectsNothing();
    if (compares(term.op))
      return where_it_holds<One>(
          term, where, [&](const Where& in) { return of_constant(1, in); }, [](const Where&) { return Ones(); });
    switch (term.op) {
      case Op::select:
        if (const Term asked = terms_.at(term.args[0]); asked.kind == Kind::operation && compares(asked.op))
          return where_it_holds<One>(
              asked, where, [&](const Where& in) { return ones_of(term.args[1], in); },
              [&](const Where& in) { return ones_of(term.args[2], in); });
        throw SelectsNothing();
      case Op::cast: {
        Ones ones = ones_of(term.args[0], where);
        for (const One& one : ones)
          if (term.dtype == DType::uint8 && one.value < 0) throw SelectsNothing();
        return ones;
      }
      case Op::neg: return negated(ones_of(term.args[0], where));
      case Op::add: return both(ones_of(term.args[0], where), ones_of(term.args[1], where));
      case Op::sub: return both(ones_of(term.args[0], where), negated(ones_of(term.args[1], where)));
      default: throw SelectsNothing();  // holds of any
    }
  }

  static Ones of_constant(double value, const Where& where) {
    if (value == 0) return {};
    if (!where.at || value != std::nearbyint(value) || std::abs(value) > kLargestFactor) throw SelectsNothing();
    return {{value, where}};
  }

  static Ones negated(Ones ones) {
    for (One& one : ones) one.value = -one.value;
    return ones;
  }

  template <class T>
  std::vector<T> both(std::vector<T> a, std::vector<T> b) {
    a.insert(a.end(), b.begin(), b.end());
    if (a.size() > kMostOnes) throw SelectsNothing();
    return a;
  }

  template <class T, class Value>
  std::vector<T> each_case(const Term& choice, const Where& where, Value value) {
    std::vector<T> all;
    for (size_t i = 0; i < choice.args.size(); ++i) {
      Where in = where;
      const IndexExpr& of = choice.indices[0];
      const bool may_be = choice.modulus > 0 ? add_residue(in, of, choice.modulus, static_cast<int64_t>(i))
                                             : add_condition(in, ir::sub(of, choice.limits[i])) &&
                                                   add_condition(in, ir::sub(ir::sub(choice.limits[i + 1], of), ir::constant(1)));
      if (may_be) all = both(std::move(all), value(choice.args[i], in));
    }
    return all;
  }

  // What `yes` gives where the comparison holds, with what `no` gives elsewhere.
  template <class T, class Yes, class No>
  std::vector<T> where_it_holds(const Term& asked, const Where& where, Yes yes, No no) {
    std::vector<T> all;
    const auto add = [&](Where in, const IndexExpr& condition, const auto& value) {
      if (add_condition(in, condition)) all = both(std::move(all), value(in));
    };
    for (const Number& a : numbers_of(asked.args[0], where))
      for (const Number& b : numbers_of(asked.args[1], a.where)) {
        const IndexExpr apart = placed(ir::sub(a.value, b.value), b.where), below = ir::sub(ir::constant(0), apart),
                        one = ir::constant(1);
        switch (asked.op) {
          case Op::lt: add(b.where, ir::sub(below, one), yes), add(b.where, apart, no); break;
          case Op::le: add(b.where, below, yes), add(b.where, ir::sub(apart, one), no); break;
          case Op::gt: add(b.where, ir::sub(apart, one), yes), add(b.where, below, no); break;
          case Op::ge: add(b.where, apart, yes), add(b.where, ir::sub(below, one), no); break;
          case Op::eq: all = both(std::move(all), where_zero<T>(apart, b.where, yes, no)); break;
          case Op::ne: all = both(std::move(all), where_zero<T>(apart, b.where, no, yes)); break;
          default: throw InternalError("no comparison");  // holds of any other
        }
      }
    return all;
  }

  template <class T, class Yes, class No>
  std::vector<T> where_zero(const IndexExpr& apart, const Where& where, Yes yes, No no) {
    const Range range = range_of(apart, ranges());
    if ((range.least && *range.least > 0) || (range.most && *range.most < 0)) return no(where);
    if (range.least && range.least == range.most) return yes(where);
    if constexpr (std::is_same_v<T, One>) {
      if (!no(where).empty()) throw SelectsNothing();
      Where in = where;
      if (mentions(apart, k_) ? !solve(apart, in)
                              : !(add_condition(in, apart) && add_condition(in, ir::sub(ir::constant(0), apart))))
        return {};
      return yes(in);
    } else {
      throw SelectsNothing();
    }
  }

  // Where `apart`, which is over k, is zero: k becomes the place at which that is so. False where there is none.
  bool solve(const IndexExpr& apart, Where& where) {
    // k is scale * q + offset where k's remainders are known.
    const std::string q = k_ + "q";
    int64_t scale = 1, offset = 0;
    const auto k = [&] { return ir::add(ir::mul(ir::constant(scale), ir::named(q)), ir::constant(offset)); };
    const auto over_q = [&](const IndexExpr& e) {
      ranges()[q] =
          counter_range(simplify(ir::ceil_div(ir::sub(extent_, ir::constant(offset)), ir::constant(scale)), ranges()), ranges());
      return replaced(e, k_, k());
    };
    std::vector<Residue> others;
    for (const Residue& residue : where.residues) {
      if (!mentions(residue.of, k_)) {
        others.push_back(residue);
        continue;
      }
      const Linear of = linear(over_q(residue.of), ranges());
      if (of.parts.size() != 1 || of.parts.begin()->first != q || of.parts.begin()->second.coefficient != 1)
        throw SelectsNothing();
      const int64_t first = ((residue.value - of.constant) % residue.modulus + residue.modulus) % residue.modulus;
      offset += scale * first;
      scale *= residue.modulus;
    }
    where.residues = std::move(others);

    const Linear sum = linear(over_q(apart), ranges());
    Linear rest = sum;
    int64_t coefficient = 0;
    for (const auto& [key, part] : sum.parts) {
      if (!mentions(part.atom, q)) continue;
      if (key != q) throw SelectsNothing();
      coefficient = part.coefficient;
      rest.parts.erase(key);
    }
    if (coefficient == 0) throw SelectsNothing();
    const int64_t step = std::abs(coefficient);
    const IndexExpr times = simplify(coefficient > 0 ? ir::sub(ir::constant(0), to_index(rest)) : to_index(rest), ranges());
    if (step > kMostModulus) throw SelectsNothing();
    const IndexExpr at_q = step == 1 ? times : ir::floor_div(times, ir::constant(step));
    where.at = simplify(ir::add(ir::mul(ir::constant(scale), at_q), ir::constant(offset)), ranges());
    std::vector<IndexExpr> conditions = std::exchange(where.never_negative, {});
    conditions.push_back(where.at);
    conditions.push_back(ir::sub(ir::sub(extent_, where.at), ir::constant(1)));
    return (step == 1 || add_residue(where, times, step, 0)) &&
           std::all_of(conditions.begin(), conditions.end(), [&](const IndexExpr& e) { return add_condition(where, e); });
  }

  // ---- integers that are compared ---------------------------------------------------------------------------------------------

  Numbers numbers_of(TermId id, const Where& where) {
    Budget::spend();
    const Term term = terms_.at(id);
    switch (term.kind) {
      case Kind::index: return fitting({{placed(term.indices[0], where), where}}, term.dtype);
      case Kind::constant:
        if (term.value != std::nearbyint(term.value) || std::abs(term.value) > 1 << 24) throw SelectsNothing();
        return {{ir::constant(static_cast<int64_t>(term.value)), where}};
      case Kind::choice: return each_case<Number>(term, where, [&](TermId arg, const Where& in) { return numbers_of(arg, in); });
      case Kind::operation: return numbers_of_operation(term, where);
      default: throw SelectsNothing();  // holds of any
    }
  }

  Numbers numbers_of_operation(const Term& term, const Where& where) {
    Numbers all;
    switch (term.op) {
      case Op::cast: return fitting(numbers_of(term.args[0], where), term.dtype);
      case Op::neg:
        for (const Number& a : numbers_of(term.args[0], where)) all.push_back({ir::sub(ir::constant(0), a.value), a.where});
        return fitting(std::move(all), term.dtype);
      case Op::add:
      case Op::sub:
      case Op::mul:
        for (const Number& a : numbers_of(term.args[0], where))
          for (const Number& b : numbers_of(term.args[1], a.where)) {
            const IndexExpr left = placed(a.value, b.where);
            all.push_back({term.op == Op::add   ? ir::add(left, b.value)
                           : term.op == Op::sub ? ir::sub(left, b.value)
                                                : ir::mul(left, b.value),
                           b.where});
          }
        return fitting(std::move(all), term.dtype);
      case Op::select: {
        const Term asked = terms_.at(term.args[0]);
        if (asked.kind != Kind::operation || !compares(asked.op)) throw SelectsNothing();
        return where_it_holds<Number>(
            asked, where, [&](const Where& in) { return numbers_of(term.args[1], in); },
            [&](const Where& in) { return numbers_of(term.args[2], in); });
      }
      default: throw SelectsNothing();  // holds of any
    }
  }

  // What does not fit would wrap or round.
  Numbers fitting(Numbers numbers, DType dtype) {
    if (numbers.size() > kMostOnes) throw SelectsNothing();
    for (Number& number : numbers) {
      number.value = simplify(number.value, ranges());
      if (!fits(range_of(number.value, ranges()), dtype)) throw SelectsNothing();
    }
    return numbers;
  }

  // ---- what is selected -------------------------------------------------------------------------------------------------------

  // The coordinate in `constant + coefficient * name`.
  std::pair<std::string, int64_t> coordinate_of(const IndexExpr& e) {
    const Linear sum = linear(e, ranges());
    if (sum.parts.size() != 1) throw SelectsNothing();
    const auto& [name, part] = *sum.parts.begin();
    if (part.atom->kind != ir::Index::Kind::name || !name.starts_with(".")) throw SelectsNothing();
    return {name, part.coefficient};
  }

  static int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

  // A case for each remainder that an entry asks for.
  TermId chosen_by_residue(Ones ones) {
    Budget::spend(1 + ones.size());
    const auto asking = std::find_if(ones.begin(), ones.end(), [](const One& one) { return !one.where.residues.empty(); });
    if (asking == ones.end()) return chosen_by_interval(ones);
    const int64_t modulus = asking->where.residues[0].modulus;
    const std::string name = coordinate_of(asking->where.residues[0].of).first;
    if (modulus > kMostModulus) throw SelectsNothing();
    std::vector<TermId> cases;
    for (int64_t r = 0; r < modulus; ++r) {
      const IndexExpr by =
          ir::add(ir::mul(ir::constant(modulus), ir::floor_div(ir::named(name), ir::constant(modulus))), ir::constant(r));
      Ones here;
      for (const One& one : ones) {
        One now{one.value, {{}, {}, replaced(one.where.at, name, by)}};
        const auto& [conditions, residues, at] = one.where;
        if (std::all_of(conditions.begin(), conditions.end(),
                        [&](const IndexExpr& e) { return add_condition(now.where, replaced(e, name, by)); }) &&
            std::all_of(residues.begin(), residues.end(), [&](const Residue& residue) {
              return add_residue(now.where, replaced(residue.of, name, by), residue.modulus, residue.value);
            }))
          here.push_back(std::move(now));
      }
      cases.push_back(chosen_by_residue(std::move(here)));
    }
    return terms_.residues(ir::named(name), std::move(cases));
  }

  // A case for each part of a coordinate in which the same entries stand.
  TermId chosen_by_interval(const Ones& ones) {
    std::set<int64_t> ends;
    std::string name;
    for (const One& one : ones)
      for (const IndexExpr& e : one.where.never_negative) {
        const auto [of, coefficient] = coordinate_of(e);
        if (!name.empty() && name != of) throw SelectsNothing();
        name = of;
        const int64_t constant = linear(e, ranges()).constant;
        ends.insert(coefficient > 0 ? -floor_divide(constant, coefficient) : floor_divide(constant, -coefficient) + 1);
      }
    if (name.empty()) return only(ones);
    const Range range = ranges()[name];
    if (!range.least || !range.most || *range.most < *range.least) throw SelectsNothing();
    std::vector<int64_t> limits{*range.least};
    for (const int64_t end : ends)
      if (end > limits.back() && end <= *range.most) limits.push_back(end);
    std::vector<TermId> cases;
    std::vector<IndexExpr> kept;
    for (const int64_t begin : limits) {
      Ones here;
      for (const One& one : ones)
        if (std::all_of(one.where.never_negative.begin(), one.where.never_negative.end(), [&](const IndexExpr& e) {
              return ir::constant_value(replaced(e, name, ir::constant(begin))).value_or(-1) >= 0;
            }))
          here.push_back(one);
      const TermId value = only(here);
      if (!cases.empty() && cases.back() == value) continue;
      kept.push_back(ir::constant(begin));
      cases.push_back(value);
    }
    kept.push_back(ir::constant(*range.most + 1));
    return terms_.intervals(ir::named(name), std::move(kept), std::move(cases));
  }

  TermId only(const Ones& ones) {
    if (ones.size() > 1) throw SelectsNothing();
    return ones.empty() ? zero_ : element_(ones[0].where.at, ones[0].value);
  }

  Terms& terms_;
  const std::string k_;
  const IndexExpr extent_;
  std::function<TermId(const IndexExpr&, double)> element_;
  TermId zero_ = kNoTerm;
};

class Selections {
 public:
  explicit Selections(Terms& terms) : terms_(terms) {}

  TermId walk(TermId id) {
    if (const auto found = done_.back().find(id); found != done_.back().end()) return found->second;
    const TermId result = walked(id);
    return done_.back()[id] = terms_.made_from(id, result);
  }

 private:
  TermId walked(TermId id) {
    const Term term = terms_.at(id);
    if (term.kind == Kind::reference) return walked_reference(id);
    std::vector<TermId> args;
    for (const TermId arg : term.args) args.push_back(walk(arg));
    if (args == term.args) return id;
    if (term.kind == Kind::operation) return terms_.operation(term.op, term.dtype, std::move(args), term.mode);
    return term.modulus > 0 ? terms_.residues(term.indices[0], std::move(args))
                            : terms_.intervals(term.indices[0], term.limits, std::move(args));
  }

  TermId walked_reference(TermId id) {
    const Definition definition = terms_.definition(terms_.at(id).definition);
    const std::string k = fmt::format(".s{}", done_.size());
    const std::vector<TermId> before = opened(terms_, id, k);
    std::vector<TermId> body;
    done_.emplace_back();
    for (const TermId part : before) body.push_back(walk(part));
    done_.pop_back();
    if (is_dot(definition.reduction)) {
      for (const size_t matrix : {size_t{1}, size_t{0}})
        if (const TermId selected = selected_by(definition, body[matrix], body[1 - matrix], k); selected != kNoTerm)
          return selected;
    }
    if (body == before) return id;
    const TermId now = terms_.reduce(definition.reduction, definition.dtype, definition.extent, k, std::move(body));
    if (now == kNoTerm) return id;
    if (const auto origin = terms_.origins.find(terms_.at(id).definition); origin != terms_.origins.end())
      terms_.origins.emplace(terms_.at(now).definition, origin->second);
    return now;
  }

  TermId selected_by(const Definition& definition, TermId matrix, TermId of, const std::string& k) {
    const bool is_of_bytes = definition.reduction == Reduction::dot_int8 || definition.reduction == Reduction::dot_uint8_int8;
    if (!is_of_bytes && !are_bytes(of)) return kNoTerm;
    const auto element = [&](const IndexExpr& at, double factor) {
      const TermId value = terms_.operation(Op::cast, definition.dtype, {terms_.substitute(of, {{k, at}})});
      if (factor == 1) return value;
      if (!is_of_bytes) throw SelectsNothing();
      return terms_.operation(Op::mul, definition.dtype, {value, terms_.constant(definition.dtype, factor)});
    };
    try {
      return Selection(terms_, k, definition.extent).sum(matrix, element, terms_.constant(definition.dtype, 0));
    } catch (const SelectsNothing&) {
      return kNoTerm;
    }
  }

  // Integers of one byte under another type.
  bool are_bytes(TermId id) const {
    const Term& term = terms_.at(id);
    if (term.kind == Kind::choice)
      return std::all_of(term.args.begin(), term.args.end(), [&](TermId arg) { return are_bytes(arg); });
    if (term.kind != Kind::operation || term.op != Op::cast) return false;
    const DType from = terms_.at(term.args[0]).dtype;
    return from == DType::int8 || from == DType::uint8;
  }

  Terms& terms_;
  std::vector<std::map<TermId, TermId>> done_{1};  // for the term, and for each body that is open
};

// Whether a product has a factor that is made of comparisons: what costs nothing to see.
bool may_select(const Terms& terms, TermId id) {
  bool found = false;
  for_each_term(terms, id, [&](TermId inner) {
    const Term& term = terms.at(inner);
    if (term.kind != Kind::reference || found) return;
    const Definition& definition = terms.definition(term.definition);
    if (!is_dot(definition.reduction)) return;
    for (const TermId part : definition.body)
      for_each_term(terms, part, [&](TermId each) {
        found = found || (terms.at(each).kind == Kind::operation && compares(terms.at(each).op));
      });
  });
  return found;
}

}  // namespace

TermId with_selections(Terms& terms, TermId term) { return may_select(terms, term) ? Selections(terms).walk(term) : term; }

}  // namespace imbrex::optimize
