#include "imbrex/language/tile.h"

#include <fmt/format.h>

#include "imbrex/language/recorder.h"

namespace imbrex {
namespace {

using recording::Recorder;
using recording::Value;

Recorder& recorder(const Value& value, const char* what) { return Recorder::current(value.where, what); }

Tile unary(ir::Op op, Operand& x) {
  Value& value = Recorder::value_of(x);
  Recorder& recorder = ::imbrex::recorder(value, ir::name_of(op));
  return recorder.let(ir::make_unary(op, recorder.take(value), recorder.written(value.where)), value.where);
}

Tile binary(ir::Op op, Operand& a, Operand& b) {
  Value &left = Recorder::value_of(a), &right = Recorder::value_of(b);
  Recorder& recorder = ::imbrex::recorder(left, ir::name_of(op));
  const builder::Value x = recorder.taken(left), y = recorder.taken(right);
  return recorder.let(recorder.builder().binary(op, x, y, recorder.place(left.where)).expr, left.where);
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

Tile::Tile(const Tile& other, SourceLocation where) : where_(where) {
  Recorder& recorder = Recorder::current(where, "a tile");
  variable_ = recorder.let(recorder.use(other, where).expr, where).variable_;
}

Tile::Tile(Slice&& slice, SourceLocation where) : where_(where) {
  Recorder& recorder = Recorder::current(where, "a load");
  variable_ = recorder.let(recorder.load(slice).expr, where).variable_;
}

void Tile::rebind(const Value& value) {
  Recorder& recorder = ::imbrex::recorder(value, "a tile");
  Recorder::alive(variable_, value.where);
  recorder.builder().rebind(variable_, recorder.taken(value), recorder.place(value.where));
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
  rebind({nullptr, Recorder::alive(other.variable_), other.where_});
  return *this;
}
Tile& Tile::operator=(Slice&& slice) { return *this = Operand(std::move(slice), Recorder::where_of(slice)); }
Tile& Tile::operator=(Operand value) {
  rebind(Recorder::value_of(value));
  return *this;
}

Tile& Tile::operator+=(Operand value) {
  const Value& added = Recorder::value_of(value);
  Recorder& recorder = ::imbrex::recorder(added, "a sum");
  const builder::Value term = recorder.taken(added);
  recorder.builder().add_to(Recorder::alive(variable_, added.where), term, recorder.place(added.where));
  return *this;
}

Tile& Tile::operator-=(Operand value) { return *this = *this - std::move(value); }
Tile& Tile::operator*=(Operand value) { return *this = *this * std::move(value); }
Tile& Tile::operator/=(Operand value) { return *this = *this / std::move(value); }

Tile Tile::named(std::string name) && {
  Recorder::alive(variable_);
  if (!builder::is_name(name))
    recording::fail(where_, "bad-name", "'" + name + "' cannot be a name",
                    "use letters, digits and _, not beginning with a digit, and no word of the language");
  variable_->wanted_name = std::move(name);
  return std::move(*this);
}

DType Tile::dtype() const { return Recorder::alive(variable_)->dtype; }
Index Tile::rows() const { return Index(Recorder::alive(variable_)->rows); }
Index Tile::columns() const { return Index(Recorder::alive(variable_)->columns); }

ByTile by(const Tile& rows) { return {Recorder::alive(Recorder::variable_of(rows))}; }

// ---- slices -------------------------------------------------------------------------------------------------------------------

AxisArgument::AxisArgument(const Span& span, SourceLocation where)
    : begin_(span.begin.expr()), size_(span.size.expr()), where_(where) {}
AxisArgument::AxisArgument(All, SourceLocation where) : whole_(true), where_(where) {}
AxisArgument::AxisArgument(const Index& index, SourceLocation where) : begin_(index.expr()), where_(where) {}
AxisArgument::AxisArgument(const ByTile& by, SourceLocation where) : by_(by.rows), where_(where) {}

Slice Tensor::operator()(AxisArgument a) const { return slice({std::move(a)}); }
Slice Tensor::operator()(AxisArgument a, AxisArgument b) const { return slice({std::move(a), std::move(b)}); }
Slice Tensor::operator()(AxisArgument a, AxisArgument b, AxisArgument c) const {
  return slice({std::move(a), std::move(b), std::move(c)});
}
Slice Tensor::operator()(AxisArgument a, AxisArgument b, AxisArgument c, AxisArgument d) const {
  return slice({std::move(a), std::move(b), std::move(c), std::move(d)});
}
Slice Tensor::slice(const std::vector<AxisArgument>& arguments) const {
  return Recorder::current(arguments.front().where_, "a slice").slice(*this, arguments);
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

void Slice::operator=(Operand value) && { Recorder::current(where_, "a store").store(*this, Recorder::value_of(value)); }
void Slice::operator=(Slice&& other) && {
  Recorder& recorder = Recorder::current(where_, "a store");
  recorder.store(*this, recorder.load(other));
}

// ---- operands -----------------------------------------------------------------------------------------------------------------

Operand::Operand(const Tile& tile, SourceLocation where) : value_(Recorder::current(where, "a tile").use(tile, where)) {}
Operand::Operand(Tile&& tile, SourceLocation where) : value_{nullptr, tile.variable_, where} {
  Recorder::alive(tile.variable_, where);
}
Operand::Operand(Slice&& slice, SourceLocation where) : value_(Recorder::current(where, "a load").load(slice)) {}
Operand::Operand(const Index& index, SourceLocation where)
    : value_{ir::make_index(index.expr(), Recorder::current(where, "an index").written(where)), nullptr, where} {}
Operand::Operand(Number number, SourceLocation where) {
  Recorder& recorder = Recorder::current(where, "a number");
  const builder::Value value = recorder.builder().number(number.value, number.whole, recorder.place(where));
  value_ = {value.expr, nullptr, where, value.is_number, value.is_whole};
}

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
  const builder::Value by = recorder.taken(chooser), left = recorder.taken(first), right = recorder.taken(second);
  return recorder.let(recorder.builder().select(by, left, right, recorder.place(chooser.where)).expr, chooser.where);
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
