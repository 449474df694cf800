#include "imbrex/optimize/terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <iterator>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "imbrex/optimize/budget.h"
#include "imbrex/optimize/rewrites.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using ir::Op;
using Kind = Term::Kind;

// a > b is b < a, for NaN too.
Op mirrored(Op op) {
  for (const auto& [less, greater] : {std::pair(Op::lt, Op::gt), std::pair(Op::le, Op::ge)}) {
    if (op == less) return greater;
    if (op == greater) return less;
  }
  return op;
}

bool are_all_equal(const std::vector<TermId>& cases) {
  return std::adjacent_find(cases.begin(), cases.end(), std::not_equal_to<>()) == cases.end();
}

// FNV-1a. It only orders operands and abbreviates texts in print; equality is decided on whole keys.
std::string digest(const std::string& text) {
  uint64_t hash = 14695981039346656037u;
  for (unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
  return fmt::format("{:016x}", hash);
}

std::string joined(const std::vector<IndexExpr>& indices) {
  std::string text;
  for (const IndexExpr& index : indices) text += (text.empty() ? "" : ", ") + ir::to_text(index);
  return text;
}

IndexExpr substituted(const IndexExpr& e, const Substitution& by, const Ranges& ranges) {
  return simplify(ir::substitute(e,
                                 [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
                                   const auto found = by.find(ir::to_text(std::make_shared<ir::Index>(leaf)));
                                   return found == by.end() ? std::nullopt : std::optional(found->second);
                                 }),
                  ranges);
}

bool mentions(const IndexExpr& e, const std::string& name) { return ir::names_in(e).contains(name); }

// While terms are made from others: they stand where those do (Terms::made_from).
class WithoutOrigin {
 public:
  explicit WithoutOrigin(int& origin) : before(std::exchange(origin, -1)), origin_(origin) {}
  WithoutOrigin(const WithoutOrigin&) = delete;
  WithoutOrigin& operator=(const WithoutOrigin&) = delete;
  ~WithoutOrigin() { origin_ = before; }

  const int before;

 private:
  int& origin_;
};

}  // namespace

const char* name_of(Reduction reduction) {
  constexpr const char* kNames[] = {"row_sum", "col_sum", "max", "min", "dot_int8", "dot_uint8_int8", "dot_bf16", "dot_f32"};
  return kNames[static_cast<size_t>(reduction)];
}

std::string coordinate_name(size_t axis) { return fmt::format(".i{}", axis); }
std::string axis_name(size_t axis) { return fmt::format(".a{}", axis); }

std::string readable(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool begins_name = text[i] == '.' && i + 1 < text.size() && std::isalpha(static_cast<unsigned char>(text[i + 1]));
    if (!begins_name ||
        (i > 0 && (std::isalnum(static_cast<unsigned char>(text[i - 1])) || text[i - 1] == '_' || text[i - 1] == '.')))
      result += text[i];
  }
  return result;
}

void note(Makings& in, const Making& making) {
  const auto place = std::lower_bound(in.begin(), in.end(), making);
  if (place == in.end() || *place != making) in.insert(place, making);
}

void unite(Makings& with, const Makings& others) {
  Budget::spend((with.size() + others.size()) / 16);  // as small a step as these are
  if (std::includes(with.begin(), with.end(), others.begin(), others.end())) return;
  Makings both;
  std::set_union(with.begin(), with.end(), others.begin(), others.end(), std::back_inserter(both));
  with = std::move(both);
}

