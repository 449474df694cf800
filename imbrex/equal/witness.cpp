#include "imbrex/equal/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "imbrex/base/checked.h"
#include "imbrex/base/numbers.h"
#include "imbrex/inputs/made_inputs.h"
#include "imbrex/inputs/random.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/visit.h"

namespace imbrex::equal {
namespace {

using Dims = std::map<std::string, int64_t>;
using Tensors = std::map<std::string, Array>;

constexpr int64_t kMostElements = 1 << 26;  // of one tensor
constexpr size_t kMostSizes = 40;
constexpr int64_t kLargestSize = 4096;
constexpr uint64_t kSeeds = 20;  // for each size

// Of inputs and inouts. None where one has too many elements.
std::optional<std::vector<inputs::TensorShape>> shapes_of(const ir::Program& program, const Dims& dims) {
  std::vector<inputs::TensorShape> shapes;
  for (const ir::Tensor& tensor : program.tensors) {
    std::vector<int64_t> shape;
    int64_t elements = 1;
    for (const ir::IndexExpr& extent : tensor.shape) {
      const auto value = ir::checked_evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); });
      if (!value) return std::nullopt;
      shape.push_back(std::max<int64_t>(*value, 0));
      elements = checked_mul(elements, shape.back()).value_or(kMostElements + 1);
      if (elements > kMostElements) return std::nullopt;
    }
    if (tensor.role != ir::Role::output) shapes.push_back({tensor.name, tensor.dtype, shape});
  }
  return shapes;
}

// Every constant of a program's tiles, extents and conditions, and what lies beside it.
void collect_numbers(const ir::Program& program, std::set<int64_t>& numbers) {
  const auto add = [&](int64_t value) {
    for (const int64_t near : {value - 1, value, value + 1})
      if (near >= 1 && near <= kLargestSize) numbers.insert(near);
  };
  const std::function<void(const ir::IndexExpr&)> add_all = [&](const ir::IndexExpr& e) {
    if (!e) return;
    if (e->kind == ir::Index::Kind::constant) add(e->value);
    add_all(e->a), add_all(e->b);
  };
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* loop = std::get_if<ir::Loop>(&statement.node)) {
      if (loop->tile > 0) add(loop->tile);
      add_all(loop->begin), add_all(loop->extent);
    }
    if (const auto* branch = std::get_if<ir::If>(&statement.node))
      for (const ir::Comparison& comparison : branch->condition) add_all(comparison.left), add_all(comparison.right);
    return true;
  });
}

// Small ones first; every dimension is at most its largest legal value.
std::vector<Dims> sizes_to_try(const ir::Program& a, const ir::Program& b) {
  std::set<int64_t> numbers;
  collect_numbers(a, numbers), collect_numbers(b, numbers);
  std::vector<int64_t> values{1, 3, 2, 5, 7, 4, 8, 16, 17};
  for (const int64_t number : numbers)
    if (std::find(values.begin(), values.end(), number) == values.end()) values.push_back(number);
  std::vector<Dims> sizes;
  const auto add = [&](const Dims& dims) {
    if (sizes.size() < kMostSizes && std::find(sizes.begin(), sizes.end(), dims) == sizes.end()) sizes.push_back(dims);
  };
  const auto largest = [&](size_t d) { return std::min(a.dims[d].most(), b.dims[d].most()); };
  for (size_t i = 0; i < values.size(); ++i) {
    Dims all, mixed;
    for (size_t d = 0; d < a.dims.size(); ++d) {
      all[a.dims[d].name] = std::min(values[i], largest(d));
      mixed[a.dims[d].name] = std::min(values[(i + 3 * d + 1) % values.size()], largest(d));
    }
    add(all);
    if (a.dims.size() > 1) add(mixed);
  }
  return sizes;
}

// A float as inputs are made, changed by seed so that each kind of difference has inputs that show it.
double changed(double value, int64_t row, int64_t column, int64_t columns, const inputs::RandomStream& random, uint64_t seed) {
  const int64_t i = row * columns + column;
  constexpr double kSpecial[] = {HUGE_VAL, -HUGE_VAL, NAN, 1e30, -1e30, 1e-40, 0.0, -0.0};
  switch (seed % 10) {
    case 2: return value * 0x1p-10;  // what is added to a sum shows
    case 3: return -std::fabs(value);
    case 4: return value * std::exp2(static_cast<double>(random.bits(row) % 24) - 16);
    case 5: return random.bits(i) % 8 == 0 ? kSpecial[random.bits(~i) % std::size(kSpecial)] : value;
    case 6: return random.bits(i) % 4 == 0 ? (random.bits(~i) % 2 == 0 ? 0.0 : -0.0) : value;
    case 7: {  // halfway between two bf16 numbers
      const double unit = std::exp2(std::floor(std::log2(std::max(std::fabs(value), 1e-30))) - 7);
      return (std::floor(value / unit) + 0.5) * unit;
    }
    case 8: return std::nearbyint(2 * value) / 2;  // ties, and sums that are exact
    case 9: return static_cast<int64_t>(random.bits(row) % static_cast<uint64_t>(columns)) == column ? value : 0.0;
    case 0: return value * 0x1p6;
    default: return value;
  }
}

void change_values(Array& array, const inputs::RandomStream& random, uint64_t seed) {
  const int64_t columns = array.shape.empty() ? 1 : std::max<int64_t>(array.shape.back(), 1);
  for (int64_t i = 0; i < array.size(); ++i)
    set_value_at(array, i, changed(value_at(array, i), i / columns, i % columns, columns, random, seed));
}

