#include "imbrex/prove/view_elements.h"

#include <algorithm>
#include <functional>

#include "imbrex/prove/coordinates.h"

namespace imbrex::prove {

using ir::IndexExpr;

std::string view_element_name(size_t axis) { return ".view" + std::to_string(axis); }

isl::set same_position(const Frame& frame, const std::vector<IndexExpr>& view, const std::vector<IndexExpr>& base) {
  // Equal leading and trailing extents are matched axis by axis, so that symbolic extents need no product.
  size_t front = 0, back = 0;
  const size_t fewest = std::min(view.size(), base.size());
  isl::set result = frame.universe();
  const auto equal_axis = [&](size_t v, size_t b) {
    result = result.intersect(frame.equal(ir::named(view_element_name(v)), ir::named(element_name(b))));
  };
  while (front < fewest && ir::same(view[front], base[front])) equal_axis(front, front), ++front;
  while (back < fewest - front && ir::same(view[view.size() - 1 - back], base[base.size() - 1 - back])) {
    equal_axis(view.size() - 1 - back, base.size() - 1 - back);
    ++back;
  }
  const auto position = [&](const std::vector<IndexExpr>& shape, const auto& name) {
    IndexExpr sum = ir::constant(0), stride = ir::constant(1);
    for (size_t k = shape.size() - back; k-- > front;) {
      sum = ir::add(sum, ir::mul(ir::named(name(k)), stride));
      stride = ir::mul(stride, shape[k]);
    }
    return sum;
  };
  if (front + back < std::max(view.size(), base.size())) {
    // Along an axis of constant size the stride may be unknown: the positions on it are gone through one by one.
    const auto extent_of = [&](const std::string& name) -> std::optional<int64_t> {
      for (size_t k = 0; k < view.size(); ++k)
        if (name == view_element_name(k)) return ir::constant_value(view[k]);
      for (size_t k = 0; k < base.size(); ++k)
        if (name == element_name(k)) return ir::constant_value(base[k]);
      return std::nullopt;
    };
    const IndexExpr in_view = position(view, view_element_name), in_base = position(base, element_name);
    const std::function<isl::set(const Fixed&, int64_t)> equal = [&](const Fixed& fixed, int64_t combinations) {
      try {
        return frame.equal(in_view, in_base, fixed);
      } catch (const NotAffine& problem) {
        for (const std::string& name : ir::names_in(problem.culprit)) {
          const auto extent = extent_of(name);
          if (!extent || *extent < 1 || fixed.count(name) || combinations * *extent > kMostExpanded) continue;
          isl::set all = frame.empty();
          for (int64_t at = 0; at < *extent; ++at) {
            Fixed more = fixed;
            more[name] = at;
            all = all.unite(equal(more, combinations * *extent).intersect(frame.equal(ir::named(name), ir::constant(at))));
          }
          return all;
        }
        throw;
      }
    };
    result = result.intersect(equal({}, 1));
  }
  for (size_t k = front; k + back < base.size(); ++k)
    result = result.intersect(frame.between(ir::constant(0), ir::named(element_name(k)), base[k]));
  return result;
}

}  // namespace imbrex::prove