TermId Terms::intern(Term term, bool is_exchanged) {
  Budget::spend(1 + term.args.size() + term.indices.size() + term.limits.size());
  const std::string node = fmt::format("{}:{}:{}:{}:{}:{}:{}", static_cast<int>(term.kind), name_of(term.dtype), term.value,
                                       term.tensor, ir::name_of(term.op), ir::name_of(term.mode), term.modulus);
  std::string indices;
  for (const IndexExpr& index : term.indices) indices += ";" + ir::to_text(index);
  for (const IndexExpr& limit : term.limits) indices += "|" + ir::to_text(limit);
  std::string key = fmt::format("{}:{}{}", node, term.definition, indices);
  for (TermId arg : term.args) key += fmt::format(",{}", arg);
  const auto [entry, is_new] = by_key_.try_emplace(std::move(key), static_cast<TermId>(terms_.size()));
  if (!is_new) return made(entry->second);

  std::string skeleton = node + ":" + (term.definition < 0 ? "" : definition(term.definition).digest), whole = skeleton + indices;
  int64_t nodes = 1;
  int depth = 0;
  if (term.definition >= 0)
    for (TermId part : definition(term.definition).body) {
      nodes += this->nodes(part);
      depth = std::max(depth, this->depth(part));
    }
  for (TermId arg : term.args) {
    skeleton += "," + skeletons_[static_cast<size_t>(arg)];
    whole += "," + digests_[static_cast<size_t>(arg)];
    nodes += this->nodes(arg);
    depth = std::max(depth, this->depth(arg));
  }
  terms_.push_back(std::move(term));
  skeletons_.push_back(digest(skeleton));
  digests_.push_back(digest(whole));
  nodes_.push_back(static_cast<int>(std::min<int64_t>(nodes, kManyNodes)));
  depths_.push_back(depth + 1);
  places_.push_back({-1, -1});
  makings_.emplace_back();
  is_exchanged_.push_back(is_exchanged);
  return made(entry->second);
}

TermId Terms::met(TermId id) {
  int& known = places_[static_cast<size_t>(id)][side];
  if (known < 0) known = origin;
  return id;
}

Makings* Terms::makings_of(TermId id) {
  switch (at(id).kind) {
    case Kind::constant:
    case Kind::index:
    case Kind::access: return nullptr;
    case Kind::reference: return &definition_makings_[static_cast<size_t>(at(id).definition)];
    case Kind::operation:
    case Kind::choice: return &makings_[static_cast<size_t>(id)];
  }
  throw InternalError("unknown term kind");
}

const Makings& Terms::makings(TermId id) const {
  static const Makings kNone;
  const Makings* found = const_cast<Terms*>(this)->makings_of(id);
  return found ? *found : kNone;
}

TermId Terms::made(TermId id) {
  if (origin >= 0) {
    note(history, {scope, origin});
    if (Makings* known = makings_of(id)) note(*known, {scope, origin});
    if (at(id).definition >= 0) note(definition_histories_[static_cast<size_t>(at(id).definition)], {scope, origin});
  }
  return met(id);
}

TermId Terms::made_from(TermId from, TermId id) {
  for (size_t i = 0; i < 2; ++i)
    if (int& known = places_[static_cast<size_t>(id)][i]; known < 0) known = places_[static_cast<size_t>(from)][i];
  if (from == id) return id;
  if (Makings* known = makings_of(id)) unite(*known, makings(from));
  const int whole = at(id).definition, part = at(from).definition;
  if (whole >= 0 && part >= 0 && whole != part)
    unite(definition_histories_[static_cast<size_t>(whole)], history_of_definition(part));
  return id;
}

// What a rewrite found for an operation with these arguments.
TermId Terms::made_instead(const std::vector<TermId>& args, TermId id) {
  for (const TermId arg : args) made_from(arg, id);
  return made(id);
}

int Terms::number_of_scope(const std::string& name, int origin) {
  const std::pair<std::string, int> wanted{name, origin};
  const auto found = std::find(scopes_.begin(), scopes_.end(), wanted);
  if (found != scopes_.end()) return static_cast<int>(found - scopes_.begin());
  scopes_.push_back(wanted);
  return static_cast<int>(scopes_.size()) - 1;
}

std::vector<ir::Source> Terms::sources(const Makings& makings) const {
  std::vector<ir::Source> sources;
  for (const Making& making : makings) {
    const auto& [name, origin] =
        making.scope < 0 ? std::pair<std::string, int>{"", -1} : scopes_[static_cast<size_t>(making.scope)];
    sources.push_back({origin, name, making.origin});
  }
  return sources;
}

