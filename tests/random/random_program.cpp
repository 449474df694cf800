#include <algorithm>
#include <array>
#include <vector>

#include "imbrex/ir/verify.h"
#include "random/random_kernel.h"

namespace imbrex::test {
namespace {

using ir::Axis;
using ir::Block;
using ir::CastMode;
using ir::ExprPtr;
using ir::IndexExpr;
using ir::Op;

// A run of indices inside [0, total). Loads through it are in bounds of every tensor whose axis is `total` long.
struct Extent {
  IndexExpr total, begin, size;
  bool whole() const { return same(total, size); }
  std::optional<int64_t> constant_size() const { return constant_value(size); }
};

Extent whole(IndexExpr total) { return {total, ir::constant(0), total}; }
Extent whole(int64_t total) { return whole(ir::constant(total)); }
Extent times(const Extent& e, int64_t factor) {
  const IndexExpr f = ir::constant(factor);
  return {mul(f, e.total), mul(f, e.begin), mul(f, e.size)};
}
const Extent kOne = whole(1);
bool is_one(const Extent& e) { return ir::is_one(e.size); }

// Those of the table that take so many tiles of the type.
std::vector<Op> arithmetic(int arity, DType taken, ir::Gives gives = ir::Gives::operand) {
  std::vector<Op> found;
  for (const ir::Operation& row : ir::kOperations)
    if (ir::is_arithmetic(row.op) && row.arity == arity && row.gives == gives &&
        (taken == DType::f32 || row.takes == ir::Takes::number))
      found.push_back(row.op);
  return found;
}
const std::vector<Op> kFloats = arithmetic(2, DType::f32), kIntegers = arithmetic(2, DType::int32);
const std::vector<Op> kFloatUnary = arithmetic(1, DType::f32), kIntegerUnary = arithmetic(1, DType::int32);
const std::vector<Op> kCompares = arithmetic(2, DType::int32, ir::Gives::boolean);

class Generator {
 public:
  Generator(Random& random, const Limits& limits) : random_(random), limits_(limits) {}
  ir::Program make();

 private:
  struct Variable {
    std::string name;
    DType dtype;
    IndexExpr rows, columns;
  };

  template <class Choices>
  auto pick(const Choices& choices) {
    return choices[static_cast<size_t>(random_.below(static_cast<int64_t>(std::size(choices))))];
  }
  int64_t small(int64_t most) { return random_.between(1, std::min(most, limits_.extent)); }
  std::string fresh(const char* stem) { return stem + std::to_string(names_++); }
  CastMode mode() { return static_cast<CastMode>(random_.between(1, 5)); }

  // ---- expressions: each of exactly the type and extents asked for
  ExprPtr value(DType dtype, const Extent& rows, const Extent& columns, int depth);
  ExprPtr leaf(DType dtype, const Extent& rows, const Extent& columns);
  ExprPtr number(DType dtype);
  ExprPtr load(DType dtype, const Extent& rows, const Extent& columns);
  ExprPtr load_view(DType dtype, const Extent& rows, const Extent& columns);
  ExprPtr computed(DType dtype, const Extent& rows, const Extent& columns, int depth);
  ExprPtr f32(const Extent& rows, const Extent& columns, int depth);
  ExprPtr int32(const Extent& rows, const Extent& columns, int depth);
  ExprPtr operand(DType dtype, const Extent& rows, const Extent& columns, int depth);
  ExprPtr pair(Op op, DType dtype, const Extent& rows, const Extent& columns, int depth);
  ExprPtr reduction(DType dtype, const Extent& rows, const Extent& columns, int depth);
  ExprPtr product(DType dtype, const Extent& rows, const Extent& columns, int depth);
  ExprPtr scaled_product(const Extent& rows, const Extent& columns, int depth);
  ExprPtr moved(DType dtype, const Extent& rows, const Extent& columns, int depth);
  ExprPtr converted(ExprPtr x, DType to);

