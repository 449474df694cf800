#include "imbrex/interpret/slice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "imbrex/ir/spelling.h"

namespace imbrex::interpret {
namespace {

// The indices along one axis: those that an index tile lists, or `count` of them from `begin` on.
struct Indices {
  const Tile* listed = nullptr;
  int64_t begin = 0, count = 1;
  int64_t at(int64_t k) const { return listed ? listed->i[static_cast<size_t>(k)] : begin + k; }
};

Indices indices_of(const State& state, const ir::Axis& axis) {
  switch (axis.kind) {
    case ir::Axis::Kind::by: {
      const Tile& tile = *state.variables.at(axis.tile);
      return {&tile, 0, static_cast<int64_t>(tile.i.size())};
    }
    case ir::Axis::Kind::point: return {nullptr, state.index(axis.begin), 1};
    case ir::Axis::Kind::range: {
      const int64_t begin = state.index(axis.begin);
      return {nullptr, begin, std::max<int64_t>(state.index(axis.size), 0)};
    }
  }
  throw InternalError("unknown kind of axis");
}

// Where along the axis the indices are, in elements; each is inside of `extent`.
std::vector<int64_t> offsets_along(const Indices& indices, int64_t extent, int64_t stride, const auto& refuse) {
  if (!indices.listed && (indices.begin < 0 || indices.begin >= extent)) refuse(indices.begin);
  if (!indices.listed && indices.count > extent - indices.begin) refuse(extent);
  std::vector<int64_t> offsets;
  for (int64_t k = 0; k < indices.count; ++k) {
    const int64_t position = indices.at(k);
    if (position < 0 || position >= extent) refuse(position);
    offsets.push_back(position * stride);
  }
  return offsets;
}

}  // namespace

Elements elements_of(const State& state, const std::string& tensor, const std::vector<ir::Axis>& slice) {
  const std::vector<int64_t>& shape = state.view(tensor).shape;
  require(slice.size() == shape.size(), "a slice has an axis for each of its tensor's");
  // The indices along each axis, before any is checked: nothing is touched if one axis is empty.
  Elements result;
  std::vector<Indices> along;
  bool is_empty = false;
  size_t extents = 0;
  for (const ir::Axis& axis : slice) {
    along.push_back(indices_of(state, axis));
    is_empty = is_empty || along.back().count == 0;
    if (axis.kind == ir::Axis::Kind::point) continue;
    if (extents++ > 0) result.row_count = result.column_count;
    result.column_count = along.back().count;
  }
  if (is_empty) return result;

  std::vector<std::vector<int64_t>> offsets;  // of the axes that are not points, the last axis first
  int64_t base = 0, stride = 1;
  for (size_t d = slice.size(); d-- > 0; stride *= shape[d]) {
    std::vector<int64_t> here = offsets_along(along[d], shape[d], stride, [&](int64_t position) {
      state.fault("out-of-bounds",
                  fmt::format("index {} of axis {} is outside `{}` [{}]", position, d, tensor, fmt::join(shape, ", ")),
                  fmt::format("bound the loop by the tensor's extent, or slice with spans of `{}`",
                              ir::Spelling(state.program).call("tiles", "...")));
    });
    if (slice[d].kind == ir::Axis::Kind::point)
      base += here[0];
    else
      offsets.push_back(std::move(here));
  }
  require(offsets.size() <= 2, "a slice has at most two extents");
  result.columns = offsets.empty() ? std::vector<int64_t>{0} : offsets[0];
  result.rows = offsets.size() < 2 ? std::vector<int64_t>{0} : offsets[1];
  for (int64_t& row : result.rows) row += base;
  return result;
}

std::string element_text(const State& state, const std::string& tensor, size_t element) {
  const View& view = state.view(tensor);
  std::vector<int64_t> position;
  int64_t rest = static_cast<int64_t>(element);
  for (size_t d = view.shape.size(); d-- > 0; rest /= view.shape[d]) position.insert(position.begin(), rest % view.shape[d]);
  const std::string& base = view.storage->declared->name;
  return fmt::format("`{}[{}]`{}", tensor, fmt::join(position, ", "),
                     base == tensor ? "" : fmt::format(" (a view of `{}`)", base));
}

}  // namespace imbrex::interpret
