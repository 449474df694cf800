#include "data.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "imbrex/base/numbers.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"

namespace imbrex::attack {
namespace {

constexpr int64_t kMostElements = 200000, kMostTrips = 20000;
constexpr int64_t kMostOfADimension = (int64_t{1} << 31) - 1;

std::optional<std::vector<int64_t>> shape_of(const ir::Tensor& tensor, const Dims& dims) {
  std::vector<int64_t> shape;
  int64_t elements = 1;
  for (const ir::IndexExpr& extent : tensor.shape) {
    for (const std::string& name : ir::names_in(extent))
      if (!dims.contains(name)) return std::nullopt;
    shape.push_back(ir::evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); }));
    if (shape.back() < 0 || __builtin_mul_overflow(elements, shape.back(), &elements) || elements > kMostElements)
      return std::nullopt;
  }
  return shape;
}

// Trips of all loops inside, taken at the first iteration of those around them.
double trips_of(const ir::Block& block, std::map<std::string, int64_t>& names, const Dims& dims) {
  const auto value = [&](const ir::IndexExpr& e) {
    return ir::evaluate(e, [&](const ir::Index& leaf) {
      if (const auto dim = dims.find(leaf.name); dim != dims.end()) return dim->second;
      return leaf.kind == ir::Index::Kind::span_index
                 ? 0
                 : names[leaf.name + (leaf.kind == ir::Index::Kind::span_size ? ".size" : "")];
    });
  };
  double trips = 1;
  for (const ir::Statement& statement : block) {
    if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) {
      const int64_t extent = std::max<int64_t>(value(loop->extent), 0);
      names[loop->variable] = value(loop->begin);
      names[loop->variable + ".size"] = loop->tile > 0 ? std::min(extent, loop->tile) : 0;
      trips +=
          static_cast<double>(extent) / static_cast<double>(std::max<int64_t>(loop->tile, 1)) * trips_of(loop->body, names, dims);
    } else if (const auto* at = std::get_if<ir::At>(&statement.node)) {
      trips += trips_of(at->body, names, dims);
    } else if (const auto* branch = std::get_if<ir::If>(&statement.node)) {
      trips += trips_of(branch->then_block, names, dims) + trips_of(branch->else_block, names, dims);
    }
  }
  return trips;
}

std::set<std::string> names_in_shapes(const ir::Program& program) {
  std::set<std::string> names;
  for (const ir::Tensor& tensor : program.tensors)
    for (const ir::IndexExpr& extent : tensor.shape) names.merge(ir::names_in(extent));
  return names;
}

// An int32 tensor's elements. `bounds` holds numbers that may be ends of ranges.
void fill_integers(Array& array, const std::vector<int64_t>& bounds, int64_t manner, test::Random& random) {
  const int64_t n = array.size(), m = bounds[static_cast<size_t>(random.below(static_cast<int64_t>(bounds.size())))];
  std::vector<int64_t> values(static_cast<size_t>(n));
  switch (manner) {
    case 0:
    case 1:  // anything from 0 below a bound
      for (int64_t& value : values) value = random.below(std::max<int64_t>(m, 1));
      break;
    case 2:  // a permutation
    case 3: {
      std::iota(values.begin(), values.end(), 0);
      for (size_t k = values.size(); manner == 2 && k > 1; --k)
        std::swap(values[k - 1], values[static_cast<size_t>(random.below(static_cast<int64_t>(k)))]);
      break;
    }
    case 4:  // descending to 0
      std::iota(values.rbegin(), values.rend(), 0);
      break;
    case 5:  // offsets, from 0 to a bound
    case 6:
      for (int64_t& value : values) value = random.between(0, std::max<int64_t>(m, 0));
      std::sort(values.begin(), values.end());
      if (n > 1 && manner == 5) values.front() = 0, values.back() = std::max<int64_t>(m, 0);
      break;
    case 7: std::fill(values.begin(), values.end(), m); break;
    case 8: std::fill(values.begin(), values.end(), m - 1); break;
    case 9: std::fill(values.begin(), values.end(), -random.below(3)); break;
    case 10:  // around a bound, on either side
      for (int64_t& value : values) value = random.between(-2, std::max<int64_t>(m, 0) + 2);
      break;
    default: {
      constexpr int64_t kEdges[] = {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(), 300, -7, 1 << 20};
      for (int64_t& value : values) value = kEdges[random.below(std::size(kEdges))];
    }
  }
  for (int64_t k = 0; k < n; ++k) set_index_at(array, k, values[static_cast<size_t>(k)]);
}

}  // namespace

