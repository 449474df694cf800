#include "imbrex/optimize/own_slice.h"

#include <algorithm>
#include <utility>

namespace imbrex::optimize {
namespace {

using ir::Axis;
using ir::IndexExpr;

using Extents = std::vector<IndexExpr>;

struct NoSlice {};

class Translation {
 public:
  explicit Translation(const Ranges& ranges) : ranges_(ranges) {}

  // Axes of both are taken together from the left until their elements are equally many.
  std::vector<Axis> run(const std::vector<Axis>& slice, const Extents& view, const Extents& shape) {
    size_t v = 0, t = 0;
    while (v < view.size() && t < shape.size()) {
      if (const size_t many = count_equal_to(view[v], shape, t)) {
        divide(slice[v],
               Extents(shape.begin() + static_cast<std::ptrdiff_t>(t), shape.begin() + static_cast<std::ptrdiff_t>(t + many)));
        ++v, t += many;
      } else if (const size_t several = count_equal_to(shape[t], view, v)) {
        merge(slice, view, v, v + several);
        v += several, ++t;
      } else {
        throw NoSlice{};
      }
    }
    for (; v < view.size(); ++v)
      if (!is(view[v], ir::constant(1)) || !is_whole(slice[v], view[v])) throw NoSlice{};
    for (; t < shape.size(); ++t) {
      if (!is(shape[t], ir::constant(1))) throw NoSlice{};
      result_.push_back({Axis::Kind::range, ir::constant(0), ir::constant(1), {}});
    }
    return std::move(result_);
  }

 private:
  bool is(const IndexExpr& a, const IndexExpr& b) const { return ir::constant_value(simplify(ir::sub(a, b), ranges_)) == 0; }
  static IndexExpr size_of(const Axis& axis) { return axis.kind == Axis::Kind::point ? ir::constant(1) : axis.size; }
  bool is_whole(const Axis& axis, const IndexExpr& extent) const {
    return is(axis.begin, ir::constant(0)) && is(size_of(axis), extent);
  }

  // How many of the extents from `first` on make `extent` together; 0 if none do.
  size_t count_equal_to(const IndexExpr& extent, const Extents& extents, size_t first) const {
    IndexExpr together = ir::constant(1);
    for (size_t i = first; i < extents.size(); ++i) {
      together = ir::mul(together, extents[i]);
      if (is(together, extent)) return i - first + 1;
    }
    return 0;
  }

  // One axis of the view is several of the tensor.
  void divide(const Axis& axis, const Extents& extents) {
    if (extents.size() == 1) {
      result_.push_back(axis);
      return;
    }
    const Extents inside(extents.begin() + 1, extents.end());
    if (is(extents[0], ir::constant(1))) {
      result_.push_back({Axis::Kind::range, ir::constant(0), ir::constant(1), {}});
      return divide(axis, inside);
    }
    IndexExpr together = ir::constant(1);
    for (const IndexExpr& extent : extents) together = ir::mul(together, extent);
    if (is_whole(axis, together)) {
      for (const IndexExpr& extent : extents) result_.push_back({Axis::Kind::range, ir::constant(0), extent, {}});
      return;
    }
    IndexExpr below = ir::constant(1);
    for (const IndexExpr& extent : inside) below = ir::mul(below, extent);
    const auto step = ir::constant_value(simplify(below, ranges_));
    const auto [begin, rest] = by_step(axis.begin, below);
    const Range left = range_of(rest, ranges_);
    const auto size = ir::constant_value(simplify(size_of(axis), ranges_));
    if (step && size && left.least.value_or(-1) >= 0 && left.most && *left.most + *size <= *step) {
      result_.push_back({Axis::Kind::point, begin, ir::constant(1), {}});
      divide({axis.kind, rest, axis.size, {}}, inside);
      return;
    }
    const auto [whole, part] = by_step(size_of(axis), below);
    if (!is(rest, ir::constant(0)) || !is(part, ir::constant(0))) throw NoSlice{};
    result_.push_back({Axis::Kind::range, begin, whole, {}});
    for (const IndexExpr& extent : inside) result_.push_back({Axis::Kind::range, ir::constant(0), extent, {}});
  }

  // e = step * quotient + rest. By a constant, terms stay whole: their coefficients are divided.
  std::pair<IndexExpr, IndexExpr> by_step(const IndexExpr& e, const IndexExpr& below) const {
    const int64_t step = ir::constant_value(simplify(below, ranges_)).value_or(0);
    if (step < 1) return {simplify(ir::floor_div(e, below), ranges_), simplify(ir::mod(e, below), ranges_)};
    const Linear sum = linear(e, ranges_);
    Linear quotient, rest;
    for (const auto& [key, part] : sum.parts) {
      Linear& to = part.coefficient % step == 0 ? quotient : rest;
      to.parts[key] = {part.coefficient % step == 0 ? part.coefficient / step : part.coefficient, part.atom};
    }
    const int64_t left = (sum.constant % step + step) % step;
    quotient.constant = (sum.constant - left) / step;
    rest.constant = left;
    return {simplify(to_index(quotient), ranges_), simplify(to_index(rest), ranges_)};
  }

  // Several axes of the view are one of the tensor: neighbours there if only the last that is not whole has more than one
  // element.
  void merge(const std::vector<Axis>& slice, const Extents& view, size_t first, size_t end) {
    Axis result{Axis::Kind::point, ir::constant(0), ir::constant(1), {}};
    IndexExpr step = ir::constant(1);
    bool are_whole = true;
    for (size_t d = end; d-- > first;) {
      const IndexExpr size = size_of(slice[d]);
      if (!are_whole && !is(size, ir::constant(1))) throw NoSlice{};
      if (slice[d].kind == Axis::Kind::range) result.kind = Axis::Kind::range;
      result.begin = ir::add(result.begin, ir::mul(step, slice[d].begin));
      if (are_whole) result.size = ir::mul(step, size);
      are_whole = are_whole && is_whole(slice[d], view[d]);
      step = ir::mul(step, view[d]);
    }
    result.begin = simplify(result.begin, ranges_);
    result.size = simplify(result.size, ranges_);
    if (!is(result.size, ir::constant(1))) result.kind = Axis::Kind::range;
    result_.push_back(std::move(result));
  }

  const Ranges& ranges_;
  std::vector<Axis> result_;
};

}  // namespace

std::optional<std::vector<Axis>> own_slice(const std::vector<Axis>& slice, const Extents& view_shape, const Extents& shape,
                                           const Ranges& ranges) {
  if (std::any_of(slice.begin(), slice.end(), [](const Axis& axis) { return axis.kind == Axis::Kind::by; })) return std::nullopt;
  try {
    return Translation(ranges).run(slice, view_shape, shape);
  } catch (const NoSlice&) {
    return std::nullopt;
  }
}

}  // namespace imbrex::optimize
