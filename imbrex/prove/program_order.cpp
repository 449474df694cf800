#include "imbrex/prove/program_order.h"

#include "imbrex/prove/coordinates.h"

namespace imbrex::prove {

size_t common_binders(const Access& a, const Access& b) {
  size_t n = 0;
  while (n < a.binders.size() && n < b.binders.size() && a.binders[n].name == b.binders[n].name) ++n;
  return n;
}

namespace {

enum class Order { before, after };

// The part of `subject` for which some execution of `other`, before or after it, touches the same element. Each loop that carries
// the order is one case; those nearest in time come first.
isl::set ordered(const isl::set& subject_set, const Access& subject, const isl::set& other_set, const Access& other,
                 Order order) {
  const size_t a = subject.binders.size(), b = other.binders.size();
  const size_t common = common_binders(subject, other), instance = subject.memory->depth;
  isl::set pairs = side_by_side(subject_set, a, other_set, b);
  isl::set result = subject_set.subtract(subject_set);
  for (size_t d = 0; d <= common; ++d) {
    const bool same_iteration = d == common;
    if (same_iteration) {
      const bool holds = order == Order::before ? other.order < subject.order : other.order > subject.order;
      if (holds) result = result.unite(project_out(pairs, a, b));
      break;
    }
    if (d >= instance && subject.binders[d].loop) {
      const size_t first = order == Order::before ? a + d : d, second = order == Order::before ? d : a + d;
      const isl::set carried = less_coordinate(pairs, first, second);
      if (!carried.is_empty()) result = result.unite(project_out(carried, a, b));
    }
    pairs = equal_coordinates(pairs, d, a + d);
  }
  return result.coalesce();
}

}  // namespace

isl::set preceded(const isl::set& later_set, const Access& later, const isl::set& earlier_set, const Access& earlier) {
  return ordered(later_set, later, earlier_set, earlier, Order::before);
}

isl::set followed(const isl::set& earlier_set, const Access& earlier, const isl::set& later_set, const Access& later) {
  return ordered(earlier_set, earlier, later_set, later, Order::after);
}

}  // namespace imbrex::prove
