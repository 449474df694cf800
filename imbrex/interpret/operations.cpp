#include "imbrex/interpret/operations.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "imbrex/interpret/scalar.h"
#include "imbrex/target/clones.h"

namespace imbrex::interpret {
namespace {

using ir::Op;

size_t at(const Tile& x, int64_t row, int64_t column) { return static_cast<size_t>(row * x.columns + column); }

// The element of a broadcast operand that stands at [row, column] of the result.
struct Operand {
  int64_t row_step, column_step;
  Operand(const Tile& x, const Broadcast& shape)
      : row_step(x.rows == shape.rows ? x.columns : 0), column_step(x.columns == shape.columns ? 1 : 0) {
    require((x.rows == shape.rows || x.rows == 1) && (x.columns == shape.columns || x.columns == 1), "operands fit their result");
  }
  size_t at(int64_t row, int64_t column) const { return static_cast<size_t>(row * row_step + column * column_step); }
};

template <class Out, class In, class Function>
void zip(std::vector<Out>& out, const Tile& a, const std::vector<In>& av, const Tile& b, const std::vector<In>& bv,
         Broadcast shape, Function function) {
  const Operand ao(a, shape), bo(b, shape);
  for (int64_t r = 0, k = 0; r < shape.rows; ++r)
    for (int64_t c = 0; c < shape.columns; ++c, ++k) out[static_cast<size_t>(k)] = function(av[ao.at(r, c)], bv[bo.at(r, c)]);
}

template <class Out, class In, class Function>
void map(std::vector<Out>& out, const std::vector<In>& in, Function function) {
  std::transform(in.begin(), in.end(), out.begin(), function);
}

// Moves elements: `source(r, c)` is where in `x` the element [r, c] of the result stands.
template <class Source>
Tile move(const Tile& x, int64_t rows, int64_t columns, Source source) {
  Tile out = make_tile(x.dtype, rows, columns);
  for (int64_t r = 0, k = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c, ++k) {
      if (is_float(x.dtype))
        out.f[static_cast<size_t>(k)] = x.f[source(r, c)];
      else
        out.i[static_cast<size_t>(k)] = x.i[source(r, c)];
    }
  return out;
}

// Copies `part` into `out` with its first element at [row, column], columns `step` apart.
void place(Tile& out, const Tile& part, int64_t row, int64_t column, int64_t step = 1) {
  for (int64_t r = 0; r < part.rows; ++r)
    for (int64_t c = 0; c < part.columns; ++c) {
      const size_t to = at(out, row + r, column + step * c), from = at(part, r, c);
      if (is_float(out.dtype))
        out.f[to] = part.f[from];
      else
        out.i[to] = part.i[from];
    }
}

// ---- what each operation of numbers is ----------------------------------------------------------------------------------------
// An operation of f32 or int32 has both functions, one of f32 alone its own; without them this does not compile.

template <Op op>
using Of = std::integral_constant<Op, op>;

float value(Of<Op::neg>, float x) { return -x; }
int32_t value(Of<Op::neg>, int32_t x) { return wrapping_sub(0, x); }
float value(Of<Op::abs>, float x) { return std::fabs(x); }
int32_t value(Of<Op::abs>, int32_t x) { return x < 0 ? wrapping_sub(0, x) : x; }
float value(Of<Op::recip>, float x) { return 1.0f / x; }
float value(Of<Op::sqrt>, float x) { return std::sqrt(x); }
float value(Of<Op::rsqrt>, float x) { return 1.0f / std::sqrt(x); }
float value(Of<Op::exp>, float x) { return exponential(x); }
float value(Of<Op::log>, float x) { return logarithm(x); }
float value(Of<Op::floor>, float x) { return std::floor(x); }
float value(Of<Op::add>, float x, float y) { return x + y; }
int32_t value(Of<Op::add>, int32_t x, int32_t y) { return wrapping_add(x, y); }
float value(Of<Op::sub>, float x, float y) { return x - y; }
int32_t value(Of<Op::sub>, int32_t x, int32_t y) { return wrapping_sub(x, y); }
float value(Of<Op::mul>, float x, float y) { return x * y; }
int32_t value(Of<Op::mul>, int32_t x, int32_t y) { return wrapping_mul(x, y); }
float value(Of<Op::div>, float x, float y) { return x / y; }
float value(Of<Op::min>, float x, float y) { return minimum(x, y); }
int32_t value(Of<Op::min>, int32_t x, int32_t y) { return std::min(x, y); }
float value(Of<Op::max>, float x, float y) { return maximum(x, y); }
int32_t value(Of<Op::max>, int32_t x, int32_t y) { return std::max(x, y); }
template <class T>
bool value(Of<Op::eq>, T x, T y) {
  return x == y;
}
template <class T>
bool value(Of<Op::ne>, T x, T y) {
  return x != y;
}
template <class T>
bool value(Of<Op::lt>, T x, T y) {
  return x < y;
}
template <class T>
bool value(Of<Op::le>, T x, T y) {
  return x <= y;
}
template <class T>
bool value(Of<Op::gt>, T x, T y) {
  return x > y;
}
template <class T>
bool value(Of<Op::ge>, T x, T y) {
  return x >= y;
}

using Args = std::vector<std::shared_ptr<const Tile>>;

template <Op op, class In>
void compute(Tile& out, const Args& args, std::vector<In> Tile::*elements, Broadcast shape) {
  const auto into = [&](auto& results) {
    if constexpr (ir::operation(op).arity == 1)
      map(results, (*args[0]).*elements, [](In x) { return value(Of<op>(), x); });
    else
      zip(results, *args[0], (*args[0]).*elements, *args[1], (*args[1]).*elements, shape,
          [](In x, In y) { return value(Of<op>(), x, y); });
  };
  if constexpr (ir::operation(op).gives == ir::Gives::boolean)
    into(out.i);
  else
    into(out.*elements);
}

template <Op op>
Tile computed(const Args& args, Broadcast shape) {
  constexpr ir::Operation operation = ir::operation(op);
  if constexpr (ir::is_arithmetic(op)) {
    const DType taken = args[0]->dtype;
    Tile out = make_tile(operation.gives == ir::Gives::boolean ? DType::boolean : taken, shape.rows, shape.columns);
    if (taken == DType::f32) {
      compute<op>(out, args, &Tile::f, shape);
      return out;
    }
    if constexpr (operation.takes == ir::Takes::number) {
      require(taken == DType::int32, "arithmetic is on f32 and int32");
      compute<op>(out, args, &Tile::i, shape);
      return out;
    }
  }
  throw InternalError(std::string(operation.name) + " is not computed from such numbers");
}

constexpr int64_t kLanes = 64;

float fold(const float* lanes) {
  std::array<float, kLanes> sum;
  std::copy(lanes, lanes + kLanes, sum.begin());
  for (size_t width = 32; width >= 1; width /= 2)
    for (size_t i = 0; i < width; ++i) sum[i] = sum[i] + sum[i + width];
  return sum[0];
}

float extreme(bool greatest, float a, float b) { return greatest ? maximum(a, b) : minimum(a, b); }
int32_t extreme(bool greatest, int32_t a, int32_t b) { return greatest ? std::max(a, b) : std::min(a, b); }

// The value of an empty max or min.
void fill_with_least_extreme(Tile& x, bool greatest) {
  const float f = std::numeric_limits<float>::infinity();
  std::fill(x.f.begin(), x.f.end(), greatest ? -f : f);
  std::fill(x.i.begin(), x.i.end(), greatest ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int32_t>::max());
}

// Row by row, k ascending; the innermost loop runs over columns, which do not depend on each other.
void multiply_integers(Tile& out, const Tile& a, const Tile& b) {
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t k = 0; k < a.columns; ++k) {
      const uint32_t factor = static_cast<uint32_t>(a.i[at(a, r, k)]);
      int32_t* sum = out.i.data() + r * out.columns;
      const int32_t* row = b.i.data() + k * b.columns;
      for (int64_t c = 0; c < b.columns; ++c)
        sum[c] = static_cast<int32_t>(static_cast<uint32_t>(sum[c]) + factor * static_cast<uint32_t>(row[c]));
    }
}

// Each step is one fused multiply-add.
IMBREX_WITH_AND_WITHOUT_FMA void multiply_f32(Tile& out, const Tile& a, const Tile& b) {
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t k = 0; k < a.columns; ++k) {
      const float factor = a.f[at(a, r, k)];
      float* sum = out.f.data() + r * out.columns;
      const float* row = b.f.data() + k * b.columns;
      for (int64_t c = 0; c < b.columns; ++c) sum[c] = std::fma(factor, row[c], sum[c]);
    }
}