  // ---- statements
  void emit(decltype(ir::Statement::node) node) { blocks_.back()->push_back({std::move(node), {}, -1}); }
  std::string let(ExprPtr x);
  void rebind(const std::string& name, ExprPtr x) { emit(ir::Assign{name, std::move(x), false}); }
  template <class Fill>
  void block(Block& into, Fill fill);
  template <class Body>
  void over(const Extent& extent, bool parallel, int64_t even, Body body);
  std::string accumulated_sum(const Extent& rows, int depth);
  std::string accumulated_column_sum(const Extent& columns, int depth);
  std::string accumulated_product(const Extent& rows, const Extent& columns);
  std::string carried(const Extent& rows, const Extent& columns);
  void choose(const std::string& variable, const Extent& rows, const Extent& columns);
  void assume_below(const std::string& index, int64_t end) {
    emit(ir::Assume{
        {{ir::named(index), ir::Compare::ge, ir::constant(0)}, {ir::named(index), ir::Compare::lt, ir::constant(end)}}});
  }
  std::string gathered_rows(const Extent& columns, int64_t count);
  void prepare(const Extent& rows, const Extent& columns);
  void store(const std::string& tensor, const Extent& rows, const Extent& columns, ExprPtr x);
  void stage(bool last);
  void scatter_stage();

