#include "imbrex/language/tile.h"

#include <fmt/format.h>

#include "imbrex/language/recorder.h"

namespace imbrex {
namespace {

using recording::Recorder;
using recording::Value;

Recorder& recorder(const Value& value, const char* what) { return Recorder::current(value.where, what); }

// A tile's variable, unless it was moved away.
const std::shared_ptr<recording::Variable>& alive(const std::shared_ptr<recording::Variable>& variable,
                                                  const SourceLocation& where = {}) {
  if (!variable) recording::fail(where, "tile-moved", "this tile was moved away", "use the tile that it was moved to");
  return variable;
}

// A C++ number takes the type of the operand beside it where it is a value of that type.
void adapt(Recorder& recorder, Value& number, const ir::ExprPtr& other) {
  if (!number.is_number || !number.is_whole || other->dtype != DType::f32) return;
  number.expr = recorder.filled(number, DType::f32, ir::constant(1), ir::constant(1));
}

Tile unary(ir::Op op, Operand& x) {
  Value& value = Recorder::value_of(x);
  Recorder& recorder = ::imbrex::recorder(value, ir::name_of(op));
  return recorder.let(ir::make_unary(op, recorder.take(value), recorder.written(value.where)), value.where);
}

ir::ExprPtr binary_expr(ir::Op op, Value& a, Value& b) {
  Recorder& recorder = ::imbrex::recorder(a, ir::name_of(op));
  ir::ExprPtr left = recorder.take(a), right = recorder.take(b);
  adapt(recorder, a, right);
  adapt(recorder, b, left);
  if (a.is_number) left = a.expr;
  if (b.is_number) right = b.expr;
  return ir::make_binary(op, std::move(left), std::move(right), recorder.written(a.where));
}

Tile binary(ir::Op op, Operand& a, Operand& b) {
  Value &left = Recorder::value_of(a), &right = Recorder::value_of(b);
  ir::ExprPtr e = binary_expr(op, left, right);
  return recorder(left, ir::name_of(op)).let(std::move(e), left.where);
}

Tile cast_in_mode(Operand& x, DType to, ir::CastMode mode) {
  Value& value = Recorder::value_of(x);
  Recorder& recorder = ::imbrex::recorder(value, "cast");
  return recorder.let(ir::make_cast(recorder.take(value), to, mode, recorder.written(value.where)), value.where);
}

Tile concat(ir::Op op, Operand& a, Operand& b) {
  Value &first = Recorder::value_of(a), &second = Recorder::value_of(b);
  Recorder& recorder = ::imbrex::recorder(first, ir::name_of(op));
  std::vector<ir::ExprPtr> parts = {recorder.take(first), recorder.take(second)};
  return recorder.let(ir::make_concat(op, std::move(parts), recorder.written(first.where)), first.where);
}

}  // namespace

// ---- tiles --------------------------------------------------------------------------------------------------------------------

Tile::Tile(const Tile& other, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "a tile");
  variable_ = recorder.let(recorder.use(other, where).expr, where).variable_;
}

Tile::Tile(Slice&& slice, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "a load");
  variable_ = recorder.let(recorder.load(slice).expr, where).variable_;
}

void Tile::rebind(Value value) {
  Recorder& recorder = ::imbrex::recorder(value, "a tile");
  alive(variable_, value.where);
  ir::ExprPtr expr =
      value.is_number ? recorder.filled(value, variable_->dtype, variable_->rows, variable_->columns) : recorder.take(value);
  recorder.rebind(variable_, std::move(expr), value.where);
}

// `a = a` is a statement of the program like any other.
// NOLINTNEXTLINE(bugprone-unhandled-self-assignment)
Tile& Tile::operator=(const Tile& other) {
  const SourceLocation nowhere;
  Recorder& recorder = Recorder::current(nowhere, "a tile");
  rebind(recorder.use(other, recorder.last_where()));
  return *this;
}
Tile& Tile::operator=(Tile&& other) {
  rebind({nullptr, alive(other.variable_), other.variable_->where});
  return *this;
}
Tile& Tile::operator=(Slice&& slice) { return *this = Operand(std::move(slice), Recorder::where_of(slice)); }
Tile& Tile::operator=(Operand value) {
  rebind(std::move(Recorder::value_of(value)));
  return *this;
}