int Terms::number_of(const std::string& key) {
  return numbers_.try_emplace(key, static_cast<int>(numbers_.size())).first->second;
}

// Constants last, as one writes them; then an order that depends on what the terms are alone.
bool Terms::stands_before(TermId a, TermId b) const {
  std::set<std::pair<TermId, TermId>> seen;
  const std::function<int(TermId, TermId)> compare = [&](TermId x, TermId y) -> int {
    Budget::spend();
    if (x == y || !seen.insert({x, y}).second) return 0;
    for (size_t i = 0; i < std::min(at(x).indices.size(), at(y).indices.size()); ++i)
      if (const int order = ir::to_text(at(x).indices[i]).compare(ir::to_text(at(y).indices[i]))) return order;
    for (size_t i = 0; i < std::min(at(x).args.size(), at(y).args.size()); ++i)
      if (const int order = compare(at(x).args[i], at(y).args[i])) return order;
    return 0;
  };
  const bool a_is_constant = at(a).kind == Kind::constant, b_is_constant = at(b).kind == Kind::constant;
  if (a_is_constant != b_is_constant) return b_is_constant;
  if (skeleton(a) != skeleton(b)) return skeleton(a) < skeleton(b);
  return compare(a, b) < 0;
}

TermId Terms::order_and_intern(Term term) {
  if (const std::vector<TermId> leaves = extremum_leaves(*this, term.op, term.args); leaves.size() > 2) {
    // The order of a chain: an insertion sort, so that the chain is what it is for any order that is asked for.
    std::vector<TermId> sorted;
    for (TermId leaf : leaves) {
      auto place = sorted.end();
      while (place != sorted.begin() && stands_before(leaf, *(place - 1))) --place;
      sorted.insert(place, leaf);
    }
    TermId chain = sorted[0];
    for (size_t i = 1; i < sorted.size(); ++i) {
      term.args = {chain, sorted[i]};
      chain = intern(term);
    }
    return chain;
  }
  const Op other = mirrored(term.op);
  const bool may_exchange = (ir::commutes(term.op) && term.args.size() == 2) || other != term.op;
  const bool is_exchanged = may_exchange && stands_before(term.args[1], term.args[0]);
  if (is_exchanged) {
    std::swap(term.args[0], term.args[1]);
    term.op = other;
  }
  return intern(std::move(term), is_exchanged);
}

Term Terms::in_authors_order(TermId id) const {
  Term term = at(id);
  if (!is_exchanged_.at(static_cast<size_t>(id))) return term;
  std::swap(term.args[0], term.args[1]);
  term.op = mirrored(term.op);
  return term;
}

TermId Terms::constant(DType dtype, double value) {
  Term term;
  term.dtype = dtype;
  term.value = value;
  return intern(std::move(term));
}

TermId Terms::index(IndexExpr e) {
  Term term;
  term.kind = Kind::index;
  term.dtype = DType::int32;
  term.indices = {simplify(e, ranges)};
  return intern(std::move(term));
}

TermId Terms::access(std::string tensor, DType dtype, std::vector<IndexExpr> indices) {
  Term term;
  term.kind = Kind::access;
  term.dtype = dtype;
  term.tensor = std::move(tensor);
  for (IndexExpr& e : indices) term.indices.push_back(simplify(e, ranges));
  return intern(std::move(term));
}

TermId Terms::reference(int id, std::vector<IndexExpr> indices) {
  Term term;
  term.kind = Kind::reference;
  term.dtype = definition(id).dtype;
  term.definition = id;
  for (IndexExpr& e : indices) term.indices.push_back(simplify(e, ranges));
  return intern(std::move(term));
}