// One chain of a block: sixteen products from +0, as pairs, the odd one first. Elements of k from a.columns on are (+0) x (+0).
void IMBREX_WITH_AND_WITHOUT_FMA chain_of_block(std::vector<float>& sums, const float* left, const std::vector<float>& right,
                                                int64_t begin, int64_t k_extent) {
  const int64_t columns = static_cast<int64_t>(sums.size());
  std::fill(sums.begin(), sums.end(), 0.0f);
  for (int64_t place = 0; place < 16; ++place) {
    const int64_t k = begin + (place ^ 1);
    const float factor = k < k_extent ? left[k] : 0.0f;
    const float* row = k < k_extent ? right.data() + k * columns : nullptr;
    for (int64_t c = 0; c < columns; ++c)
      sums[static_cast<size_t>(c)] = accumulate_bf16(sums[static_cast<size_t>(c)], factor, row != nullptr ? row[c] : 0.0f);
  }
}

float add_flushing(float a, float b) { return flush_subnormal(flush_subnormal(a) + flush_subnormal(b)); }

// Blocks of 32 along k, each of two chains, whose sum is added to the result.
void multiply_bf16(Tile& out, const Tile& a, const Tile& b) {
  constexpr int64_t block = 32, chain = block / 2;
  std::vector<float> left(a.f.size()), right(b.f.size());
  map(left, a.f, flush_subnormal);
  map(right, b.f, flush_subnormal);
  std::vector<float> first(static_cast<size_t>(b.columns)), second(first.size());
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t k = 0; k < a.columns; k += block) {
      const float* row = left.data() + r * a.columns;
      chain_of_block(first, row, right, k, a.columns);
      chain_of_block(second, row, right, k + chain, a.columns);
      float* sum = out.f.data() + r * out.columns;
      for (int64_t c = 0; c < b.columns; ++c) {
        const auto column = static_cast<size_t>(c);
        sum[c] = add_flushing(sum[c], add_flushing(first[column], second[column]));
      }
    }
}

}  // namespace