Tile& Tile::operator+=(Operand value) {
  Value& added = Recorder::value_of(value);
  Recorder& recorder = ::imbrex::recorder(added, "a sum");
  ir::ExprPtr term = recorder.take(added);
  const ir::Written written = recorder.written(added.where);
  Value self = recorder.use(*this, added.where);
  ir::ExprPtr sum;
  const auto continued = ir::continued_form(term->op);
  if (continued == ir::Op::matmul_acc) {
    sum = ir::make_matmul_acc(self.expr, term->args[0], term->args[1], term->transpose_a, term->transpose_b, written);
  } else if (continued) {
    sum = ir::make_binary(*continued, self.expr, term->args[0], written);
  } else {
    Value other{term, nullptr, added.where, added.is_number, added.is_whole};
    sum = binary_expr(ir::Op::add, self, other);
  }
  recorder.rebind(variable_, std::move(sum), added.where);
  return *this;
}

Tile& Tile::operator-=(Operand value) { return *this = *this - std::move(value); }
Tile& Tile::operator*=(Operand value) { return *this = *this * std::move(value); }
Tile& Tile::operator/=(Operand value) { return *this = *this / std::move(value); }

Tile Tile::named(std::string name) && {
  alive(variable_);
  if (!recording::is_name(name))
    recording::fail(variable_->where, "bad-name", "'" + name + "' cannot be a name",
                    "use letters, digits and _, not beginning with a digit, and no word of the language");
  variable_->wanted_name = std::move(name);
  return std::move(*this);
}

DType Tile::dtype() const { return alive(variable_)->dtype; }
Index Tile::rows() const { return Index(alive(variable_)->rows); }
Index Tile::columns() const { return Index(alive(variable_)->columns); }

ByTile by(const Tile& rows) { return {alive(Recorder::variable_of(rows))}; }

// ---- slices -------------------------------------------------------------------------------------------------------------------

AxisArgument::AxisArgument(const Span& span, SourceLocation where)
    : axis_{ir::Axis::Kind::range, span.begin.expr(), span.size.expr(), {}}, where_(where) {}
AxisArgument::AxisArgument(All, SourceLocation where) : whole_(true), where_(where) {}
AxisArgument::AxisArgument(const Index& index, SourceLocation where)
    : axis_{ir::Axis::Kind::point, index.expr(), ir::constant(1), {}}, where_(where) {}
AxisArgument::AxisArgument(const ByTile& by, SourceLocation where)
    : axis_{ir::Axis::Kind::by, nullptr, ir::mul(by.rows->rows, by.rows->columns), {}}, by_(by.rows), where_(where) {
  if (by.rows->dtype != DType::int32 || (!ir::is_one(by.rows->rows) && !ir::is_one(by.rows->columns)))
    recording::fail(where, "by-tile", "rows are taken by a tile that is not one row or column of int32",
                    "give an int32 tile [m, 1] or [1, m]");
}

Slice Tensor::operator()(AxisArgument a) const { return slice({std::move(a)}); }
Slice Tensor::operator()(AxisArgument a, AxisArgument b) const { return slice({std::move(a), std::move(b)}); }
Slice Tensor::operator()(AxisArgument a, AxisArgument b, AxisArgument c) const {
  return slice({std::move(a), std::move(b), std::move(c)});
}
Slice Tensor::operator()(AxisArgument a, AxisArgument b, AxisArgument c, AxisArgument d) const {
  return slice({std::move(a), std::move(b), std::move(c), std::move(d)});
}
Slice Tensor::slice(const std::vector<AxisArgument>& arguments) const {
  const SourceLocation where = Recorder::where_of(arguments.front());
  return Slice(entry_, Recorder::current(where, "a slice").axes(*entry_, arguments), where);
}

const std::string& Tensor::name() const { return entry_->name; }
DType Tensor::dtype() const { return entry_->dtype; }
Int Tensor::rank() const { return static_cast<Int>(entry_->shape.size()); }
Index Tensor::extent(Int axis, SourceLocation where) const {
  if (axis < 0 || axis >= rank())
    recording::fail(where, "slice-rank", fmt::format("axis {} of '{}', which has {} axes", axis, name(), rank()),
                    fmt::format("give an axis from 0 to {}", rank() - 1));
  return Index(entry_->shape[static_cast<size_t>(axis)]);
}