TermId Terms::operation(Op op, DType dtype, std::vector<TermId> args, ir::CastMode mode) {
  if (op == Op::cast) {
    const Term& inner = at(args[0]);
    if (inner.dtype == dtype) return made(args[0]);
    // A cast that loses nothing, undone: bf16 -> f32 -> bf16. So f32 -> bf16 -> f32 -> bf16 rounds once.
    if (inner.kind == Kind::operation && inner.op == Op::cast && at(inner.args[0]).dtype == dtype &&
        ir::is_exact_cast(dtype, inner.dtype))
      return made_instead(args, inner.args[0]);
    // A cast that loses nothing and another, of what loses nothing to it: one, as int8 -> int32 -> f32.
    if (inner.kind == Kind::operation && inner.op == Op::cast && ir::is_exact_cast(at(inner.args[0]).dtype, inner.dtype) &&
        ir::is_exact_cast(at(inner.args[0]).dtype, dtype))
      return made_instead(args, operation(op, dtype, {inner.args[0]}, ir::CastMode::exact));
  }
  if (const TermId simpler = rewritten(*this, op, dtype, args); simpler != kNoTerm) return made_instead(args, simpler);
  Term term;
  term.kind = Kind::operation;
  term.op = op;
  term.dtype = dtype;
  term.args = std::move(args);
  term.mode = mode;
  return order_and_intern(std::move(term));
}

TermId Terms::ordered(Op op, DType dtype, std::vector<TermId> args) {
  Term term;
  term.kind = Kind::operation;
  term.op = op;
  term.dtype = dtype;
  term.args = std::move(args);
  return order_and_intern(std::move(term));
}

TermId Terms::residues(IndexExpr of, std::vector<TermId> cases) {
  const int64_t modulus = static_cast<int64_t>(cases.size());
  of = simplify(of, ranges);
  if (const auto chosen = ir::constant_value(simplify(ir::mod(of, ir::constant(modulus)), ranges)))
    return cases[static_cast<size_t>(*chosen)];
  if (are_all_equal(cases)) return cases[0];
  if (const TermId one = one_of_residues(of, cases); one != kNoTerm) return one;
  Term term;
  term.kind = Kind::choice;
  term.dtype = at(cases[0]).dtype;
  term.indices = {of};
  term.modulus = modulus;
  term.args = std::move(cases);
  return intern(std::move(term));
}

TermId Terms::intervals(IndexExpr of, std::vector<IndexExpr> limits, std::vector<TermId> cases) {
  of = simplify(of, ranges);
  for (IndexExpr& limit : limits) limit = simplify(limit, ranges);
  for (size_t i = 0; i < cases.size(); ++i) {
    const Range above = range_of(ir::sub(of, limits[i]), ranges), below = range_of(ir::sub(of, limits[i + 1]), ranges);
    if (above.least && *above.least >= 0 && below.most && *below.most < 0) return cases[i];
  }
  if (are_all_equal(cases)) return cases[0];
  Term term;
  term.kind = Kind::choice;
  term.dtype = at(cases[0]).dtype;
  term.indices = {of};
  term.limits = std::move(limits);
  term.args = std::move(cases);
  return intern(std::move(term));
}

// The one term that all cases are where they are taken: x[c] for x[2 * (c // 2)] and x[2 * (c // 2) + 1]. kNoTerm if there is
// none.
TermId Terms::one_of_residues(const IndexExpr& of, const std::vector<TermId>& cases) {
  for (TermId each : cases)
    if (skeleton(each) != skeleton(cases[0])) return kNoTerm;
  const Linear sum = linear(of, ranges);
  if (sum.parts.size() != 1 || sum.parts.begin()->second.coefficient != 1) return kNoTerm;
  const auto& [name, part] = *sum.parts.begin();
  const Range range = range_of(part.atom, ranges);
  if (part.atom->kind != ir::Index::Kind::name || range.least.value_or(-1) < 0) return kNoTerm;
  const auto modulus = static_cast<int64_t>(cases.size());
  // Case i is taken where name % modulus is this.
  const auto remainder = [&](size_t i) { return ((static_cast<int64_t>(i) - sum.constant) % modulus + modulus) % modulus; };
  const std::string quotient = ir::to_text(ir::floor_div(part.atom, ir::constant(modulus)));
  const IndexExpr atom = part.atom;
  const TermId candidate = with_indices(cases[0], [&](const IndexExpr& e) {
    Linear index = linear(e, ranges);
    const auto found = index.parts.find(quotient);
    if (found == index.parts.end() || found->second.coefficient % modulus != 0) return e;
    const int64_t times = found->second.coefficient / modulus;
    index.parts.erase(found);
    return simplify(ir::add(to_index(index), ir::mul(ir::constant(times), ir::sub(atom, ir::constant(remainder(0))))), ranges);
  });
  if (skeleton(candidate) != skeleton(cases[0])) return kNoTerm;
  const std::string q = name + "/";
  ranges[q] = {0, range.most ? std::optional(*range.most / modulus) : std::nullopt};
  for (size_t i = 0; i < cases.size(); ++i) {
    const Substitution there{{name, ir::add(ir::mul(ir::constant(modulus), ir::named(q)), ir::constant(remainder(i)))}};
    if (substitute(candidate, there) != substitute(cases[i], there)) return kNoTerm;
  }
  return candidate;
}