Tile make_tile(DType dtype, int64_t rows, int64_t columns) {
  Tile x;
  x.dtype = dtype;
  x.rows = rows;
  x.columns = columns;
  if (is_float(dtype))
    x.f.resize(static_cast<size_t>(rows * columns));
  else
    x.i.resize(static_cast<size_t>(rows * columns));
  return x;
}

Tile cast(const Tile& x, DType to, ir::CastMode mode) {
  if (to == x.dtype) return x;
  Tile out = make_tile(to, x.rows, x.columns);
  if (is_float(x.dtype) && to == DType::f32)
    out.f = x.f;
  else if (is_float(x.dtype) && is_float(to))
    map(out.f, x.f, [&](float v) { return to_float(v, to, mode); });
  else if (is_float(x.dtype))
    std::transform(x.f.begin(), x.f.end(), out.i.begin(), [&](float v) { return to_integer(v, to, mode); });
  else if (is_float(to))
    std::transform(x.i.begin(), x.i.end(), out.f.begin(), [&](int32_t v) { return to_float(v, to, mode); });
  else
    map(out.i, x.i, [&](int32_t v) { return saturate(v, to); });
  return out;
}

Tile arithmetic(Op op, const Args& args, Broadcast shape) {
  switch (op) {
#define IMBREX_ROW(id, ...) \
  case Op::id: return computed<Op::id>(args, shape);
    IMBREX_EACH_OPERATION(IMBREX_ROW)
#undef IMBREX_ROW
  }
  throw InternalError("an operation that the table does not have");
}