void Slice::operator=(Operand value) && {
  Recorder::current(where_, "a store").store(*this, std::move(Recorder::value_of(value)));
}
void Slice::operator=(Slice&& other) && {
  Recorder& recorder = Recorder::current(where_, "a store");
  recorder.store(*this, recorder.load(other));
}

// ---- operands -----------------------------------------------------------------------------------------------------------------

Operand::Operand(const Tile& tile, SourceLocation where) : value_(Recorder::current(where, "a tile").use(tile, where)) {}
Operand::Operand(Tile&& tile, SourceLocation where) : value_{nullptr, tile.variable_, where} { alive(tile.variable_, where); }
Operand::Operand(Slice&& slice, SourceLocation where) : value_(Recorder::current(where, "a load").load(slice)) {}
Operand::Operand(const Index& index, SourceLocation where)
    : value_{ir::make_index(index.expr(), Recorder::current(where, "an index").written(where)), nullptr, where} {}
Operand::Operand(Number number, SourceLocation where)
    : value_{ir::make_scalar(number.whole ? DType::int32 : DType::f32, number.value,
                             Recorder::current(where, "a number").written(where)),
             nullptr, where, true, number.whole} {}

// ---- operations ---------------------------------------------------------------------------------------------------------------

Tile full(DType dtype, Shape shape, double value, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "full");
  return recorder.let(ir::make_constant(dtype, shape.rows.size.expr(), shape.columns.size.expr(), value, recorder.written(where)),
                      where);
}
Tile zeros(DType dtype, Shape shape, SourceLocation where) { return full(dtype, std::move(shape), 0, where); }
Tile iota(Extent n, Index begin, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "iota");
  return recorder.let(ir::make_iota(n.size.expr(), begin.expr(), recorder.written(where)), where);
}

ir::CastMode rint(CastModeTag) { return ir::CastMode::rint; }
ir::CastMode round(CastModeTag) { return ir::CastMode::round; }
ir::CastMode floor(CastModeTag) { return ir::CastMode::floor; }
ir::CastMode ceil(CastModeTag) { return ir::CastMode::ceil; }
ir::CastMode trunc(CastModeTag) { return ir::CastMode::trunc; }
Tile cast(Operand x, DType to) { return cast_in_mode(x, to, ir::CastMode::exact); }
Tile cast(Operand x, DType to, Rounding mode) { return cast_in_mode(x, to, mode(CastModeTag{})); }

Tile operator+(Operand a, Operand b) { return binary(ir::Op::add, a, b); }
Tile operator-(Operand a, Operand b) { return binary(ir::Op::sub, a, b); }
Tile operator*(Operand a, Operand b) { return binary(ir::Op::mul, a, b); }
Tile operator/(Operand a, Operand b) { return binary(ir::Op::div, a, b); }
Tile operator-(Operand x) { return unary(ir::Op::neg, x); }

#define IMBREX_FUNCTION_unary(name) \
  Tile name(Operand x) { return unary(ir::Op::name, x); }
#define IMBREX_FUNCTION_binary(name) \
  Tile name(Operand a, Operand b) { return binary(ir::Op::name, a, b); }
#define IMBREX_FUNCTION_own(name)
#define IMBREX_ROW(id, name, kind, arity, takes, gives, order, in_cpp, ...) IMBREX_FUNCTION_##in_cpp(id)
IMBREX_EACH_OPERATION(IMBREX_ROW)
#undef IMBREX_ROW
#undef IMBREX_FUNCTION_unary
#undef IMBREX_FUNCTION_binary
#undef IMBREX_FUNCTION_own

Tile operator==(Operand a, Operand b) { return binary(ir::Op::eq, a, b); }
Tile operator!=(Operand a, Operand b) { return binary(ir::Op::ne, a, b); }
Tile operator<(Operand a, Operand b) { return binary(ir::Op::lt, a, b); }
Tile operator<=(Operand a, Operand b) { return binary(ir::Op::le, a, b); }
Tile operator>(Operand a, Operand b) { return binary(ir::Op::gt, a, b); }
Tile operator>=(Operand a, Operand b) { return binary(ir::Op::ge, a, b); }