std::vector<int64_t> numbers_in(const std::string& text) {
  std::set<int64_t> numbers;
  for (size_t k = 0; k < text.size();) {
    if (text[k] < '0' || text[k] > '9') {
      ++k;
      continue;
    }
    size_t end = k;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    if (end - k <= 10) numbers.insert(std::stoll(text.substr(k, end - k)));
    k = end;
  }
  return {numbers.begin(), numbers.end()};
}

bool is_small(const ir::Program& program, const Dims& dims) {
  for (const ir::Tensor& tensor : program.tensors)
    if (!shape_of(tensor, dims)) return false;
  std::map<std::string, int64_t> names;
  return trips_of(program.body, names, dims) <= kMostTrips;
}

std::vector<Dims> sizes_to_try(const ir::Program& program, size_t most, uint64_t seed) {
  std::vector<int64_t> around;
  for (const int64_t number : numbers_in(ir::print(program)))
    if (number > 0 && number <= 64)
      for (const int64_t size : {number - 1, number, number + 1, 2 * number + 1})
        if (size > 0) around.push_back(size);
  around.insert(around.end(), {1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 31, 33});
  const std::set<std::string> shaping = names_in_shapes(program);
  constexpr int64_t kEdges[] = {kMostOfADimension, kMostOfADimension - 1, int64_t{1} << 30, 1 << 16, 1 << 20, 46341};
  test::Random random(seed ^ 0xd1);
  std::vector<Dims> all;
  constexpr int64_t kAlike[] = {3, 1, 2, 17};
  for (size_t tries = 0; all.size() < most && tries < 6 * most; ++tries) {
    Dims dims;
    for (const ir::Dim& dim : program.dims) {
      int64_t size = tries < std::size(kAlike) ? kAlike[tries]
                                               : around[static_cast<size_t>(random.below(static_cast<int64_t>(around.size())))];
      if (tries >= 2 && !shaping.contains(dim.name) && random.chance(40)) size = kEdges[random.below(std::size(kEdges))];
      if (tries >= 2 && dim.max && random.chance(10)) size = *dim.max;
      dims[dim.name] = std::min(size, std::min(dim.max.value_or(kMostOfADimension), kMostOfADimension));
    }
    if (is_small(program, dims) && std::find(all.begin(), all.end(), dims) == all.end()) all.push_back(dims);
  }
  return all;
}

bool reads_integers(const ir::Program& program) {
  return std::any_of(program.tensors.begin(), program.tensors.end(),
                     [](const ir::Tensor& tensor) { return holds_indices(tensor.dtype) && tensor.role != ir::Role::output; });
}

Tensors draw_data(const ir::Program& program, const Dims& dims, const std::vector<int64_t>& numbers, test::Random& random) {
  ir::Program plain = program;  // data is drawn here, whatever annotations say
  for (ir::Tensor& tensor : plain.tensors) tensor.annotations.clear();
  Tensors tensors = test::random_inputs(plain, dims, random);
  std::vector<int64_t> bounds = numbers;
  for (const auto& [name, size] : dims) bounds.insert(bounds.end(), 3, size);
  bounds.insert(bounds.end(), {1, 2, 4});
  const int64_t common = random.below(12);
  const bool is_common = random.chance(50);
  for (const ir::Tensor& tensor : program.tensors) {
    if (!holds_indices(tensor.dtype) || tensor.role == ir::Role::output || random.chance(5)) continue;
    const ir::Annotation* below = find(tensor.annotations, "below");
    const bool has_bound = below && below->values.size() == 1 && std::holds_alternative<int64_t>(below->values[0]);
    if (has_bound && random.chance(80)) {
      const bool is_distinct = find(tensor.annotations, "distinct") != nullptr;
      const ir::Annotation* except = find(tensor.annotations, "except");
      const bool has_exception = except && except->values.size() == 1 && std::holds_alternative<int64_t>(except->values[0]);
      Array& array = tensors[tensor.name];
      fill_integers(array, {std::get<int64_t>(below->values[0])}, is_distinct || has_exception ? 2 : 0, random);
      for (int64_t k = 0; has_exception && k < array.size(); ++k)
        if (random.chance(30)) set_index_at(array, k, std::get<int64_t>(except->values[0]));
      continue;
    }
    fill_integers(tensors[tensor.name], bounds, is_common ? common : random.below(12), random);
  }
  return tensors;
}

}  // namespace imbrex::attack
