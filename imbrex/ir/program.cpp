#include "imbrex/ir/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "imbrex/base/checked.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/spelling.h"

namespace imbrex::ir {
namespace {

constexpr const char* kCastModes[] = {"exact", "rint", "round", "floor", "ceil", "trunc"};
constexpr const char* kRoles[] = {"input", "output", "inout", "temporary"};
constexpr const char* kCompares[] = {"<", "<=", "==", "!=", ">=", ">"};

std::string shape_text(const IndexExpr& rows, const IndexExpr& columns) {
  return fmt::format("[{}, {}]", to_text(rows), to_text(columns));
}
std::string describe(const ExprPtr& e) { return fmt::format("{} {}", name_of(e->dtype), shape_text(e->rows, e->columns)); }

[[noreturn]] void fail(const Written& written, const char* id, std::string message, std::string hint) {
  throw UserError(Diagnostic{id, written.where, std::move(message), std::move(hint), {}});
}

// The sum or product of two extents. Where they are constants it is computed here, and has to fit.
IndexExpr combined_extent(Op op, Index::Kind kind, const IndexExpr& a, const IndexExpr& b, const Written& written) {
  const bool adds = kind == Index::Kind::add;
  const auto x = constant_value(a), y = constant_value(b);
  if (x && y && !(adds ? checked_add(*x, *y) : checked_mul(*x, *y)))
    fail(written, "shape-mismatch",
         fmt::format("{}: an extent of {} {} {} is more than 64 bits hold", name_of(op), *x, adds ? "+" : "*", *y),
         "make its tiles smaller");
  return adds ? add(a, b) : mul(a, b);
}

std::shared_ptr<Expr> node(Op op, DType dtype, IndexExpr rows, IndexExpr columns, std::vector<ExprPtr> args,
                           const Written& written) {
  auto e = std::make_shared<Expr>();
  e->op = op;
  e->dtype = dtype;
  e->rows = std::move(rows);
  e->columns = std::move(columns);
  e->args = std::move(args);
  e->origin = written.origin;
  return e;
}

void require_dtype(Op op, const ExprPtr& x, std::span<const DType> allowed, const Written& written) {
  if (std::find(allowed.begin(), allowed.end(), x->dtype) != allowed.end()) return;
  std::string names;
  for (DType dtype : allowed) names += (names.empty() ? "" : " or ") + std::string(name_of(dtype));
  fail(written, "dtype-mismatch", fmt::format("{} takes {}, and got {}", name_of(op), names, describe(x)),
       fmt::format("{} the operand first: {}", *allowed.begin() == DType::boolean ? "compare" : "cast",
                   Spelling(written.where).conversion("x", x->dtype, *allowed.begin())));
}

void require_dtype(Op op, const ExprPtr& x, DType allowed, const Written& written) {
  require_dtype(op, x, std::span(&allowed, 1), written);
}

// That the operation takes tiles of this type.
void require_taken(Op op, const ExprPtr& x, const Written& written) {
  constexpr DType kNumbers[] = {DType::f32, DType::int32};
  switch (operation(op).takes) {
    case Takes::f32: return require_dtype(op, x, DType::f32, written);
    case Takes::number: return require_dtype(op, x, kNumbers, written);
    case Takes::anything:
    case Takes::own: return;
  }
}

// One axis of an elementwise operation: equal extents, or one of them 1.
IndexExpr broadcast_axis(const IndexExpr& a, const IndexExpr& b, bool& ok) {
  if (same(a, b) || is_one(b)) return a;
  if (is_one(a)) return b;
  ok = false;
  return a;
}

// Rows, and columns, are equal or 1 in one of them: `[m, 1]` and `[1, n]` give `[m, n]`, and `[1, 1]` goes with anything.
TileShape broadcast(Op op, const ExprPtr& a, const ExprPtr& b, const Written& written) {
  bool rows_fit = true, columns_fit = true;
  TileShape result{broadcast_axis(a->rows, b->rows, rows_fit), broadcast_axis(a->columns, b->columns, columns_fit)};
  if (rows_fit && columns_fit) return result;
  const bool rows = !rows_fit;
  fail(written, "broadcast",
       fmt::format("{} of {} and {}: the shapes do not fit, {} and {} {}", name_of(op), describe(a), describe(b),
                   to_text(rows ? a->rows : a->columns), to_text(rows ? b->rows : b->columns), rows ? "rows" : "columns"),
       "both have as many rows, or one of them has 1, and so with columns; make the shapes equal, or load both through the same "
       "spans");
}

ExprPtr make_elementwise_pair(Op op, const ExprPtr& a, const ExprPtr& b, const Written& written) {
  if (a->dtype != b->dtype)
    fail(written, "dtype-mismatch", fmt::format("{} of {} and {}: the types differ", name_of(op), describe(a), describe(b)),
         fmt::format("cast one of them, for example {}", Spelling(written.where).conversion("x", b->dtype, a->dtype)));
  const TileShape shape = broadcast(op, a, b, written);
  const DType result = operation(op).gives == Gives::boolean ? DType::boolean : a->dtype;
  return node(op, result, shape.rows, shape.columns, {a, b}, written);
}

ExprPtr make_accumulating_sum(Op op, ExprPtr acc, ExprPtr x, const Written& written) {
  const bool over_row = op == Op::row_sum_acc;
  require_taken(op, x, written);
  if (acc->dtype != x->dtype)
    fail(written, "dtype-mismatch", fmt::format("{} continues a {} sum with {}", name_of(op), name_of(acc->dtype), describe(x)),
         "make the accumulator of the type that is summed");
  const IndexExpr rows = over_row ? x->rows : constant(1), columns = over_row ? constant(1) : x->columns;
  if (!same(acc->rows, rows) || !same(acc->columns, columns))
    fail(written, "shape-mismatch",
         fmt::format("{} of {} needs an accumulator {}, and got {}", name_of(op), describe(x), shape_text(rows, columns),
                     describe(acc)),
         fmt::format("begin it with zeros of {} {}", name_of(x->dtype), shape_text(rows, columns)));
  return node(op, x->dtype, rows, columns, {acc, x}, written);
}

// int32 for int8 or uint8 by int8, f32 for bf16 by bf16 and f32 by f32.
DType product_dtype(const ExprPtr& a, const ExprPtr& b, const Written& written) {
  const bool integers = (a->dtype == DType::int8 || a->dtype == DType::uint8) && b->dtype == DType::int8;
  const bool floats = a->dtype == b->dtype && (a->dtype == DType::bf16 || a->dtype == DType::f32);
  if (!integers && !floats)
    fail(written, "dtype-mismatch", fmt::format("matmul of {} and {}", describe(a), describe(b)),
         "matmul multiplies bf16 by bf16, f32 by f32 (to f32), int8 by int8 or uint8 by int8 (to int32); cast the operands");
  return integers ? DType::int32 : DType::f32;
}

ExprPtr make_product(ExprPtr acc, ExprPtr a, ExprPtr b, bool transpose_a, bool transpose_b, const Written& written) {
  const DType dtype = product_dtype(a, b, written);
  const IndexExpr rows = transpose_a ? a->columns : a->rows, inner = transpose_a ? a->rows : a->columns;
  const IndexExpr inner_b = transpose_b ? b->columns : b->rows, columns = transpose_b ? b->rows : b->columns;
  if (!same(inner, inner_b))
    fail(written, "shape-mismatch",
         fmt::format("matmul of {}{} and {}{}: the inner extents {} and {} differ", describe(a), transpose_a ? " transposed" : "",
                     describe(b), transpose_b ? " transposed" : "", to_text(inner), to_text(inner_b)),
         "take both slices with the same span of k");
  if (acc && (acc->dtype != dtype || !same(acc->rows, rows) || !same(acc->columns, columns)))
    fail(written, "shape-mismatch",
         fmt::format("matmul_acc adds {} {} to {}", name_of(dtype), shape_text(rows, columns), describe(acc)),
         fmt::format("begin the accumulator with zeros of {} {}", name_of(dtype), shape_text(rows, columns)));
  const Op op = acc ? Op::matmul_acc : Op::matmul;
  std::vector<ExprPtr> args;
  if (acc) args.push_back(std::move(acc));
  args.push_back(std::move(a));
  args.push_back(std::move(b));
  auto e = node(op, dtype, rows, columns, std::move(args), written);
  e->transpose_a = transpose_a;
  e->transpose_b = transpose_b;
  return e;
}

// Of a product's right side, bytes with a scale for each block: how many blocks there are along k and along the columns. `scales`
// of none but the right side are the last of its operands but two.
struct BlocksOfScales {
  IndexExpr along_k, columns;
};
BlocksOfScales require_scaled_blocks(Op op, const std::vector<ExprPtr>& args, ScaledBlock block, bool transpose_b,
                                     const Written& written) {
  const ExprPtr &scales = args[args.size() - 3], &a = args[args.size() - 2], &b = args.back();
  if (block.k < 1 || block.k % kScaledBlockStep != 0 || block.columns < 1 || block.k > kMaxDim || block.columns > kMaxDim)
    fail(written, "shape-mismatch", fmt::format("{} has a scale for each block [{}, {}]", name_of(op), block.k, block.columns),
         fmt::format("give a block a multiple of {} elements of k and one column or more, less than 2^31 of either",
                     kScaledBlockStep));
  const IndexExpr inner = transpose_b ? b->columns : b->rows, columns = transpose_b ? b->rows : b->columns;
  if (!same(a->columns, inner))
    fail(written, "shape-mismatch",
         fmt::format("{} of {} and {}{}: the inner extents {} and {} differ", name_of(op), describe(a), describe(b),
                     transpose_b ? " transposed" : "", to_text(a->columns), to_text(inner)),
         "take both slices with the same span of k");
  const IndexExpr along_k = ceil_div(inner, constant(block.k)), along_columns = ceil_div(columns, constant(block.columns));
  const IndexExpr &rows_of_scales = transpose_b ? along_columns : along_k,
                  &columns_of_scales = transpose_b ? along_k : along_columns;
  if (!same(scales->rows, rows_of_scales) || !same(scales->columns, columns_of_scales))
    fail(written, "shape-mismatch",
         fmt::format("{} of {}{} scaled by {}: each block of {} elements of k and {} columns has a scale", name_of(op),
                     describe(b), transpose_b ? " transposed" : "", describe(scales), block.k, block.columns),
         fmt::format("give scales {}", shape_text(rows_of_scales, columns_of_scales)));
  return {along_k, columns};
}

bool is_scale(const ExprPtr& e) { return e->dtype == DType::f32 || e->dtype == DType::e8m0; }

ExprPtr scaled_product(Op op, std::vector<ExprPtr> args, const IndexExpr& columns, ScaledBlock block, bool transpose_b,
                       const Written& written) {
  const IndexExpr rows = args[args.size() - 2]->rows;
  auto e = node(op, DType::f32, rows, columns, std::move(args), written);
  e->transpose_b = transpose_b;
  e->block = block;
  return e;
}

// int8 by int8 is exact; of other types each element is a bf16.
ExprPtr make_scaled_product(std::vector<ExprPtr> args, ScaledBlock block, bool transpose_b, const Written& written) {
  const ExprPtr &a_scales = args[0], &b_scales = args[1], &a = args[2], &b = args[3];
  const bool a_fits = a->dtype == DType::bf16 || a->dtype == DType::e4m3 || a->dtype == DType::int8;
  const bool b_fits = b->dtype == DType::e4m3 || b->dtype == DType::int8;
  if (!is_scale(a_scales) || !is_scale(b_scales) || !a_fits || !b_fits)
    fail(written, "dtype-mismatch",
         fmt::format("matmul_scaled of {} scaled by {} and {} scaled by {}", describe(a), describe(a_scales), describe(b),
                     describe(b_scales)),
         "matmul_scaled multiplies bf16, e4m3 or int8 by e4m3 or int8, and scales are f32 or e8m0; cast the operands");
  const BlocksOfScales blocks = require_scaled_blocks(Op::matmul_scaled, args, block, transpose_b, written);
  const auto fits = [](const IndexExpr& has, const IndexExpr& wants) { return same(has, wants) || is_one(has); };
  if (!fits(a_scales->rows, a->rows) || !fits(a_scales->columns, blocks.along_k))
    fail(written, "shape-mismatch",
         fmt::format("matmul_scaled of {} scaled by {}: a row has a scale for each {} elements of k", describe(a),
                     describe(a_scales), block.k),
         fmt::format("give scales {}, or 1 in place of either", shape_text(a->rows, blocks.along_k)));
  return scaled_product(Op::matmul_scaled, std::move(args), blocks.columns, block, transpose_b, written);
}

ExprPtr make_expanded_product(std::vector<ExprPtr> args, ScaledBlock block, bool transpose_b, const Written& written) {
  const ExprPtr &scales = args[0], &a = args[1], &b = args[2];
  if (!is_scale(scales) || a->dtype != DType::bf16 || b->dtype != DType::e4m3)
    fail(written, "dtype-mismatch",
         fmt::format("matmul_expanded of {} and {} scaled by {}", describe(a), describe(b), describe(scales)),
         "matmul_expanded multiplies bf16 by e4m3, and scales are f32 or e8m0; cast the operands");
  const BlocksOfScales blocks = require_scaled_blocks(Op::matmul_expanded, args, block, transpose_b, written);
  return scaled_product(Op::matmul_expanded, std::move(args), blocks.columns, block, transpose_b, written);
}

ExprPtr make_half(Op op, ExprPtr x, const Written& written) {
  const auto n = constant_value(x->columns);
  if (!n || *n % 2 != 0)
    fail(written, "shape-mismatch",
         fmt::format("{} of {}: the number of columns must be a constant, and even", name_of(op), describe(x)),
         "slice the columns with constants, an even number of them");
  return node(op, x->dtype, x->rows, constant(*n / 2), {x}, written);
}

}  // namespace

const Annotation* find(const Annotations& annotations, const std::string& name) {
  for (const Annotation& annotation : annotations)
    if (annotation.name == name) return &annotation;
  return nullptr;
}

const char* name_of(CastMode mode) { return kCastModes[static_cast<size_t>(mode)]; }
const char* name_of(Role role) { return kRoles[static_cast<size_t>(role)]; }
const char* declared_as(const Tensor& tensor) { return tensor.is_weight ? "weight" : name_of(tensor.role); }
const char* text_of(Compare compare) { return kCompares[static_cast<size_t>(compare)]; }

bool is_one(const IndexExpr& e) { return constant_value(e) == 1; }

TileShape shape_of_slice(const std::vector<Axis>& slice, const Written& written) {
  std::vector<IndexExpr> extents;
  for (const Axis& axis : slice)
    if (axis.kind != Axis::Kind::point) extents.push_back(axis.size);
  if (extents.size() > 2)
    fail(written, "slice-rank", fmt::format("a slice with {} extents: a tile has two, rows and columns", extents.size()),
         "give an index for the other axes, or take the slice of a view that merges them");
  if (extents.empty()) return {constant(1), constant(1)};
  if (extents.size() == 1) return {constant(1), extents[0]};
  return {extents[0], extents[1]};
}

ExprPtr make_variable(std::string name, DType dtype, IndexExpr rows, IndexExpr columns, const Written& written) {
  auto e = node(Op::variable, dtype, std::move(rows), std::move(columns), {}, written);
  e->name = std::move(name);
  return e;
}

ExprPtr make_load(const std::string& tensor, DType dtype, std::vector<Axis> slice, const Written& written) {
  const TileShape shape = shape_of_slice(slice, written);
  auto e = node(Op::load, dtype, shape.rows, shape.columns, {}, written);
  e->name = tensor;
  e->slice = std::move(slice);
  return e;
}

const Expr* load_of_indices(const Expr& e) {
  if (!holds_indices(e.dtype)) return nullptr;
  if (e.op == Op::cast) return load_of_indices(*e.args[0]);
  return e.op == Op::load ? &e : nullptr;
}

ExprPtr make_constant(DType dtype, IndexExpr rows, IndexExpr columns, double value, const Written& written) {
  if (element_type(dtype).form == Form::integer) {
    const auto least = static_cast<double>(element_type(dtype).least), most = static_cast<double>(element_type(dtype).greatest);
    if (!(value >= least && value <= most) || value != std::floor(value))
      fail(written, "constant-range", fmt::format("{} is not a value of {}", value, name_of(dtype)),
           fmt::format("give an integer from {} to {}", least, most));
  } else if (dtype == DType::f32) {
    value = static_cast<double>(static_cast<float>(value));
  } else {
    fail(written, "dtype-mismatch", fmt::format("a constant of type {}", name_of(dtype)), "make it f32 and cast it");
  }
  auto e = node(Op::constant, dtype, std::move(rows), std::move(columns), {}, written);
  e->value = value;
  return e;
}

ExprPtr make_scalar(DType dtype, double value, const Written& written) {
  return make_constant(dtype, constant(1), constant(1), value, written);
}

ExprPtr make_index(IndexExpr index, const Written& written) {
  auto e = node(Op::index, DType::int32, constant(1), constant(1), {}, written);
  e->index = std::move(index);
  return e;
}

ExprPtr make_iota(IndexExpr columns, IndexExpr begin, const Written& written) {
  auto e = node(Op::iota, DType::int32, constant(1), std::move(columns), {}, written);
  e->index = std::move(begin);
  return e;
}

ExprPtr make_cast(ExprPtr x, DType to, CastMode mode, const Written& written) {
  if (to == DType::boolean && x->dtype != DType::boolean)
    fail(written, "cast-mode", fmt::format("a cast from {} to bool", name_of(x->dtype)),
         "compare instead: " + Spelling(written.where).conversion("x", x->dtype, to));
  if (x->dtype == DType::boolean && !is_exact_cast(DType::boolean, to))
    fail(written, "cast-mode", fmt::format("a cast from bool to {}, which has no zero", name_of(to)),
         Spelling(written.where).cast(Spelling(written.where).cast("x", DType::f32), to, CastMode::ceil) +
             ", which makes the least number of it");
  if (mode == CastMode::exact && !is_exact_cast(x->dtype, to))
    fail(written, "cast-mode",
         fmt::format("the cast from {} to {} rounds, and its mode is missing", name_of(x->dtype), name_of(to)),
         Spelling(written.where).cast("x", to, CastMode::rint) + ", or round, floor, ceil, trunc");
  if (is_exact_cast(x->dtype, to)) mode = CastMode::exact;
  auto e = node(Op::cast, to, x->rows, x->columns, {x}, written);
  e->mode = mode;
  return e;
}

ExprPtr make_unary(Op op, ExprPtr x, const Written& written) {
  const IndexExpr rows = x->rows, columns = x->columns;
  require(operation(op).arity == 1 && operation(op).takes != Takes::own, "an operation of one tile");
  require_taken(op, x, written);
  switch (kind_of(op)) {
    case OpKind::elementwise: {
      const DType result = operation(op).gives == Gives::boolean ? DType::boolean : x->dtype;
      return node(op, result, rows, columns, {x}, written);
    }
    case OpKind::row_reduction: return node(op, x->dtype, rows, constant(1), {x}, written);
    case OpKind::column_reduction: return node(op, x->dtype, constant(1), columns, {x}, written);
    case OpKind::row_movement:
      if (op == Op::even || op == Op::odd) return make_half(op, std::move(x), written);
      break;
    case OpKind::movement:
      if (op == Op::transpose) return node(op, x->dtype, columns, rows, {x}, written);
      break;
    case OpKind::leaf:
    case OpKind::product: break;
  }
  throw InternalError(fmt::format("{} has a maker of its own", name_of(op)));
}

ExprPtr make_binary(Op op, ExprPtr a, ExprPtr b, const Written& written) {
  if (is_arithmetic(op) && operation(op).arity == 2) {
    require_taken(op, a, written);
    return make_elementwise_pair(op, a, b, written);
  }
  if (op == Op::row_sum_acc || op == Op::col_sum_acc) return make_accumulating_sum(op, std::move(a), std::move(b), written);
  if (op == Op::interleave) {
    if (a->dtype != b->dtype || !same(a->rows, b->rows) || !same(a->columns, b->columns))
      fail(written, "shape-mismatch", fmt::format("interleave of {} and {}: they must be alike", describe(a), describe(b)),
           "give the even and the odd columns with the same shape and type");
    return node(op, a->dtype, a->rows, combined_extent(op, Index::Kind::mul, constant(2), a->columns, written), {a, b}, written);
  }
  if (op == Op::gather) {
    require_dtype(op, b, DType::int32, written);
    if (!same(a->rows, b->rows))
      fail(written, "shape-mismatch", fmt::format("gather from {} by {}: the numbers of rows differ", describe(a), describe(b)),
           "give one row of column indices for each row");
    return node(op, a->dtype, b->rows, b->columns, {a, b}, written);
  }
  throw InternalError(fmt::format("{} is not of two tiles", name_of(op)));
}

ExprPtr make_select(ExprPtr condition, ExprPtr a, ExprPtr b, const Written& written) {
  require_dtype(Op::select, condition, DType::boolean, written);
  if (a->dtype != b->dtype)
    fail(written, "dtype-mismatch", fmt::format("select between {} and {}: the types differ", describe(a), describe(b)),
         fmt::format("{} one of them, for example {}", a->dtype == DType::boolean ? "compare" : "cast",
                     Spelling(written.where).conversion("x", b->dtype, a->dtype)));
  // The result has the shape that the choices broadcast to, the condition included.
  const TileShape choices = broadcast(Op::select, a, b, written);
  const ExprPtr chosen = node(Op::select, a->dtype, choices.rows, choices.columns, {}, written);
  const TileShape shape = broadcast(Op::select, chosen, condition, written);
  return node(Op::select, a->dtype, shape.rows, shape.columns, {condition, a, b}, written);
}

ExprPtr make_matmul(ExprPtr a, ExprPtr b, bool transpose_a, bool transpose_b, const Written& written) {
  return make_product(nullptr, std::move(a), std::move(b), transpose_a, transpose_b, written);
}

ExprPtr make_matmul_acc(ExprPtr acc, ExprPtr a, ExprPtr b, bool transpose_a, bool transpose_b, const Written& written) {
  return make_product(std::move(acc), std::move(a), std::move(b), transpose_a, transpose_b, written);
}

ExprPtr make_matmul_scaled(ExprPtr a_scales, ExprPtr b_scales, ExprPtr a, ExprPtr b, ScaledBlock block, bool transpose_b,
                           const Written& written) {
  return make_scaled_product({std::move(a_scales), std::move(b_scales), std::move(a), std::move(b)}, block, transpose_b, written);
}

ExprPtr make_matmul_expanded(ExprPtr b_scales, ExprPtr a, ExprPtr b, ScaledBlock block, bool transpose_b,
                             const Written& written) {
  return make_expanded_product({std::move(b_scales), std::move(a), std::move(b)}, block, transpose_b, written);
}

DType multiplied_as(const Expr& product) {
  const DType a = product.args[product.args.size() - 2]->dtype, b = product.args.back()->dtype;
  return product.op != Op::matmul_scaled ? a : a == DType::int8 && b == DType::int8 ? DType::int8 : DType::bf16;
}

ExprPtr make_reshape(ExprPtr x, IndexExpr rows, IndexExpr columns, const Written& written) {
  const auto elements = [&](const IndexExpr& m, const IndexExpr& n) {
    return combined_extent(Op::reshape, Index::Kind::mul, m, n, written);
  };
  if (!same(elements(x->rows, x->columns), elements(rows, columns)))
    fail(written, "shape-mismatch",
         fmt::format("reshape of {} to {}: the numbers of elements are not the same", describe(x), shape_text(rows, columns)),
         "keep rows * columns");
  return node(Op::reshape, x->dtype, rows, columns, {x}, written);
}

ExprPtr make_columns(ExprPtr x, IndexExpr begin, IndexExpr size, const Written& written) {
  const auto b = constant_value(begin), n = constant_value(size), all = constant_value(x->columns);
  if (!b || !n || !all || *b < 0 || *n < 1 || *n > *all || *b > *all - *n)
    fail(written, "shape-mismatch",
         fmt::format("columns {} +: {} of {}: they are not constants inside its columns", to_text(begin), to_text(size),
                     describe(x)),
         "give constants with 0 <= begin and begin + size <= the number of columns");
  auto e = node(Op::columns, x->dtype, x->rows, std::move(size), {x}, written);
  e->index = std::move(begin);
  return e;
}

ExprPtr make_repeat_rows(ExprPtr x, int64_t times, const Written& written) {
  if (times < 1)
    fail(written, "shape-mismatch", fmt::format("repeat_rows of {}, {} times", describe(x), times), "repeat once or more");
  const IndexExpr rows = combined_extent(Op::repeat_rows, Index::Kind::mul, constant(times), x->rows, written);
  auto e = node(Op::repeat_rows, x->dtype, rows, x->columns, {x}, written);
  e->index = constant(times);
  return e;
}

ExprPtr make_concat(Op op, std::vector<ExprPtr> parts, const Written& written) {
  require(op == Op::concat_rows || op == Op::concat_columns, "make_concat makes concat_rows or concat_columns");
  if (parts.size() < 2)
    fail(written, "shape-mismatch", fmt::format("{} of {} tiles", name_of(op), parts.size()), "give two tiles or more");
  const bool by_rows = op == Op::concat_rows;
  IndexExpr sum = constant(0);
  for (const ExprPtr& part : parts) {
    const bool fits = by_rows ? same(part->columns, parts[0]->columns) : same(part->rows, parts[0]->rows);
    if (part->dtype != parts[0]->dtype || !fits)
      fail(
          written, "shape-mismatch", fmt::format("{} of {} and {}", name_of(op), describe(parts[0]), describe(part)),
          by_rows ? "give tiles of one type with equal numbers of columns" : "give tiles of one type with equal numbers of rows");
    sum = combined_extent(op, Index::Kind::add, sum, by_rows ? part->rows : part->columns, written);
  }
  const ExprPtr first = parts[0];
  return node(op, first->dtype, by_rows ? sum : first->rows, by_rows ? first->columns : sum, std::move(parts), written);
}

ExprPtr with_args(const Expr& e, std::vector<ExprPtr> args) {
  const Written written{{}, e.origin};
  if (e.args.empty()) return std::make_shared<Expr>(e);
  if (e.op == Op::cast) return make_cast(args[0], e.dtype, e.mode, written);
  if (e.op == Op::select) return make_select(args[0], args[1], args[2], written);
  if (e.op == Op::matmul) return make_matmul(args[0], args[1], e.transpose_a, e.transpose_b, written);
  if (e.op == Op::matmul_acc) return make_matmul_acc(args[0], args[1], args[2], e.transpose_a, e.transpose_b, written);
  if (e.op == Op::matmul_scaled) return make_scaled_product(std::move(args), e.block, e.transpose_b, written);
  if (e.op == Op::matmul_expanded) return make_expanded_product(std::move(args), e.block, e.transpose_b, written);
  if (e.op == Op::reshape) return make_reshape(args[0], e.rows, e.columns, written);
  if (e.op == Op::repeat_rows) return make_repeat_rows(args[0], *constant_value(e.index), written);
  if (e.op == Op::columns) return make_columns(args[0], e.index, e.columns, written);
  if (operation(e.op).arity == kAnyNumber) return make_concat(e.op, std::move(args), written);
  return args.size() == 1 ? make_unary(e.op, args[0], written) : make_binary(e.op, args[0], args[1], written);
}

}  // namespace imbrex::ir