Tile select(const Tile& condition, const Tile& a, const Tile& b, Broadcast shape) {
  Tile out = make_tile(a.dtype, shape.rows, shape.columns);
  const Operand co(condition, shape), ao(a, shape), bo(b, shape);
  for (int64_t r = 0; r < shape.rows; ++r)
    for (int64_t c = 0; c < shape.columns; ++c) {
      const bool first = condition.i[co.at(r, c)] != 0;
      if (is_float(a.dtype))
        out.f[at(out, r, c)] = first ? a.f[ao.at(r, c)] : b.f[bo.at(r, c)];
      else
        out.i[at(out, r, c)] = first ? a.i[ao.at(r, c)] : b.i[bo.at(r, c)];
    }
  return out;
}

Tile row_sum(const Tile* acc, const Tile& x) {
  require(!acc || acc->rows == x.rows, "an accumulator has a row for each row");
  Tile out = make_tile(x.dtype, x.rows, 1);
  if (!is_float(x.dtype)) {
    if (acc) out.i = acc->i;
    for (int64_t r = 0; r < x.rows; ++r)
      for (int64_t c = 0; c < x.columns; ++c) {
        int32_t& sum = out.i[static_cast<size_t>(r)];
        sum = wrapping_add(sum, x.i[at(x, r, c)]);
      }
    return out;
  }
  if (acc && !acc->lanes.empty()) {
    out.lanes = acc->lanes;
    out.count = acc->count;
  } else {
    require(!acc || std::all_of(acc->f.begin(), acc->f.end(), [](float v) { return v == 0; }), "a sum starts from zeros");
    out.lanes.assign(static_cast<size_t>(x.rows * kLanes), 0.0f);
  }
  for (int64_t r = 0; r < x.rows; ++r) {
    float* lanes = out.lanes.data() + r * kLanes;
    for (int64_t c = 0; c < x.columns; ++c) {
      float& lane = lanes[(out.count + c) % kLanes];
      lane = lane + x.f[at(x, r, c)];
    }
    out.f[static_cast<size_t>(r)] = fold(lanes);
  }
  out.count += x.columns;
  return out;
}

Tile col_sum(const Tile* acc, const Tile& x) {
  require(!acc || acc->columns == x.columns, "an accumulator has a column for each column");
  Tile out = acc ? *acc : make_tile(x.dtype, 1, x.columns);
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t c = 0; c < x.columns; ++c) {
      const size_t k = static_cast<size_t>(c);
      if (is_float(x.dtype))
        out.f[k] = out.f[k] + x.f[at(x, r, c)];
      else
        out.i[k] = wrapping_add(out.i[k], x.i[at(x, r, c)]);
    }
  return out;
}

Tile row_extreme(bool greatest, const Tile& x) {
  Tile out = make_tile(x.dtype, x.rows, 1);
  fill_with_least_extreme(out, greatest);
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t c = 0; c < x.columns; ++c) {
      const size_t k = static_cast<size_t>(r);
      if (is_float(x.dtype))
        out.f[k] = extreme(greatest, out.f[k], x.f[at(x, r, c)]);
      else
        out.i[k] = extreme(greatest, out.i[k], x.i[at(x, r, c)]);
    }
  return out;
}

Tile col_extreme(bool greatest, const Tile& x) {
  Tile out = row_extreme(greatest, transpose(x));
  return reshape(std::move(out), 1, x.columns);
}

Tile matmul(const Tile* acc, const Tile& a, const Tile& b) {
  require(a.columns == b.rows, "the inner extents of a matmul are equal");
  require(!acc || (acc->rows == a.rows && acc->columns == b.columns), "an accumulator has the product's shape");
  const bool integers = !is_float(a.dtype);
  Tile out = acc ? *acc : make_tile(integers ? DType::int32 : DType::f32, a.rows, b.columns);
  out.lanes.clear();
  if (integers) {
    multiply_integers(out, a, b);
  } else if (a.dtype == DType::f32) {
    multiply_f32(out, a, b);
  } else {
    multiply_bf16(out, a, b);
    out.count = (acc ? acc->count : 0) + a.columns;
  }
  return out;
}

