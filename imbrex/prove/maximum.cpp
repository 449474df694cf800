#include "imbrex/prove/maximum.h"

#include <algorithm>
#include <queue>

namespace imbrex::prove {
namespace {

using Box = Domain::Box;

struct Search {
  Domain& domain;
  const std::vector<Alternative>& alternatives;
  SearchBudget& budget;
  std::vector<size_t> order;  // variables: those that the values depend on first

  Search(Domain& domain, const std::vector<Alternative>& alternatives, SearchBudget& budget)
      : domain(domain), alternatives(alternatives), budget(budget) {
    std::vector<int> roots;
    for (const Alternative& alternative : alternatives) roots.push_back(alternative.as_written);
    const std::vector<bool> counts = domain.variables_in(roots);
    for (const bool wanted : {true, false})
      for (size_t v = 0; v < counts.size(); ++v)
        if (counts[v] == wanted) order.push_back(v);
  }

  int64_t bound(const Box& box) {
    const std::vector<Interval>& values = domain.values(box, budget);
    int64_t result = 0;
    for (const Alternative& alternative : alternatives)
      result = std::max(result, std::min(values[static_cast<size_t>(alternative.as_written)].most,
                                         values[static_cast<size_t>(alternative.multiplied_out)].most));
    return result;
  }

  // The value at a point; none where it has no number.
  std::optional<int64_t> value(const Box& point) {
    const std::vector<Interval>& values = domain.values(point, budget);
    std::optional<int64_t> result;
    for (const Alternative& alternative : alternatives) {
      const Interval& of = values[static_cast<size_t>(alternative.as_written)];
      if (of.is_one() && (!result || of.least > *result)) result = of.least;
    }
    return result;
  }

  static bool is_point(const Box& box) {
    return std::all_of(box.begin(), box.end(), [](const Interval& interval) { return interval.is_one(); });
  }

  struct Part {
    Box box;
    int64_t bound = -1;
  };
  // The box with the variable in this interval; none where no point is left.
  std::optional<Part> part(const Box& box, size_t variable, const Interval& interval) {
    Part result{box, -1};
    result.box[variable] = interval;
    if (!domain.narrow(result.box, budget)) return std::nullopt;
    result.bound = bound(result.box);
    return result;
  }

  static int64_t middle(const Interval& of) {
    const int64_t least = std::max(of.least, INT64_MIN / 2), most = std::min(of.most, INT64_MAX / 2);
    return least + (most - least) / 2;
  }

  std::optional<size_t> variable_to_halve(const Box& box) const {
    for (const size_t v : order)
      if (!box[v].is_one()) return v;
    return std::nullopt;
  }

  std::vector<Part> halves(const Box& box, size_t variable) {
    std::vector<Part> parts;
    const int64_t cut = middle(box[variable]);
    for (const Interval& interval : {Interval{box[variable].least, cut}, Interval{cut + 1, box[variable].most}})
      if (auto half = part(box, variable, interval)) parts.push_back(std::move(*half));
    return parts;
  }

  // A point of the box whose value is as close to the bound as going down one way finds it: dimensions and data at their ends
  // from above, loops at theirs from below, else the better half.
  std::optional<Box> descend(Part at) {
    for (const size_t v : order)
      while (!at.box[v].is_one() && !budget.is_spent()) {
        const Interval all = at.box[v];
        const bool from_below = domain.variables()[v].kind == Domain::Variable::Kind::loop;
        std::optional<Part> best;
        const auto try_part = [&](const Interval& interval) {
          if (best && best->bound == at.bound) return;
          auto next = part(at.box, v, interval);
          if (next && (!best || next->bound > best->bound)) best = std::move(next);
        };
        const Interval least = Interval{all.least, all.least}, most = Interval{all.most, all.most};
        const bool has_ends = all.least != Interval::kNoLeast && all.most != Interval::kNoMost;
        if (has_ends) {
          try_part(from_below ? least : most);
          try_part(from_below ? most : least);
        }
        if (!best || best->bound != at.bound) {
          best.reset();
          const int64_t cut = middle(all);
          const Interval lower{all.least, cut}, upper{cut + 1, all.most};
          try_part(from_below ? lower : upper);
          try_part(from_below ? upper : lower);
        }
        if (!best) return std::nullopt;
        at = std::move(*best);
      }
    return is_point(at.box) ? std::optional(at.box) : std::nullopt;
  }
};

}  // namespace

Maximum largest(Domain& domain, const std::vector<Alternative>& alternatives, int64_t known, SearchBudget& budget) {
  Maximum result{{}, known, known};
  if (domain.is_empty()) return result;
  Search search(domain, alternatives, budget);
  struct Open {
    Search::Part part;
    size_t number;  // of equal ones, the latest
  };
  const auto less = [](const Open& a, const Open& b) {
    return a.part.bound != b.part.bound ? a.part.bound < b.part.bound : a.number < b.number;
  };
  std::priority_queue<Open, std::vector<Open>, decltype(less)> open(less);
  size_t count = 0;
  open.push({{domain.whole(), search.bound(domain.whole())}, count++});
  while (!open.empty()) {
    const Search::Part top = open.top().part;
    if (top.bound <= result.at_least) break;
    if (budget.is_spent()) {
      result.at_most = top.bound;
      return result;
    }
    open.pop();
    const auto take = [&](const Box& point) {
      const auto value = search.value(point);
      if (value && *value > result.at_least) result.at = point, result.at_least = *value;
      return value.has_value();
    };
    const auto variable = search.variable_to_halve(top.box);
    if (!variable) {
      // A point whose value has no number, as beyond 2^62, is bounded by its interval.
      Box point = top.box;
      if (domain.narrow(point, budget) && !take(point)) {
        result.at_most = top.bound;
        return result;
      }
      continue;
    }
    if (const auto point = search.descend(top)) take(*point);
    if (top.bound <= result.at_least) break;
    for (Search::Part& half : search.halves(top.box, *variable)) open.push({std::move(half), count++});
  }
  result.at_most = result.at_least;
  return result;
}

std::optional<int64_t> first_above(Domain& domain, const std::vector<Alternative>& alternatives, size_t variable, int64_t limit,
                                   SearchBudget& budget) {
  if (domain.is_empty()) return std::nullopt;
  Search search(domain, alternatives, budget);
  // Least values first; of equal ones, the narrowest box.
  const auto later = [&](const Search::Part& a, const Search::Part& b) {
    const Interval &x = a.box[variable], &y = b.box[variable];
    return x.least != y.least ? x.least > y.least : x.most > y.most;
  };
  std::priority_queue<Search::Part, std::vector<Search::Part>, decltype(later)> open(later);
  open.push({domain.whole(), search.bound(domain.whole())});
  while (!open.empty()) {
    const Search::Part top = open.top();
    open.pop();
    if (top.bound <= limit) continue;
    const int64_t least = top.box[variable].least;
    if (budget.is_spent()) return least;
    std::optional<size_t> halved = variable;
    if (top.box[variable].is_one()) {
      const auto point = search.descend(top);
      if (point && search.value(*point).value_or(Interval::kNoMost) > limit) return least;
      halved = search.variable_to_halve(top.box);
      if (!halved) return least;  // no number
    }
    for (Search::Part& half : search.halves(top.box, *halved)) open.push(std::move(half));
  }
  return std::nullopt;
}

}  // namespace imbrex::prove