TermId Terms::substitute(TermId id, const Substitution& by) {
  return with_indices(id, [&](const IndexExpr& e) { return substituted(e, by, ranges); });
}

TermId Terms::with_indices(TermId id, const std::function<IndexExpr(const IndexExpr&)>& changed) {
  std::map<TermId, TermId> done;
  const WithoutOrigin without(origin);
  const std::function<TermId(TermId)> walk = [&](TermId at_id) -> TermId {
    if (const auto found = done.find(at_id); found != done.end()) return found->second;
    Term term = in_authors_order(at_id);  // a copy: interning below may move the storage
    for (IndexExpr& e : term.indices) e = changed(e);
    for (IndexExpr& e : term.limits) e = changed(e);
    TermId result;
    if (term.kind == Kind::choice) {
      // Decide the choice first: only the case that is taken need make sense.
      std::vector<TermId> cases = term.args;
      if (term.modulus > 0) {
        const auto chosen = ir::constant_value(simplify(ir::mod(term.indices[0], ir::constant(term.modulus)), ranges));
        if (chosen) return done[at_id] = walk(cases[static_cast<size_t>(*chosen)]);
      }
      for (TermId& arg : cases) arg = walk(arg);
      result = term.modulus > 0 ? residues(term.indices[0], std::move(cases))
                                : intervals(term.indices[0], term.limits, std::move(cases));
    } else {
      for (TermId& arg : term.args) arg = walk(arg);
      result = term.kind == Kind::operation ? operation(term.op, term.dtype, term.args, term.mode) : intern(std::move(term));
    }
    return done[at_id] = made_from(at_id, result);
  };
  return walk(id);
}

TermId Terms::decided(TermId id, TermId as, size_t taken) {
  const auto joined_limits = [&](const Term& term) { return joined(term.indices) + " in " + joined(term.limits); };
  const std::string asked = joined_limits(at(as));
  const int64_t modulus = at(as).modulus;
  std::map<TermId, TermId> done;
  const WithoutOrigin without(origin);
  const std::function<TermId(TermId)> walk = [&](TermId at_id) -> TermId {
    if (const auto found = done.find(at_id); found != done.end()) return found->second;
    Term term = in_authors_order(at_id);
    if (term.kind == Kind::choice && term.modulus == modulus && joined_limits(term) == asked)
      return done[at_id] = walk(term.args.at(taken));
    for (TermId& arg : term.args) arg = walk(arg);
    return done[at_id] = made_from(at_id, term.kind == Kind::operation ? operation(term.op, term.dtype, term.args, term.mode)
                                                                       : intern(std::move(term)));
  };
  return walk(id);
}

void Terms::collect_names(TermId id, std::map<std::string, bool>& names) const {
  const auto add = [&](const IndexExpr& e) {
    ir::substitute(e, [&](const ir::Index& leaf) {
      names[ir::to_text(std::make_shared<ir::Index>(leaf))] = true;
      return std::optional<IndexExpr>();
    });
  };
  std::set<TermId> seen;
  const std::function<void(TermId)> walk = [&](TermId at_id) {
    if (!seen.insert(at_id).second) return;
    const Term& term = at(at_id);
    for (const IndexExpr& e : term.indices) add(e);
    for (const IndexExpr& e : term.limits) add(e);
    for (TermId arg : term.args) walk(arg);
  };
  walk(id);
}