  Random& random_;
  Limits limits_;
  ir::Program program_;
  std::vector<ir::Tensor> finished_;  // tensors that are written completely, and outside all loops
  std::vector<Variable> variables_;   // in scope
  std::vector<Block*> blocks_;
  std::vector<std::string> spans_;  // in scope
  std::vector<ir::View> views_;     // at the top of the program
  int names_ = 0;
};

Axis range_of(const Extent& e) { return {Axis::Kind::range, e.begin, e.size, {}}; }

// ---- leaves -------------------------------------------------------------------------------------------------------------------

ExprPtr Generator::number(DType dtype) {
  if (dtype == DType::int32) return ir::make_scalar(dtype, static_cast<double>(random_.between(-300, 300)));
  constexpr double values[] = {0, -0.0, 1, -1, 0.5, 1e-6, 3.25, -127, 1e30, 1e-40};
  return ir::make_scalar(DType::f32, pick(values));
}

ExprPtr Generator::load(DType dtype, const Extent& rows, const Extent& columns) {
  std::vector<std::string> fitting;
  const auto fits = [&](const ir::Tensor& tensor) {
    return tensor.dtype == dtype && tensor.shape.size() == 2 && tensor.annotations.empty() && same(tensor.shape[0], rows.total) &&
           same(tensor.shape[1], columns.total);
  };
  for (const ir::Tensor& tensor : program_.tensors)
    if (tensor.role == ir::Role::input && fits(tensor)) fitting.push_back(tensor.name);
  for (const ir::Tensor& tensor : finished_)
    if (fits(tensor)) fitting.push_back(tensor.name);
  if (fitting.empty() || (random_.chance(25) && fitting.size() < 3)) {
    fitting = {fresh("x")};
    program_.tensors.push_back({fitting[0], dtype, {rows.total, columns.total}, ir::Role::input, {}, -1});
  }
  return ir::make_load(pick(fitting), dtype, {range_of(rows), range_of(columns)});
}

// One plane of an input that is seen as [rows, columns, k]: columns a fixed distance apart.
ExprPtr Generator::load_view(DType dtype, const Extent& rows, const Extent& columns) {
  const int64_t planes = random_.between(1, 4);
  const std::string base = fresh("x"), view = fresh("v");
  program_.tensors.push_back({base, dtype, {rows.total, mul(ir::constant(planes), columns.total)}, ir::Role::input, {}, -1});
  views_.push_back({view, base, {rows.total, columns.total, ir::constant(planes)}});
  return ir::make_load(
      view, dtype,
      {range_of(rows), range_of(columns), {Axis::Kind::point, ir::constant(random_.below(planes)), ir::constant(1), {}}});
}

ExprPtr Generator::leaf(DType dtype, const Extent& rows, const Extent& columns) {
  std::vector<Variable> fitting;
  for (const Variable& variable : variables_)
    if (variable.dtype == dtype && same(variable.rows, rows.size) && same(variable.columns, columns.size))
      fitting.push_back(variable);
  if (!fitting.empty() && random_.chance(60)) {
    const Variable variable = pick(fitting);
    return ir::make_variable(variable.name, dtype, variable.rows, variable.columns);
  }
  if (is_number(dtype) && random_.chance(10)) return ir::make_constant(dtype, rows.size, columns.size, number(dtype)->value);
  if (dtype == DType::int32 && is_one(rows) && random_.chance(30)) return ir::make_iota(columns.size, columns.begin);
  // A view's number of elements is decided where at most one extent is symbolic.
  const bool can_view = constant_value(rows.total) || constant_value(columns.total);
  return can_view && random_.chance(10) ? load_view(dtype, rows, columns) : load(dtype, rows, columns);
}

// ---- operations ---------------------------------------------------------------------------------------------------------------

ExprPtr Generator::value(DType dtype, const Extent& rows, const Extent& columns, int depth) {
  if (depth <= 0 || random_.chance(15)) return leaf(dtype, rows, columns);
  if (random_.chance(20)) return moved(dtype, rows, columns, depth);
  return computed(dtype, rows, columns, depth);
}

ExprPtr Generator::converted(ExprPtr x, DType to) {
  if (x->dtype == DType::boolean && !ir::is_exact_cast(x->dtype, to))
    x = ir::make_cast(std::move(x), DType::f32, CastMode::exact);
  const CastMode written = ir::is_exact_cast(x->dtype, to) ? CastMode::exact : mode();
  return ir::make_cast(std::move(x), to, written);
}

ExprPtr Generator::computed(DType dtype, const Extent& rows, const Extent& columns, int depth) {
  if (dtype == DType::boolean) return pair(pick(kCompares), random_.chance(70) ? DType::f32 : DType::int32, rows, columns, depth);
  if (random_.chance(10)) {
    ExprPtr condition = operand(DType::boolean, rows, columns, depth - 1), a = value(dtype, rows, columns, depth - 1);
    return ir::make_select(std::move(condition), std::move(a), value(dtype, rows, columns, depth - 1));
  }
  if (dtype == DType::f32) return f32(rows, columns, depth);
  if (dtype == DType::int32) return int32(rows, columns, depth);
  DType from = pick(kElementTypes).dtype;
  if (from == dtype || random_.chance(50)) from = DType::f32;
  return converted(value(from, rows, columns, depth - 1), dtype);
}

// An operand of an elementwise operation, whose other operand has the whole shape.
ExprPtr Generator::operand(DType dtype, const Extent& rows, const Extent& columns, int depth) {
  switch (random_.below(5)) {
    case 0: return value(dtype, rows, kOne, depth);
    case 1: return value(dtype, kOne, columns, depth);
    case 2: return dtype == DType::boolean ? value(dtype, kOne, kOne, depth) : number(dtype);
    default: return value(dtype, rows, columns, depth);
  }
}

ExprPtr Generator::pair(Op op, DType dtype, const Extent& rows, const Extent& columns, int depth) {
  // A column and a row have the shape together.
  const bool is_outer = random_.chance(10);
  ExprPtr a = value(dtype, rows, is_outer ? kOne : columns, depth - 1);
  ExprPtr b = is_outer ? value(dtype, kOne, columns, depth - 1) : operand(dtype, rows, columns, depth - 1);
  if (random_.chance(50)) std::swap(a, b);
  return ir::make_binary(op, std::move(a), std::move(b));
}

ExprPtr Generator::f32(const Extent& rows, const Extent& columns, int depth) {
  switch (random_.below(10)) {
    case 0:
    case 1: return ir::make_unary(pick(kFloatUnary), value(DType::f32, rows, columns, depth - 1));
    case 2: return converted(value(pick(kElementTypes).dtype, rows, columns, depth - 1), DType::f32);
    case 3: return reduction(DType::f32, rows, columns, depth);
    case 4: return product(DType::f32, rows, columns, depth);
    default: return pair(pick(kFloats), DType::f32, rows, columns, depth);
  }
}

ExprPtr Generator::int32(const Extent& rows, const Extent& columns, int depth) {
  switch (random_.below(8)) {
    case 0: return ir::make_unary(pick(kIntegerUnary), value(DType::int32, rows, columns, depth - 1));
    case 1: return converted(value(pick(kElementTypes).dtype, rows, columns, depth - 1), DType::int32);
    case 2: return reduction(DType::int32, rows, columns, depth);
    case 3: return product(DType::int32, rows, columns, depth);
    case 4: {
      const IndexExpr index = spans_.empty() ? ir::constant(random_.between(-9, 9)) : ir::span_begin(pick(spans_));
      return ir::make_binary(Op::add, value(DType::int32, rows, columns, depth - 1), ir::make_index(index));
    }
    default: return pair(pick(kIntegers), DType::int32, rows, columns, depth);
  }
}

// A reduction that has the shape, or one that broadcasts against it.
ExprPtr Generator::reduction(DType dtype, const Extent& rows, const Extent& columns, int depth) {
  const bool over_rows = is_one(columns) || (!is_one(rows) && random_.chance(60));
  constexpr std::array row_ops{Op::row_sum, Op::row_max, Op::row_min}, column_ops{Op::col_sum, Op::col_max, Op::col_min};
  const Extent other = whole(small(70));
  if (over_rows && is_one(columns)) return ir::make_unary(pick(row_ops), value(dtype, rows, other, depth - 1));
  if (!over_rows && is_one(rows)) return ir::make_unary(pick(column_ops), value(dtype, other, columns, depth - 1));
  ExprPtr reduced = ir::make_unary(over_rows ? pick(row_ops) : pick(column_ops), value(dtype, rows, columns, depth - 1));
  return ir::make_binary(Op::add, leaf(dtype, rows, columns), std::move(reduced));
}

// Of blocks of k that are scaled, or of bf16 by e4m3 that is expanded; scales of single columns where the number of columns is no
// constant.
ExprPtr Generator::scaled_product(const Extent& rows, const Extent& columns, int depth) {
  const DType a = pick(std::array{DType::bf16, DType::e4m3, DType::int8}), b = pick(std::array{DType::e4m3, DType::int8});
  const auto scale = [&] { return random_.chance(50) ? DType::f32 : DType::e8m0; };
  const auto n = columns.constant_size();
  const ir::ScaledBlock block{32 * random_.between(1, 2), n ? random_.between(1, 5) : 1};
  const int64_t k = small(80);
  const Extent inner = whole(k), blocks = whole((k + block.k - 1) / block.k);
  const Extent of_columns = n ? whole((*n + block.columns - 1) / block.columns) : columns;
  const Extent of_rows = random_.chance(70) ? rows : kOne;
  const bool transpose_b = random_.chance(50);
  ExprPtr s = value(scale(), of_rows, random_.chance(70) ? blocks : kOne, depth - 2);
  ExprPtr t = transpose_b ? value(scale(), of_columns, blocks, depth - 2) : value(scale(), blocks, of_columns, depth - 2);
  const bool expands = random_.chance(50);
  ExprPtr left = value(expands ? DType::bf16 : a, rows, inner, depth - 2);
  const DType of_right = expands ? DType::e4m3 : b;
  ExprPtr right = transpose_b ? value(of_right, columns, inner, depth - 2) : value(of_right, inner, columns, depth - 2);
  if (expands) return ir::make_matmul_expanded(std::move(t), std::move(left), std::move(right), block, transpose_b);
  return ir::make_matmul_scaled(std::move(s), std::move(t), std::move(left), std::move(right), block, transpose_b);
}

ExprPtr Generator::product(DType dtype, const Extent& rows, const Extent& columns, int depth) {
  if (dtype == DType::f32 && random_.chance(30)) return scaled_product(rows, columns, depth);
  const DType a = dtype == DType::f32  ? (random_.chance(60) ? DType::bf16 : DType::f32)
                  : random_.chance(60) ? DType::int8
                                       : DType::uint8;
  const DType b = dtype == DType::f32 ? a : DType::int8;
  const Extent inner = whole(small(24));
  const bool transpose_a = random_.chance(20), transpose_b = random_.chance(30);
  ExprPtr left = transpose_a ? value(a, inner, rows, depth - 2) : value(a, rows, inner, depth - 2);
  ExprPtr right = transpose_b ? value(b, columns, inner, depth - 2) : value(b, inner, columns, depth - 2);
  return ir::make_matmul(std::move(left), std::move(right), transpose_a, transpose_b);
}

// An operation that only moves elements.
ExprPtr Generator::moved(DType dtype, const Extent& rows, const Extent& columns, int depth) {
  const int below = depth - 1;
  const auto m = rows.constant_size(), n = columns.constant_size();
  const bool rows_free = m && rows.whole(), columns_free = n && columns.whole();  // as good as any other constant extent
  switch (random_.below(9)) {
    case 0: return ir::make_unary(Op::transpose, value(dtype, columns, rows, below));
    case 1:
      if (!columns_free || *n % 2 != 0) break;
      {
        ExprPtr even = value(dtype, rows, whole(*n / 2), below);
        return ir::make_binary(Op::interleave, std::move(even), value(dtype, rows, whole(*n / 2), below));
      }
    case 2:
      if (!columns_free) break;
      return ir::make_unary(random_.chance(50) ? Op::even : Op::odd, value(dtype, rows, whole(2 * *n), below));
    case 3:
      if (!columns_free) break;
      {
        const int64_t before = random_.below(4), behind = random_.below(4);
        return ir::make_columns(value(dtype, rows, whole(before + *n + behind), below), ir::constant(before), columns.size);
      }
    case 4:
      if (!columns_free || *n < 2) break;
      {
        const int64_t first = random_.between(1, *n - 1);
        ExprPtr left = value(dtype, rows, whole(first), below);
        return ir::make_concat(Op::concat_columns, {std::move(left), value(dtype, rows, whole(*n - first), below)});
      }
    case 5:
      if (!rows_free || *m < 2) break;
      {
        const int64_t first = random_.between(1, *m - 1);
        ExprPtr above = value(dtype, whole(first), columns, below);
        return ir::make_concat(Op::concat_rows, {std::move(above), value(dtype, whole(*m - first), columns, below)});
      }
    case 6:
      if (!columns_free) break;
      for (int64_t factor : {3, 2})
        if (*n % factor == 0)
          return ir::make_reshape(value(dtype, times(rows, factor), whole(*n / factor), below), rows.size, columns.size);
      break;
    case 7:
      if (!rows_free) break;
      for (int64_t factor : {5, 3, 2})
        if (*m % factor == 0) return ir::make_repeat_rows(value(dtype, whole(*m / factor), columns, below), factor);
      break;
    default: {
      const int64_t width = small(12);
      ExprPtr position = value(DType::int32, rows, columns, below - 1);
      position = ir::make_binary(Op::max, std::move(position), ir::make_scalar(DType::int32, 0));
      position = ir::make_binary(Op::min, std::move(position), ir::make_scalar(DType::int32, static_cast<double>(width - 1)));
      return ir::make_binary(Op::gather, value(dtype, rows, whole(width), below), std::move(position));
    }
  }
  return computed(dtype, rows, columns, depth);
}

// ---- statements ---------------------------------------------------------------------------------------------------------------

std::string Generator::let(ExprPtr x) {
  const std::string name = fresh("t");
  variables_.push_back({name, x->dtype, x->rows, x->columns});
  emit(ir::Assign{name, std::move(x), true});
  return name;
}

// What is declared inside ends there.
template <class Fill>
void Generator::block(Block& into, Fill fill) {
  const size_t variables = variables_.size(), spans = spans_.size();
  blocks_.push_back(&into);
  fill();
  blocks_.pop_back();
  variables_.resize(variables);
  spans_.resize(spans);
}

// A loop whose iterations cover `extent` exactly, each index once, in order; `even` is what tile sizes are a multiple of.
template <class Body>
void Generator::over(const Extent& extent, bool parallel, int64_t even, Body body) {
  ir::Loop loop;
  loop.kind = parallel ? ir::Loop::Kind::parallel : random_.chance(30) ? ir::Loop::Kind::pipeline : ir::Loop::Kind::range;
  loop.stages = loop.kind == ir::Loop::Kind::pipeline ? 2 : 0;
  loop.variable = fresh("i");
  const IndexExpr i = ir::named(loop.variable);
  const int64_t n = even * small(17);
  Extent part{extent.total, nullptr, nullptr};
  bool is_span = false;
  switch (random_.below(4)) {
    case 0: {  // by hand, a constant tile size
      const IndexExpr tile = ir::constant(n), offset = mul(i, tile);
      loop.begin = ir::constant(0);
      loop.extent = ceil_div(extent.size, tile);
      part.begin = add(extent.begin, offset);
      part.size = min(tile, sub(extent.size, offset));
      break;
    }
    case 1:
      if (even == 1) {  // by hand, a constant number of tiles, some of which may be empty
        const int64_t count = random_.between(1, 4);
        const IndexExpr per = ceil_div(extent.size, ir::constant(count)), offset = mul(i, per);
        loop.begin = ir::constant(0);
        loop.extent = ir::constant(count);
        part.begin = add(extent.begin, offset);
        part.size = max(ir::constant(0), min(per, sub(extent.size, offset)));
        break;
      }
      [[fallthrough]];
    default: {
      loop.begin = ir::constant(0);
      loop.extent = extent.size;
      loop.tile = n;
      part.begin = add(extent.begin, ir::span_begin(loop.variable));
      part.size = ir::span_size(loop.variable);
      is_span = true;
    }
  }
  Block inside;
  block(inside, [&] {
    if (is_span) spans_.push_back(loop.variable);
    body(part);
  });
  loop.body = std::move(inside);
  emit(std::move(loop));
}

// The sum over the rows of a tall matrix, chunk by chunk.
std::string Generator::accumulated_column_sum(const Extent& columns, int depth) {
  const DType dtype = random_.chance(70) ? DType::f32 : DType::int32;
  const std::string name = fresh("sum");
  emit(ir::Assign{name, ir::make_constant(dtype, ir::constant(1), columns.size, 0), true});
  over(whole(small(40)), false, 1, [&](const Extent& k) {
    ExprPtr more = value(dtype, k, columns, depth);
    rebind(name,
           ir::make_binary(Op::col_sum_acc, ir::make_variable(name, dtype, ir::constant(1), columns.size), std::move(more)));
  });
  return let(ir::make_variable(name, dtype, ir::constant(1), columns.size));
}

std::string Generator::accumulated_sum(const Extent& rows, int depth) {
  const std::string name = fresh("sum");
  emit(ir::Assign{name, ir::make_constant(DType::f32, rows.size, ir::constant(1), 0), true});
  over(whole(small(150)), false, 1, [&](const Extent& k) {
    ExprPtr more = value(DType::f32, rows, k, depth);
    rebind(name,
           ir::make_binary(Op::row_sum_acc, ir::make_variable(name, DType::f32, rows.size, ir::constant(1)), std::move(more)));
  });
  return let(ir::make_variable(name, DType::f32, rows.size, ir::constant(1)));
}

// acc = 0 or the first product; then one product for each chunk of k.
std::string Generator::accumulated_product(const Extent& rows, const Extent& columns) {
  constexpr std::array kOperands{DType::bf16, DType::f32, DType::int8, DType::uint8};
  const DType a = pick(kOperands), b = a == DType::uint8 ? DType::int8 : a;
  const DType result = a == DType::bf16 || a == DType::f32 ? DType::f32 : DType::int32;
  const bool transpose_a = random_.chance(20), transpose_b = random_.chance(30);
  const std::string name = fresh("acc");
  const int64_t chunk = a == DType::bf16 ? 32 * small(2) : small(20), inner = small(a == DType::bf16 ? 140 : 60);
  const auto operands = [&](const Extent& k) {
    ExprPtr left = transpose_a ? load(a, k, rows) : load(a, rows, k);
    return std::pair{std::move(left), transpose_b ? load(b, columns, k) : load(b, k, columns)};
  };
  const auto accumulate = [&](const Extent& k) {
    auto [left, right] = operands(k);
    rebind(name,
           ir::make_matmul_acc(ir::make_variable(name, result, rows.size, columns.size), left, right, transpose_a, transpose_b));
  };
  if (inner > chunk && random_.chance(50)) {
    const int64_t peeled_inner = inner - inner % chunk;  // whole chunks, the first of them peeled
    const Extent k = whole(peeled_inner);
    auto [left, right] = operands({k.total, ir::constant(0), ir::constant(chunk)});
    emit(ir::Assign{name, ir::make_matmul(left, right, transpose_a, transpose_b), true});
    ir::Loop loop;
    loop.kind = ir::Loop::Kind::pipeline;
    loop.stages = 2;
    loop.variable = fresh("k");
    loop.begin = ir::constant(1);
    loop.extent = ir::constant(peeled_inner / chunk - 1);
    const IndexExpr begin = mul(ir::named(loop.variable), ir::constant(chunk));
    Block inside;
    block(inside, [&] { accumulate({k.total, begin, ir::constant(chunk)}); });
    loop.body = std::move(inside);
    emit(std::move(loop));
  } else {
    emit(ir::Assign{name, ir::make_constant(result, rows.size, columns.size, 0), true});
    ir::Loop loop;
    loop.kind = ir::Loop::Kind::range;
    loop.variable = fresh("k");
    loop.begin = ir::constant(0);
    loop.extent = ir::constant(inner);
    loop.tile = chunk;
    Block inside;
    block(inside, [&] { accumulate({ir::constant(inner), ir::span_begin(loop.variable), ir::span_size(loop.variable)}); });
    loop.body = std::move(inside);
    emit(std::move(loop));
  }
  return let(ir::make_variable(name, result, rows.size, columns.size));
}

// A tile that each iteration of a loop changes.
std::string Generator::carried(const Extent& rows, const Extent& columns) {
  const std::string name = let(value(DType::f32, rows, columns, 1));
  ir::Loop loop;
  loop.variable = fresh("i");
  loop.begin = ir::constant(random_.between(-2, 2));
  loop.extent = ir::constant(random_.between(0, 3));
  Block inside;
  block(inside, [&] { rebind(name, value(DType::f32, rows, columns, 2)); });
  loop.body = std::move(inside);
  emit(std::move(loop));
  return name;
}

void Generator::choose(const std::string& variable, const Extent& rows, const Extent& columns) {
  ir::If branch;
  const IndexExpr left = spans_.empty() ? rows.begin : ir::span_index(pick(spans_));
  branch.condition.push_back({left, static_cast<ir::Compare>(random_.below(6)), ir::constant(random_.below(4))});
  if (random_.chance(30)) branch.condition.push_back({rows.size, ir::Compare::gt, ir::constant(random_.below(9))});
  block(branch.then_block, [&] { rebind(variable, value(DType::f32, rows, columns, 2)); });
  if (random_.chance(60)) block(branch.else_block, [&] { rebind(variable, value(DType::f32, rows, columns, 2)); });
  emit(std::move(branch));
}

// Rows of a table, listed by a tile of indices or read one by one.
std::string Generator::gathered_rows(const Extent& columns, int64_t count) {
  const int64_t table_rows = random_.between(1, 9);
  const std::string indices = fresh("index"), table = fresh("table");
  const DType stored = random_.chance(50) ? DType::int32 : DType::int64;
  program_.tensors.push_back(
      {indices, stored, {ir::constant(1), ir::constant(count)}, ir::Role::input, {{"below", {table_rows}}}, -1});
  program_.tensors.push_back({table, DType::f32, {ir::constant(table_rows), columns.total}, ir::Role::input, {}, -1});
  const Axis every = range_of(columns);
  if (count == 1 && random_.chance(60)) {
    const std::string row = fresh("row");
    emit(ir::ReadIndex{row, indices, {ir::constant(0), ir::constant(0)}});
    assume_below(row, table_rows);
    return let(ir::make_load(table, DType::f32, {{Axis::Kind::range, ir::named(row), ir::constant(1), {}}, every}));
  }
  const std::string list = let(converted(ir::make_load(indices, stored, {range_of(kOne), range_of(whole(count))}), DType::int32));
  assume_below(list, table_rows);
  return let(ir::make_load(table, DType::f32, {{Axis::Kind::by, nullptr, ir::constant(count), list}, every}));
}

// Tile variables that the expressions behind may use.
void Generator::prepare(const Extent& rows, const Extent& columns) {
  if (random_.chance(35)) accumulated_sum(rows, 2);
  if (random_.chance(15)) accumulated_column_sum(columns, 2);
  if (random_.chance(35)) accumulated_product(rows, columns);
  if (random_.chance(25)) carried(rows, columns);
  if (random_.chance(35)) choose(let(value(DType::f32, rows, columns, 2)), rows, columns);
  if (random_.chance(15)) gathered_rows(columns, random_.between(1, 2));
  if (random_.chance(25)) {  // through a tensor of the iteration's own
    ir::Tensor scratch{fresh("scratch"), pick(kElementTypes).dtype, {rows.size, columns.size}, ir::Role::temporary, {}, -1};
    const std::vector<Axis> all{{Axis::Kind::range, ir::constant(0), rows.size, {}},
                                {Axis::Kind::range, ir::constant(0), columns.size, {}}};
    emit(ir::CreateTensor{scratch});
    emit(ir::Store{scratch.name, all, value(scratch.dtype, rows, columns, 2)});
    let(ir::make_load(scratch.name, scratch.dtype, all));
  }
  if (random_.chance(15)) emit(ir::Tap{fresh("tap"), value(pick(kElementTypes).dtype, rows, columns, 1)});
}

void Generator::store(const std::string& tensor, const Extent& rows, const Extent& columns, ExprPtr x) {
  emit(ir::Store{tensor, {range_of(rows), range_of(columns)}, std::move(x)});
}

// A loop nest that fills one tensor: a temporary, or an output.
void Generator::stage(bool last) {
  const auto extent = [&] {
    if (random_.chance(60)) return whole(ir::named(pick(program_.dims).name));
    return whole(small(limits_.extent));
  };
  const Extent rows = extent(), columns = random_.chance(30) ? extent() : whole(small(limits_.extent));
  const bool is_output = last || random_.chance(50);
  const ir::Tensor tensor{fresh(is_output ? "y" : "s"),
                          pick(kElementTypes).dtype,
                          {rows.total, columns.total},
                          is_output ? ir::Role::output : ir::Role::temporary,
                          {},
                          -1};
  if (is_output)
    program_.tensors.push_back(tensor);
  else
    emit(ir::CreateTensor{tensor});
  const auto fill = [&](const Extent& r, const Extent& c) {
    prepare(r, c);
    store(tensor.name, r, c, value(tensor.dtype, r, c, limits_.depth));
  };
  const auto columns_of = [&](const Extent& r) {
    if (random_.chance(50)) return fill(r, columns);
    over(columns, random_.chance(50), 1, [&](const Extent& c) { fill(r, c); });
  };
  const auto rows_and_columns = [&] {
    if (random_.chance(15)) return columns_of(rows);
    over(rows, random_.chance(60), 1, columns_of);
  };
  if (random_.chance(50)) {
    ir::At scope{fresh("scope"), {}};
    block(scope.body, rows_and_columns);
    emit(std::move(scope));
  } else {
    rows_and_columns();
  }
  finished_.push_back(tensor);
}

// An inout of which the rows that the data names are written: all of them at once, or one by one and but for those that are -1.
void Generator::scatter_stage() {
  const bool skips = random_.chance(50);
  const int64_t count = random_.between(1, 5), rows = random_.between(count, 9);
  const Extent columns = whole(small(limits_.extent));
  const std::string indices = fresh("index"), state = fresh("state");
  const DType stored = random_.chance(50) ? DType::int32 : DType::int64;
  program_.tensors.push_back(
      {indices, stored, {ir::constant(count)}, ir::Role::input, {{"below", {rows}}, {"distinct", {}}}, -1});
  if (skips) program_.tensors.back().annotations.push_back({"except", {-1}});
  program_.tensors.push_back({state, DType::f32, {ir::constant(rows), columns.total}, ir::Role::inout, {}, -1});
  const std::string list = let(converted(ir::make_load(indices, stored, {range_of(whole(count))}), DType::int32));
  if (skips) {
    emit(ir::AssumeElements{list, ir::AssumeElements::Property::distinct, -1});
    ir::Loop loop;
    loop.kind = ir::Loop::Kind::parallel;
    loop.variable = fresh("i");
    loop.begin = ir::constant(0);
    loop.extent = ir::constant(count);
    block(loop.body, [&] {
      const std::string slot = fresh("slot");
      emit(ir::ReadIndex{slot, indices, {ir::named(loop.variable)}});
      emit(ir::Assume{{{ir::named(slot), ir::Compare::lt, ir::constant(rows)}}});
      ir::If stored_if{{{ir::named(slot), ir::Compare::ge, ir::constant(0)}}, {}, {}};
      block(stored_if.then_block, [&] {
        const std::vector<Axis> slice{{Axis::Kind::point, ir::named(slot), ir::constant(1), ""}, range_of(columns)};
        const ExprPtr before = ir::make_load(state, DType::f32, slice);
        emit(ir::Store{state, slice, ir::make_binary(Op::add, before, value(DType::f32, kOne, columns, 2))});
      });
      emit(std::move(stored_if));
    });
    emit(std::move(loop));
    return;
  }
  assume_below(list, rows);
  emit(ir::AssumeElements{list});
  const std::vector<Axis> slice{{Axis::Kind::by, nullptr, ir::constant(count), list}, range_of(columns)};
  const ExprPtr before = ir::make_load(state, DType::f32, slice);
  emit(ir::Store{state, slice, ir::make_binary(Op::add, before, value(DType::f32, whole(count), columns, 2))});
}

ir::Program Generator::make() {
  program_.name = "random";
  for (int64_t k = random_.between(1, 2); k > 0; --k) program_.dims.push_back({k == 1 ? "T" : "N", 0, std::nullopt, -1});
  Block body;
  block(body, [&] {
    for (int64_t left = random_.between(1, limits_.stages); left > 0; --left) stage(left == 1);
    if (random_.chance(20)) scatter_stage();
  });
  for (const ir::View& view : views_) program_.body.push_back({view, {}, -1});
  program_.body.insert(program_.body.end(), body.begin(), body.end());
  for (ir::Tensor& tensor : program_.tensors) tensor.is_weight = tensor.role == ir::Role::input && random_.chance(50);
  return std::move(program_);
}

}  // namespace

ir::Program random_program(Random& random, const Limits& limits) {
  ir::Program program = Generator(random, limits).make();
  ir::verify_or_throw(program);
  return program;
}

RandomCase random_case(uint64_t seed, const Limits& limits) {
  RandomCase made;
  made.seed = seed;
  Random random(seed);
  made.program = random_program(random, limits);
  for (const ir::Dim& dim : made.program.dims) made.dims[dim.name] = random.chance(15) ? 1 : random.between(1, limits.extent);
  made.inputs = random_inputs(made.program, made.dims, random);
  return made;
}

}  // namespace imbrex::test