Tile matmul_scaled(const Tile& a_scales, const Tile& b_scales, const Tile& a, const Tile& b, ir::ScaledBlock block) {
  require(a.columns == b.rows, "the inner extents of a matmul_scaled are equal");
  const bool exact = a.dtype == DType::int8 && b.dtype == DType::int8;
  const auto factor = [&](const Tile& x) {
    return exact ? x : cast(cast(x, DType::f32, ir::CastMode::rint), DType::bf16, ir::CastMode::rint);
  };
  const Tile left = factor(a), right = factor(b);
  Tile out = make_tile(DType::f32, a.rows, b.columns);
  for (int64_t k = 0, number = 0; k < a.columns; k += std::min(block.k, a.columns - k), ++number) {
    const int64_t size = std::min(block.k, a.columns - k);
    const Tile part = matmul(nullptr, columns(left, k, size), transpose(columns(transpose(right), k, size)));
    const Tile sum = exact ? cast(part, DType::f32, ir::CastMode::rint) : part;
    for (int64_t r = 0; r < out.rows; ++r)
      for (int64_t c = 0; c < out.columns; ++c) {
        const float of_a = a_scales.f[at(a_scales, a_scales.rows == 1 ? 0 : r, a_scales.columns == 1 ? 0 : number)];
        const float scale = of_a * b_scales.f[at(b_scales, number, c / block.columns)];
        const float scaled = sum.f[at(sum, r, c)] * scale;
        out.f[at(out, r, c)] = out.f[at(out, r, c)] + scaled;
      }
  }
  return out;
}

Tile expanded(const Tile& scales, const Tile& x, ir::ScaledBlock block) {
  Tile out = make_tile(DType::f32, x.rows, x.columns);
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t c = 0; c < x.columns; ++c)
      out.f[at(out, r, c)] = x.f[at(x, r, c)] * scales.f[at(scales, r / block.k, c / block.columns)];
  return cast(out, DType::bf16, ir::CastMode::rint);
}

Tile transpose(const Tile& x) {
  return move(x, x.columns, x.rows, [&](int64_t r, int64_t c) { return at(x, c, r); });
}

Tile reshape(Tile x, int64_t rows, int64_t columns) {
  require(rows * columns == x.rows * x.columns, "a reshape keeps the number of elements");
  x.rows = rows;
  x.columns = columns;
  x.lanes.clear();
  x.count = 0;
  return x;
}

Tile concat_rows(const std::vector<Tile>& parts) {
  int64_t rows = 0;
  for (const Tile& part : parts) rows += part.rows;
  Tile out = make_tile(parts[0].dtype, rows, parts[0].columns);
  int64_t row = 0;
  for (const Tile& part : parts) {
    require(part.columns == out.columns, "parts of concat_rows have equal numbers of columns");
    place(out, part, row, 0);
    row += part.rows;
  }
  return out;
}

Tile concat_columns(const std::vector<Tile>& parts) {
  int64_t columns = 0;
  for (const Tile& part : parts) columns += part.columns;
  Tile out = make_tile(parts[0].dtype, parts[0].rows, columns);
  int64_t column = 0;
  for (const Tile& part : parts) {
    require(part.rows == out.rows, "parts of concat_columns have equal numbers of rows");
    place(out, part, 0, column);
    column += part.columns;
  }
  return out;
}

Tile every_second_column(const Tile& x, int64_t first) {
  return move(x, x.rows, x.columns / 2, [&](int64_t r, int64_t c) { return at(x, r, 2 * c + first); });
}

Tile columns(const Tile& x, int64_t begin, int64_t size) {
  require(begin >= 0 && size >= 0 && size <= x.columns - begin, "columns() stays inside its tile");
  return move(x, x.rows, size, [&](int64_t r, int64_t c) { return at(x, r, begin + c); });
}

Tile repeat_rows(const Tile& x, int64_t times) {
  return move(x, x.rows * times, x.columns, [&](int64_t r, int64_t c) { return at(x, r / times, c); });
}

Tile interleave(const Tile& even, const Tile& odd) {
  require(even.rows == odd.rows && even.columns == odd.columns, "interleaved tiles are alike");
  Tile out = make_tile(even.dtype, even.rows, 2 * even.columns);
  place(out, even, 0, 0, 2);
  place(out, odd, 0, 1, 2);
  return out;
}

Tile gather(const Tile& x, const Tile& indices) {
  require(x.rows == indices.rows, "gather has indices for each row");
  return move(x, indices.rows, indices.columns, [&](int64_t r, int64_t c) { return at(x, r, indices.i[at(indices, r, c)]); });
}

}  // namespace imbrex::interpret