std::string Terms::definition_name(int id) const { return "#" + definition(id).digest.substr(0, 6); }

std::string Terms::text(TermId id) const {
  const Term& term = at(id);
  std::string args;
  for (TermId arg : term.args) args += (args.empty() ? "" : ", ") + text(arg);
  switch (term.kind) {
    case Kind::constant:
      return term.dtype == DType::f32 ? fmt::format("{}", term.value) : fmt::format("{}({})", name_of(term.dtype), term.value);
    case Kind::index: return fmt::format("int32({})", joined(term.indices));
    case Kind::access: return fmt::format("{}[{}]", term.tensor, joined(term.indices));
    case Kind::reference: return fmt::format("{}({})", definition_name(term.definition), joined(term.indices));
    case Kind::choice:
      return term.modulus > 0 ? fmt::format("by_residue({} % {}: {})", joined(term.indices), term.modulus, args)
                              : fmt::format("by_interval({} in {}: {})", joined(term.indices), joined(term.limits), args);
    case Kind::operation:
      if (term.op == Op::cast)
        return fmt::format("cast({}, {}{})", args, name_of(term.dtype),
                           term.mode == ir::CastMode::exact ? "" : fmt::format(", {}", ir::name_of(term.mode)));
      return fmt::format("{}({})", ir::name_of(term.op), args);
  }
  throw InternalError("unknown term kind");
}

namespace {

// Turns what does not depend on k in a reduction's indices into numbered axes, in the order of first appearance. What is there as
// it is and divided by a constant, as the place and the block of a column, is one axis.
class AxisAbstraction {
 public:
  AxisAbstraction(const std::string& k, const Ranges& ranges) : k_(k), ranges_(ranges) {}

  std::vector<IndexExpr> arguments;  // what each axis stands for at this use
  bool possible = true;

  // All indices are noted before the first is turned.
  void note(const IndexExpr& e) {
    const IndexExpr whole = to_index(without_k(e));
    noted_.emplace(ir::to_text(whole), whole);
  }

  IndexExpr operator()(const IndexExpr& e) {
    const Linear sum = linear(e, ranges_);
    Linear of_k, rest;
    rest.constant = sum.constant;
    for (const auto& [key, part] : sum.parts) {
      if (!mentions(part.atom, k_)) {
        rest.parts[key] = part;
        continue;
      }
      if (ir::names_in(part.atom).size() > 1) possible = false;
      of_k.parts[key] = part;
    }
    if (rest.parts.empty()) return renamed(to_index(sum));
    if (of_k.parts.empty()) {
      const auto quotient = quotient_of_another(rest);
      return quotient ? *quotient : axis_for(to_index(rest));
    }
    // k takes part: the rest is a multiple g * axis and a constant, so that 512 * h + k and 512 * (8 * h) + k share their form.
    int64_t g = 0;
    for (const auto& [key, part] : rest.parts) g = std::gcd(g, part.coefficient);
    Linear quotient;
    for (const auto& [key, part] : rest.parts) quotient.parts[key] = {part.coefficient / g, part.atom};
    const IndexExpr axis = axis_for(to_index(quotient));
    of_k.constant = rest.constant;
    return simplify(ir::add(ir::mul(ir::constant(g), axis), renamed(to_index(of_k))), ranges_);
  }

 private:
  Linear without_k(const IndexExpr& e) const {
    Linear sum = linear(e, ranges_);
    std::erase_if(sum.parts, [&](const auto& part) { return mentions(part.second.atom, k_); });
    return sum;
  }

