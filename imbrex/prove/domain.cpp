#include "imbrex/prove/domain.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "imbrex/base/checked.h"

namespace imbrex::prove {

using ir::IndexExpr;
using Kind = ir::Index::Kind;

namespace {

constexpr int64_t kLeastOfData = -(int64_t{1} << 31), kMostOfData = (int64_t{1} << 31) - 1;
constexpr size_t kMostTerms = 64;
constexpr int kMostRounds = 8;

struct NotInDomain {};  // a name that is no variable here

Interval apply(Kind kind, const Interval& a, const Interval& b) {
  switch (kind) {
    case Kind::add: return a + b;
    case Kind::sub: return a - b;
    case Kind::mul: return a * b;
    case Kind::floor_div: return floor_div(a, b);
    case Kind::mod: return mod(a, b);
    case Kind::min: return min(a, b);
    case Kind::max: return max(a, b);
    default: throw InternalError("not an index operator");
  }
}

// The factors x for which x * positive may lie in `product`.
Interval divided(const Interval& product, const Interval& positive) {
  const auto floor_of = [](int64_t a, int64_t b) { return *checked_floor_div(a, b); };
  Interval result;
  if (product.most != Interval::kNoMost) {
    const int64_t by = product.most >= 0 ? positive.least : positive.most;
    result.most = by == Interval::kNoMost ? -1 : floor_of(product.most, by);
  }
  if (product.least != Interval::kNoLeast) {
    const int64_t by = product.least <= 0 ? positive.least : positive.most;
    result.least = by == Interval::kNoMost ? 1 : -floor_of(-product.least, by);
  }
  return result;
}

}  // namespace

Domain::Domain(const ir::Program& program, const LoopsByName& loops, const Place& place, const DimRanges& dims,
               const TileSizes& tiles)
    : loops_(loops), tiles_(tiles) {
  for (const ir::Dim& dim : program.dims) variable(Variable::Kind::dim, dim.name), whole_.push_back(dims.at(dim.name));
  for (const Binder& binder : place.binders) {
    const int number = variable(binder.loop ? Variable::Kind::loop : Variable::Kind::data, binder.name);
    if (!binder.loop) {
      whole_.push_back({kLeastOfData, kMostOfData});
      continue;
    }
    whole_.push_back({});
    const ir::Loop& loop = *binder.loop;
    const int begin = loop.tile > 0 ? constant(0) : node(loop.begin);
    int last = binary(Kind::sub, node(loop.extent), constant(1));
    if (loop.tile > 0) {
      const auto other = tiles_.find(loop.variable);
      last = binary(Kind::floor_div, last, constant(other == tiles_.end() ? loop.tile : other->second));
    } else {
      last = binary(Kind::add, begin, last);
    }
    conditions_.push_back({{{begin, number}, {number, last}}});
  }
  for (const Guard& guard : place.guards) add(guard);
  condition_nodes_ = nodes_.size();
  // Loops in loops are narrowed one after the other.
  SearchBudget enough{UINT64_MAX};
  for (size_t i = 0; i < variables_.size() + 1 && !is_empty_; ++i) {
    const Box before = whole_;
    is_empty_ = !narrow(whole_, enough);
    if (whole_ == before) break;
  }
}

// All comparisons hold, or one of them does not.
void Domain::add(const Guard& guard) {
  std::vector<Together> choices;
  bool is_whole = true;
  for (const ir::Comparison& comparison : guard.condition) {
    try {
      choices.push_back(relations_of(comparison, guard.holds));
    } catch (const NotInDomain&) {
      is_whole = false;
      for (const IndexExpr& side : {comparison.left, comparison.right})
        for (const std::string& name : ir::names_in(side)) unused_.insert(name);
    }
  }
  if (guard.holds)
    for (const Together& relations : choices) conditions_.push_back({relations});
  else if (is_whole)
    conditions_.push_back(choices);
}

int Domain::add_node(const Node& node) {
  const auto key = std::make_tuple(static_cast<int>(node.kind), node.a, node.b, node.value.least, node.value.most);
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  nodes_.push_back(node);
  return known_[key] = static_cast<int>(nodes_.size()) - 1;
}

int Domain::variable(Variable::Kind kind, const std::string& name) {
  const int number = add_node({Kind::name, static_cast<int>(variables_.size()), -1, {}});
  variables_.push_back({kind, name});
  return variable_nodes_[name] = number;
}

int Domain::constant(int64_t value) { return add_node({Kind::constant, -1, -1, Interval::of(value)}); }

int Domain::binary(Kind kind, int a, int b) {
  const Node &x = nodes_[static_cast<size_t>(a)], &y = nodes_[static_cast<size_t>(b)];
  const auto is = [](const Node& node, int64_t value) {
    return node.kind == Kind::constant && node.value == Interval::of(value);
  };
  if ((kind == Kind::add || kind == Kind::sub || kind == Kind::floor_div || kind == Kind::mul) &&
      is(y, kind == Kind::add || kind == Kind::sub ? 0 : 1))
    return a;
  if ((kind == Kind::add && is(x, 0)) || (kind == Kind::mul && is(x, 1))) return b;
  if (x.kind == Kind::constant && y.kind == Kind::constant) {
    const Interval value = apply(kind, x.value, y.value);
    if (value.is_one()) return constant(value.least);
  }
  return add_node({kind, a, b, {}});
}

int Domain::node(const IndexExpr& e) {
  const auto known = of_expression_.find(e);
  if (known != of_expression_.end()) return known->second;
  const auto named = [&] {
    const auto found = variable_nodes_.find(e->name);
    if (found == variable_nodes_.end()) throw NotInDomain{};
    return found->second;
  };
  int result = -1;
  switch (e->kind) {
    case Kind::constant: result = constant(e->value); break;
    case Kind::name:
    case Kind::span_index: result = named(); break;
    case Kind::span_begin:
    case Kind::span_size: {
      const int iteration = named();
      const ir::Loop& loop = *loops_.at(e->name);
      const auto other = tiles_.find(loop.variable);
      const int tile = constant(other == tiles_.end() ? loop.tile : other->second);
      const int offset = binary(Kind::mul, iteration, tile);
      result = e->kind == Kind::span_begin ? binary(Kind::add, node(loop.begin), offset)
                                           : binary(Kind::min, tile, binary(Kind::sub, node(loop.extent), offset));
      break;
    }
    default: result = binary(e->kind, node(e->a), node(e->b));
  }
  return of_expression_[e] = result;
}

Domain::Together Domain::relations_of(const ir::Comparison& c, bool holds) {
  const int left = node(c.left), right = node(c.right);
  const auto less = [&](int a, int b) { return Relation{binary(Kind::add, a, constant(1)), b}; };
  switch (c.compare) {  // the comparison, or its opposite
    case ir::Compare::lt: return {holds ? less(left, right) : Relation{right, left}};
    case ir::Compare::le: return {holds ? Relation{left, right} : less(right, left)};
    case ir::Compare::gt: return {holds ? less(right, left) : Relation{left, right}};
    case ir::Compare::ge: return {holds ? Relation{right, left} : less(left, right)};
    case ir::Compare::eq:
    case ir::Compare::ne: break;
  }
  if ((c.compare == ir::Compare::eq) == holds) return {{left, right}, {right, left}};
  return {{left, right, true}};
}

void Domain::evaluate(const Box& box, size_t end) {
  values_.resize(nodes_.size());
  for (size_t i = 0; i < end; ++i) {
    const Node& node = nodes_[i];
    values_[i] = node.kind == Kind::constant ? node.value
                 : node.kind == Kind::name
                     ? box[static_cast<size_t>(node.a)]
                     : apply(node.kind, values_[static_cast<size_t>(node.a)], values_[static_cast<size_t>(node.b)]);
  }
}

const std::vector<Interval>& Domain::values(const Box& box, SearchBudget& budget) {
  budget.take(nodes_.size());
  evaluate(box, nodes_.size());
  return values_;
}

bool Domain::holds_never(const Relation& r) const {
  const Interval &a = values_[static_cast<size_t>(r.left)], &b = values_[static_cast<size_t>(r.right)];
  if (r.differs) return a.is_one() && a == b;
  return a.least > b.most;
}

bool Domain::narrow(Box& box, SearchBudget& budget) {
  for (const Interval& interval : box)
    if (interval.is_empty()) return false;
  for (int round = 0; round < kMostRounds; ++round) {
    changed_ = false;
    budget.take(condition_nodes_ + 1);
    evaluate(box, condition_nodes_);
    for (const std::vector<Together>& choices : conditions_)
      if (!impose_one(choices, box)) return false;
    if (!changed_) return true;
  }
  return true;
}

bool Domain::impose_one(const std::vector<Together>& choices, Box& box) {
  const Together* possible = nullptr;
  for (const Together& relations : choices) {
    if (std::any_of(relations.begin(), relations.end(), [&](const Relation& r) { return holds_never(r); })) continue;
    if (possible) return true;  // more than one
    possible = &relations;
  }
  return possible && std::all_of(possible->begin(), possible->end(), [&](const Relation& r) { return impose(r, box); });
}

bool Domain::impose(const Relation& r, Box& box) {
  const Interval a = values_[static_cast<size_t>(r.left)], b = values_[static_cast<size_t>(r.right)];
  if (!r.differs) return narrow_node(r.left, {a.least, b.most}, box) && narrow_node(r.right, {a.least, b.most}, box);
  const auto without = [&](int node, const Interval& of, const Interval& value) {
    if (!value.is_one() || of.is_one()) return true;
    if (of.least == value.least) return narrow_node(node, {of.least + 1, of.most}, box);
    if (of.most == value.most) return narrow_node(node, {of.least, of.most - 1}, box);
    return true;
  };
  return without(r.left, a, b) && without(r.right, b, a);
}

bool Domain::narrow_node(int number, Interval to, Box& box) {
  const size_t i = static_cast<size_t>(number);
  const Node& node = nodes_[i];
  const Interval now = intersection(values_[i], to);
  if (now.is_empty()) return false;
  if (now == values_[i]) return true;
  values_[i] = now;
  if (node.kind == Kind::constant) return true;
  if (node.kind == Kind::name) {
    box[static_cast<size_t>(node.a)] = now;
    changed_ = true;
    return true;
  }
  const auto value = [&](int of) { return values_[static_cast<size_t>(of)]; };
  const Interval a = value(node.a), b = value(node.b);
  switch (node.kind) {
    case Kind::add: return narrow_node(node.a, now - b, box) && narrow_node(node.b, now - value(node.a), box);
    case Kind::sub: return narrow_node(node.a, now + b, box) && narrow_node(node.b, value(node.a) - now, box);
    case Kind::mul:
      if (b.least > 0 && !narrow_node(node.a, divided(now, b), box)) return false;
      if (b.most < 0 && b.least != Interval::kNoLeast &&
          !narrow_node(node.a, divided(Interval::of(0) - now, Interval::of(0) - b), box))
        return false;
      return value(node.a).least <= 0 || narrow_node(node.b, divided(now, value(node.a)), box);
    case Kind::floor_div:
      if (!b.is_one() || b.least <= 0) return true;
      return narrow_node(node.a, now * b + Interval{0, b.least - 1}, box);
    case Kind::mod: {
      if (!b.is_one() || b.least <= 0) return true;
      if (a.least >= 0 && a.most < b.least) return narrow_node(node.a, now, box);
      if (!now.is_one() || a.least == Interval::kNoLeast || a.most == Interval::kNoMost) return true;
      // The first and the last number with this remainder.
      return narrow_node(
          node.a, {a.least + *checked_mod(now.least - a.least, b.least), a.most - *checked_mod(a.most - now.least, b.least)},
          box);
    }
    case Kind::min:
    case Kind::max: {
      const bool is_min = node.kind == Kind::min;
      const Interval both = is_min ? Interval{now.least, Interval::kNoMost} : Interval{Interval::kNoLeast, now.most};
      if (!narrow_node(node.a, both, box) || !narrow_node(node.b, both, box)) return false;
      // Where one cannot be the result, the other is.
      const auto is_out = [&](const Interval& x) { return is_min ? x.least > now.most : x.most < now.least; };
      if (is_out(value(node.a)) && !narrow_node(node.b, now, box)) return false;
      return !is_out(value(node.b)) || narrow_node(node.a, now, box);
    }
    default: return true;
  }
}

std::vector<bool> Domain::variables_in(const std::vector<int>& roots) const {
  std::vector<bool> needed(nodes_.size()), result(variables_.size());
  for (const int root : roots) needed[static_cast<size_t>(root)] = true;
  for (size_t i = nodes_.size(); i-- > 0;) {
    if (!needed[i]) continue;
    const Node& node = nodes_[i];
    if (node.kind == Kind::name) result[static_cast<size_t>(node.a)] = true;
    if (node.kind == Kind::name || node.kind == Kind::constant) continue;
    needed[static_cast<size_t>(node.a)] = needed[static_cast<size_t>(node.b)] = true;
  }
  return result;
}

std::vector<bool> Domain::variables_in_conditions() const {
  std::vector<int> roots;
  for (const std::vector<Together>& choices : conditions_)
    for (const Together& relations : choices)
      for (const Relation& relation : relations) roots.push_back(relation.left), roots.push_back(relation.right);
  return variables_in(roots);
}

// A sum of products: coefficients by the nodes multiplied, in order.
using Sum = std::map<std::vector<int>, int64_t>;

int Domain::multiplied_out(int root) {
  std::map<int, std::optional<Sum>> known;
  const auto plus = [](Sum& sum, const std::vector<int>& factors, int64_t coefficient) {
    int64_t& all = sum[factors];
    const auto added = checked_add(all, coefficient);
    if (!added) return false;
    all = *added;
    if (all == 0) sum.erase(factors);
    return sum.size() <= kMostTerms;
  };
  // None where it becomes too large.
  const std::function<std::optional<Sum>(int)> of = [&](int number) -> std::optional<Sum> {
    const auto found = known.find(number);
    if (found != known.end()) return found->second;
    const Node node = nodes_[static_cast<size_t>(number)];
    const auto compute = [&]() -> std::optional<Sum> {
      Sum sum;
      if (node.kind == Kind::constant) {
        if (!node.value.is_one()) return std::nullopt;
        if (node.value.least != 0) sum[{}] = node.value.least;
        return sum;
      }
      if (node.kind == Kind::add || node.kind == Kind::sub || node.kind == Kind::mul) {
        // x // m * (k * m) is k * (x - x % m), of which x may cancel.
        if (node.kind == Kind::mul) {
          const Node a = nodes_[static_cast<size_t>(node.a)], b = nodes_[static_cast<size_t>(node.b)];
          if (a.kind == Kind::floor_div && b.kind == Kind::constant) {
            const Interval divisor = nodes_[static_cast<size_t>(a.b)].value;
            const bool is_constant = nodes_[static_cast<size_t>(a.b)].kind == Kind::constant;
            if (is_constant && divisor.is_one() && divisor.least > 0 && b.value.is_one() && b.value.least % divisor.least == 0)
              return of(binary(Kind::mul, binary(Kind::sub, a.a, binary(Kind::mod, a.a, a.b)),
                               constant(b.value.least / divisor.least)));
          }
        }
        const std::optional<Sum> a = of(node.a), b = of(node.b);
        if (!a || !b) return std::nullopt;
        if (node.kind == Kind::mul) {
          for (const auto& [x, p] : *a)
            for (const auto& [y, q] : *b) {
              std::vector<int> factors = x;
              factors.insert(factors.end(), y.begin(), y.end());
              std::sort(factors.begin(), factors.end());
              const auto product = checked_mul(p, q);
              if (!product || !plus(sum, factors, *product)) return std::nullopt;
            }
          return sum;
        }
        sum = *a;
        for (const auto& [y, q] : *b) {
          const auto signed_q = node.kind == Kind::sub ? checked_sub(0, q) : q;
          if (!signed_q || !plus(sum, y, *signed_q)) return std::nullopt;
        }
        return sum;
      }
      sum[{number}] = 1;
      return sum;
    };
    return known[number] = compute();
  };
  const std::optional<Sum> sum = of(root);
  if (!sum) return root;
  int result = constant(0);
  for (const auto& [factors, coefficient] : *sum) {
    int term = constant(coefficient);
    for (const int factor : factors) term = binary(Kind::mul, term, factor);
    result = binary(Kind::add, result, term);
  }
  return result;
}

}  // namespace imbrex::prove