Tile select(Operand condition, Operand a, Operand b) {
  Value &chooser = Recorder::value_of(condition), &first = Recorder::value_of(a), &second = Recorder::value_of(b);
  Recorder& recorder = ::imbrex::recorder(chooser, "select");
  ir::ExprPtr by = recorder.take(chooser), left = recorder.take(first), right = recorder.take(second);
  adapt(recorder, first, right);
  adapt(recorder, second, left);
  if (first.is_number) left = first.expr;
  if (second.is_number) right = second.expr;
  return recorder.let(ir::make_select(std::move(by), std::move(left), std::move(right), recorder.written(chooser.where)),
                      chooser.where);
}

Tile matmul(Operand a, Operand b, Transposed transposed) {
  Value &left = Recorder::value_of(a), &right = Recorder::value_of(b);
  Recorder& recorder = ::imbrex::recorder(left, "matmul");
  ir::ExprPtr x = recorder.take(left), y = recorder.take(right);
  return recorder.let(ir::make_matmul(std::move(x), std::move(y), transposed.a, transposed.b, recorder.written(left.where)),
                      left.where);
}

Tile matmul_acc(Operand acc, Operand a, Operand b, Transposed transposed) {
  Value &sum = Recorder::value_of(acc), &left = Recorder::value_of(a), &right = Recorder::value_of(b);
  Recorder& recorder = ::imbrex::recorder(sum, "matmul_acc");
  ir::ExprPtr start = recorder.take(sum), x = recorder.take(left), y = recorder.take(right);
  return recorder.let(
      ir::make_matmul_acc(std::move(start), std::move(x), std::move(y), transposed.a, transposed.b, recorder.written(sum.where)),
      sum.where);
}

Tile matmul_scaled(Operand a_scales, Operand b_scales, Operand a, Operand b, const Blocks& block) {
  Value &of_a = Recorder::value_of(a_scales), &of_b = Recorder::value_of(b_scales);
  Value &left = Recorder::value_of(a), &right = Recorder::value_of(b);
  Recorder& recorder = ::imbrex::recorder(left, "matmul_scaled");
  ir::ExprPtr s = recorder.take(of_a), t = recorder.take(of_b), x = recorder.take(left), y = recorder.take(right);
  return recorder.let(ir::make_matmul_scaled(std::move(s), std::move(t), std::move(x), std::move(y), {block.k, block.columns},
                                             block.transpose_b, recorder.written(left.where)),
                      left.where);
}

Tile matmul_expanded(Operand b_scales, Operand a, Operand b, const Blocks& block) {
  Value &scales = Recorder::value_of(b_scales), &left = Recorder::value_of(a), &right = Recorder::value_of(b);
  Recorder& recorder = ::imbrex::recorder(left, "matmul_expanded");
  ir::ExprPtr t = recorder.take(scales), x = recorder.take(left), y = recorder.take(right);
  return recorder.let(ir::make_matmul_expanded(std::move(t), std::move(x), std::move(y), {block.k, block.columns},
                                               block.transpose_b, recorder.written(left.where)),
                      left.where);
}

Tile reshape(Operand x, Shape shape) {
  Value& value = Recorder::value_of(x);
  Recorder& recorder = ::imbrex::recorder(value, "reshape");
  return recorder.let(
      ir::make_reshape(recorder.take(value), shape.rows.size.expr(), shape.columns.size.expr(), recorder.written(value.where)),
      value.where);
}
Tile concat_rows(Operand above, Operand below) { return concat(ir::Op::concat_rows, above, below); }
Tile concat_columns(Operand left, Operand right) { return concat(ir::Op::concat_columns, left, right); }
Tile columns(Operand x, Int begin, Int size) {
  Value& value = Recorder::value_of(x);
  Recorder& recorder = ::imbrex::recorder(value, "columns");
  return recorder.let(
      ir::make_columns(recorder.take(value), ir::constant(begin), ir::constant(size), recorder.written(value.where)),
      value.where);
}
Tile repeat_rows(Operand x, Int times) {
  Value& value = Recorder::value_of(x);
  Recorder& recorder = ::imbrex::recorder(value, "repeat_rows");
  return recorder.let(ir::make_repeat_rows(recorder.take(value), times, recorder.written(value.where)), value.where);
}

}  // namespace imbrex