  // Where the index is that of another divided by a constant: n beside 128 * n + c, and c // 128 beside c.
  std::optional<IndexExpr> quotient_of_another(const Linear& index) {
    if (index.parts.size() != 1 || index.constant != 0 || index.parts.begin()->second.coefficient != 1) return std::nullopt;
    const auto& [key, part] = *index.parts.begin();
    const IndexExpr& atom = part.atom;
    const bool is_quotient = atom->kind == ir::Index::Kind::floor_div && ir::constant_value(atom->b);
    for (const auto& [text, whole] : noted_) {
      if (is_quotient && text == ir::to_text(atom->a)) return ir::floor_div(axis_for(whole), atom->b);
      const Linear sum = linear(whole, ranges_);
      const auto same = sum.parts.find(key);
      if (same == sum.parts.end() || same->second.coefficient < 2) continue;
      const IndexExpr divisor = ir::constant(same->second.coefficient);
      if (ir::to_text(simplify(ir::floor_div(whole, divisor), ranges_)) == ir::to_text(atom))
        return ir::floor_div(axis_for(whole), divisor);
    }
    return std::nullopt;
  }

  IndexExpr renamed(const IndexExpr& e) const {
    return ir::substitute(
        e, [&](const ir::Index& leaf) { return leaf.name == k_ ? std::optional(ir::named(kReducedName)) : std::nullopt; });
  }

  IndexExpr axis_for(const IndexExpr& argument) {
    const std::string text = ir::to_text(argument);
    for (size_t i = 0; i < arguments.size(); ++i)
      if (ir::to_text(arguments[i]) == text) return ir::named(axis_name(i));
    arguments.push_back(argument);
    return ir::named(axis_name(arguments.size() - 1));
  }

  std::string k_;
  const Ranges& ranges_;
  std::map<std::string, IndexExpr> noted_;
};

}  // namespace

TermId Terms::reduce(Reduction reduction, DType dtype, IndexExpr extent, const std::string& k, std::vector<TermId> body) {
  AxisAbstraction abstraction(k, ranges);
  std::map<TermId, TermId> done;
  const WithoutOrigin without(origin);
  const std::function<TermId(TermId)> abstract = [&](TermId id) -> TermId {
    if (const auto found = done.find(id); found != done.end()) return found->second;
    Term term = in_authors_order(id);
    for (IndexExpr& e : term.indices) e = abstraction(e);
    for (IndexExpr& e : term.limits) e = abstraction(e);
    // Axes are numbered by what the terms are alone: not in the author's order of operands.
    const std::vector<TermId> args = at(id).args;
    for (TermId arg : args) abstract(arg);
    for (TermId& arg : term.args) arg = done.at(arg);
    return done[id] = made_from(id, term.kind == Kind::operation ? order_and_intern(std::move(term)) : intern(std::move(term)));
  };
  std::set<TermId> surveyed;
  const std::function<void(TermId)> survey = [&](TermId id) {
    if (!surveyed.insert(id).second) return;
    for (const IndexExpr& e : at(id).indices) abstraction.note(e);
    for (TermId arg : at(id).args) survey(arg);
  };
  for (TermId part : body) survey(part);
  for (TermId& part : body) part = abstract(part);
  if (!abstraction.possible) return kNoTerm;

  Definition definition{reduction, dtype, simplify(extent, ranges), body, static_cast<int>(abstraction.arguments.size()), {}};
  // Terms are hash-consed: equal ids are equal bodies.
  std::string key = fmt::format("{}:{}:{}", name_of(reduction), name_of(dtype), ir::to_text(definition.extent)), whole = key;
  for (TermId part : body) {
    key += fmt::format(",{}", part);
    whole += "," + digests_[static_cast<size_t>(part)];
  }
  definition.digest = digest(whole);
  const auto [entry, is_new] = definition_by_key_.try_emplace(std::move(key), static_cast<int>(definitions_.size()));
  if (is_new) {
    definitions_.push_back(definition);
    definition_makings_.emplace_back();
    definition_histories_.emplace_back();
  }
  if (without.before >= 0) {
    note(history, {scope, without.before});
    note(definition_makings_[static_cast<size_t>(entry->second)], {scope, without.before});
    unite(definition_histories_[static_cast<size_t>(entry->second)], history);
  }
  return reference(entry->second, std::move(abstraction.arguments));
}

}  // namespace imbrex::optimize