// A third of the integers become the least or the greatest one, a third become negative.
void take_ends(Array& array, const inputs::RandomStream& random) {
  for (int64_t i = 0; i < array.size(); ++i) {
    const uint64_t bits = random.bits(i);
    const int64_t value = index_at(array, i);
    if (bits % 3 == 0) set_index_at(array, i, bits % 2 == 0 ? INT32_MIN : INT32_MAX);
    if (bits % 3 == 1 && value > 0) set_index_at(array, i, -value);
  }
}

// The first element that differs. Two NaNs are equal.
std::optional<int64_t> first_difference(const Array& a, const Array& b) {
  const int64_t bytes = bytes_of(a.dtype);
  for (int64_t i = 0; i < a.size(); ++i) {
    const bool same = std::equal(a.bytes.begin() + i * bytes, a.bytes.begin() + (i + 1) * bytes, b.bytes.begin() + i * bytes);
    if (same || (is_float(a.dtype) && std::isnan(value_at(a, i)) && std::isnan(value_at(b, i)))) continue;
    return i;
  }
  return std::nullopt;
}

std::string value_text(const Array& array, int64_t i) {
  const double value = value_at(array, i);
  if (std::isnan(value)) return "nan";
  return is_float(array.dtype) ? fmt::format("{}", static_cast<float>(value)) : fmt::format("{}", static_cast<int64_t>(value));
}

class Searcher {
 public:
  Searcher(const ir::Program& a, const ir::Program& b, int64_t most_work, bool whatever_the_order)
      : a_(a), b_(b), whatever_the_order_(whatever_the_order), work_left_(most_work) {}

  Search run() {
    const std::vector<Dims> sizes = sizes_to_try(a_, b_);
    std::set<size_t> too_large;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed)
      for (size_t i = 0; i < sizes.size(); ++i) {
        if (too_large.contains(i)) continue;
        if (work_left_ <= 0 || search_.found) return search_;
        if (!differ(sizes[i], seed)) too_large.insert(i);
        if (a_.dims.empty()) break;
      }
    return search_;
  }

 private:
  // False where the size is of no use.
  bool differ(const Dims& dims, uint64_t seed) {
    try {
      const Tensors given = inputs_of_run(a_, dims, seed);
      if (given.empty() && !shapes_of(a_, dims)) return false;
      Tensors of_a = given, of_b = given;
      rounds_sums_ = false;
      interpret(a_, dims, of_a);
      interpret(b_, dims, of_b);
      ++search_.runs;
      for (const ir::Tensor& tensor : a_.tensors) {
        if (tensor.role == ir::Role::input) continue;
        const Array &left = of_a.at(tensor.name), &right = of_b.at(tensor.name);
        const auto place = first_difference(left, right);
        if (!place) continue;
        std::optional<Witness>& into = rounds_sums_ ? search_.by_order : search_.found;
        if (!into)
          into = {dims, seed, tensor.name, coordinates(*place, left.shape), value_text(left, *place), value_text(right, *place)};
        return true;
      }
      return true;
    } catch (const interpret::OutOfWork&) {
    } catch (const UserError&) {  // an assumption that does not hold, or no inputs for which it does
    }
    return false;
  }

  void interpret(const ir::Program& program, const Dims& dims, Tensors& tensors) {
    int64_t work = 0;
    interpret::Options options;
    // A size that takes too long costs an eighth of what is left; the first one, the smallest, may take all.
    options.most_work = std::max<int64_t>(least_work_ == 0 ? work_left_ : std::max(work_left_ / 8, 2 * least_work_), 1);
    options.most_bytes = int64_t{1} << 30;
    options.work = &work;
    if (whatever_the_order_) options.rounds_sums = &rounds_sums_;
    try {
      interpret::run(program, dims, tensors, options);
    } catch (...) {
      work_left_ -= std::max<int64_t>(work, 1000);
      throw;
    }
    work_left_ -= std::max<int64_t>(work, 1000);
    if (least_work_ == 0) least_work_ = work;
  }

  static std::vector<int64_t> coordinates(int64_t place, const std::vector<int64_t>& shape) {
    std::vector<int64_t> result(shape.size());
    for (size_t d = shape.size(); d-- > 0;) {
      result[d] = place % shape[d];
      place /= shape[d];
    }
    return result;
  }

  const ir::Program &a_, &b_;
  const bool whatever_the_order_;
  bool rounds_sums_ = false;  // in a run of either
  int64_t work_left_, least_work_ = 0;
  Search search_;
};

}  // namespace

Tensors inputs_of_run(const ir::Program& program, const Dims& dims, uint64_t seed) {
  const auto shapes = shapes_of(program, dims);
  if (!shapes) return {};
  Tensors made = inputs::made_inputs(program, *shapes, dims, seed, "other dimensions", int64_t{1} << 30);
  const bool are_free = !inputs::assumes_anything(program);
  for (auto& [name, array] : made) {
    const inputs::RandomStream random(seed, name + " sizes");
    if (is_float(array.dtype)) change_values(array, random, seed);
    if (holds_indices(array.dtype) && are_free && seed % 4 == 0) take_ends(array, random);
  }
  return made;
}

Search search_witness(const ir::Program& a, const ir::Program& b, int64_t most_work, bool whatever_the_order) {
  return Searcher(a, b, most_work, whatever_the_order).run();
}

}  // namespace imbrex::equal
