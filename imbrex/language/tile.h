// Tensors, slices and tiles: the data of a kernel, and what can be computed with it.
//
// Tensor  named, typed, shaped global memory.
// Slice   x(t, d): part of a tensor. Used as a value it is loaded; assigned to, it is stored to. It cannot be kept.
// Tile    a value on chip, a matrix [rows, columns]. Axes given as a single index are dropped from a slice: [1, n] is left of one
//         axis, [m, n] of two.
//
// Every operation is recorded in the kernel being built, with the author's line. `Tile v = ...` names a value; a temporary used
// at once becomes part of the expression that uses it. `Tile b = a` is a new tile with the same value. `v = ...` and `v += ...`
// give the variable v another value, also for later iterations of the `range` or `pipeline` around; an outer tile cannot be
// changed inside a `parallel` ("parallel-rebind").
//
// Expressions mean the same whichever operand the C++ compiler evaluates first. Only functions that themselves record statements
// (stores, loops) should not be called twice in one expression.
//
// Rules that all operations share, each a UserError at the author's line:
//   shapes     elementwise operations take equal shapes; a column [m, 1] is repeated along columns and a row [1, n] along rows, so that both
//              together give [m, n], and a number goes with anything
//              ("broadcast"); other operations say what they need ("shape-mismatch")
//   types      arithmetic is on f32 and int32, both operands of one type ("dtype-mismatch"); a whole number written in C++ takes
//              the type of the other operand
//   lifetime   a tile lives until the loop body or scope that made it ends ("out-of-scope"), in its own kernel
//              ("other-kernel")
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <vector>

#include "imbrex/language/index.h"

namespace imbrex {

// f32, bf16, int32, ...: the element types (base/dtype.h) by their names.
#define IMBREX_ROW(id, ...) inline constexpr DType id = DType::id;
IMBREX_EACH_TYPE(IMBREX_ROW)
#undef IMBREX_ROW

namespace builder {
struct Variable;
struct TensorEntry;
}  // namespace builder
namespace recording {
class Recorder;
// An operand: an expression, or a temporary tile that nobody else can name.
struct Value {
  ir::ExprPtr expr;
  std::shared_ptr<builder::Variable> temporary;
  SourceLocation where;
  bool is_number = false, is_whole = false;  // a C++ number, written without a fraction
};
}  // namespace recording

class Slice;
class Operand;

class Tile {
 public:
  Tile(const Tile& other, SourceLocation where = SourceLocation::current());
  Tile(Tile&& other) noexcept = default;
  Tile(Slice&& slice, SourceLocation where = SourceLocation::current());  // a load
  // Rebinding. C++ does not tell an assignment its line: the line recorded is that of the value's last operation.
  Tile& operator=(const Tile& other);
  Tile& operator=(Tile&& other);
  Tile& operator=(Slice&& slice);  // loads
  Tile& operator=(Operand value);
  // `sum += row_sum(x)` continues the sum that `sum` holds as one reduction over all chunks, likewise col_sum, and matmul becomes
  // matmul_acc. Everything else, `a = a + row_sum(x)` included, is an addition.
  Tile& operator+=(Operand value);
  Tile& operator-=(Operand value);
  Tile& operator*=(Operand value);
  Tile& operator/=(Operand value);

  // The name in the printed program; without it one is derived from the operation.
  Tile named(std::string name) &&;

  DType dtype() const;
  Index rows() const;
  Index columns() const;

 private:
  friend class recording::Recorder;
  friend class Operand;
  Tile(std::shared_ptr<builder::Variable> variable, SourceLocation where) : variable_(std::move(variable)), where_(where) {}
  void rebind(const recording::Value& value);
  std::shared_ptr<builder::Variable> variable_;
  SourceLocation where_;  // of its first value
};

// Rows listed in an int32 tile: x(by(rows), all).
struct ByTile {
  std::shared_ptr<builder::Variable> rows;
};
ByTile by(const Tile& rows);

// One axis of a slice: a span, `all`, an index, or by(tile).
class AxisArgument {
 public:
  AxisArgument(const Span& span, SourceLocation where = SourceLocation::current());
  AxisArgument(All, SourceLocation where = SourceLocation::current());
  AxisArgument(const Index& index, SourceLocation where = SourceLocation::current());
  template <std::integral I>
  AxisArgument(I index, SourceLocation where = SourceLocation::current()) : AxisArgument(Index(index), where) {}
  AxisArgument(const ByTile& by, SourceLocation where = SourceLocation::current());

 private:
  friend class recording::Recorder;
  friend class Tensor;
  ir::IndexExpr begin_, size_;  // no size: one index
  bool whole_ = false;
  std::shared_ptr<builder::Variable> by_;
  SourceLocation where_;
};

class Tensor {
 public:
  // One argument for each axis ("slice-rank").
  [[nodiscard]] Slice operator()(AxisArgument a) const;
  [[nodiscard]] Slice operator()(AxisArgument a, AxisArgument b) const;
  [[nodiscard]] Slice operator()(AxisArgument a, AxisArgument b, AxisArgument c) const;
  [[nodiscard]] Slice operator()(AxisArgument a, AxisArgument b, AxisArgument c, AxisArgument d) const;

  const std::string& name() const;
  DType dtype() const;
  Int rank() const;
  // 0 <= axis < rank ("slice-rank").
  Index extent(Int axis, SourceLocation where = SourceLocation::current()) const;

 private:
  friend class recording::Recorder;
  Slice slice(const std::vector<AxisArgument>& arguments) const;
  explicit Tensor(std::shared_ptr<const builder::TensorEntry> entry) : entry_(std::move(entry)) {}
  std::shared_ptr<const builder::TensorEntry> entry_;
};

// Part of a tensor, for the expression in which it is written. Loads and stores work on temporaries alone: after
// `auto s = x(t, d);` the line that uses `s` does not compile. Keep the values instead: `Tile s = x(t, d);`.
class Slice {
 public:
  Slice(const Slice&) = delete;
  // Stores. The shape and type are the slice's ("store-shape", "store-dtype"); [1, 1] does not spread.
  void operator=(Operand value) &&;
  void operator=(Slice&& other) &&;

 private:
  friend class recording::Recorder;
  friend class Operand;
  Slice(std::shared_ptr<const builder::TensorEntry> tensor, std::vector<ir::Axis> axes, SourceLocation where)
      : tensor_(std::move(tensor)), axes_(std::move(axes)), where_(where) {}
  std::shared_ptr<const builder::TensorEntry> tensor_;
  std::vector<ir::Axis> axes_;
  SourceLocation where_;
};

// What an operation takes: a tile, a slice (loaded), a number, or an Index (as an int32 [1, 1]). Notes the author's line.
class Operand {
 public:
  Operand(const Tile& tile, SourceLocation where = SourceLocation::current());
  Operand(Tile&& tile, SourceLocation where = SourceLocation::current());
  Operand(Slice&& slice, SourceLocation where = SourceLocation::current());
  Operand(const Index& index, SourceLocation where = SourceLocation::current());
  template <std::floating_point F>
  Operand(F number, SourceLocation where = SourceLocation::current()) : Operand(Number{double(number), false}, where) {}
  template <std::integral I>
  Operand(I number, SourceLocation where = SourceLocation::current()) : Operand(Number{double(number), true}, where) {}

 private:
  friend class recording::Recorder;
  struct Number {
    double value;
    bool whole;
  };
  Operand(Number number, SourceLocation where);
  recording::Value value_;
};

// ---- making tiles -------------------------------------------------------------------------------------------------------------

// One extent of a tile: a number, an Index, or as many as a span has.
struct Extent {
  Index size;
  Extent(const Span& span) : size(span.size) {}
  Extent(const Index& index) : size(index) {}
  template <std::integral I>
  Extent(I number) : size(number) {}
};
struct Shape {
  Extent rows, columns;
};
// Every element is `value`. f32, or int32, int8, uint8 with a value of the type ("constant-range").
Tile full(DType dtype, Shape shape, double value, SourceLocation where = SourceLocation::current());
Tile zeros(DType dtype, Shape shape, SourceLocation where = SourceLocation::current());
// int32 [1, n]: begin, begin + 1, ...
Tile iota(Extent n, Index begin = 0, SourceLocation where = SourceLocation::current());

// ---- elementwise --------------------------------------------------------------------------------------------------------------

// The modes of a cast: cast(x, bf16, rint). They are functions, never called, so that they stand beside those of <cmath>.
struct CastModeTag {};
ir::CastMode rint(CastModeTag);   // half to even
ir::CastMode round(CastModeTag);  // half away from zero
ir::CastMode floor(CastModeTag);
ir::CastMode ceil(CastModeTag);
ir::CastMode trunc(CastModeTag);
using Rounding = ir::CastMode (*)(CastModeTag);
// Saturates to integers, NaN to 0. The mode may be left out only where no value changes ("cast-mode").
Tile cast(Operand x, DType to);
Tile cast(Operand x, DType to, Rounding mode);

Tile operator+(Operand a, Operand b);
Tile operator-(Operand a, Operand b);
Tile operator*(Operand a, Operand b);
Tile operator/(Operand a, Operand b);  // f32
Tile operator-(Operand x);
Tile operator==(Operand a, Operand b);  // bool tiles, for select
Tile operator!=(Operand a, Operand b);
Tile operator<(Operand a, Operand b);
Tile operator<=(Operand a, Operand b);
Tile operator>(Operand a, Operand b);
Tile operator>=(Operand a, Operand b);
Tile select(Operand condition, Operand a, Operand b);  // a where the condition holds, else b

// ---- operations of one and of two tiles that are written as functions ---------------------------------------------------------
//
// elementwise  abs, recip (1 / x), sqrt, rsqrt (1 / sqrt(x), two roundings), exp, log; min and max, NaN if either operand is
// reductions   f32 or int32: row_sum, row_max, row_min over the columns of each row, [m, n] -> [m, 1]; col_sum, col_max, col_min
//              over the rows of each column, [m, n] -> [1, n]
// moving       transpose; even (columns 0, 2, ...; the number of columns is a constant and even), odd, interleave(even, odd), their
//              inverse; gather(x, columns): out[r, c] = x[r, columns[r, c]], columns int32
//
// Each row of the table of operations says whether its operation is one of these. Declared are: Tile abs(Operand x), ...

#define IMBREX_FUNCTION_unary(name) Tile name(Operand x);
#define IMBREX_FUNCTION_binary(name) Tile name(Operand a, Operand b);
#define IMBREX_FUNCTION_own(name)
#define IMBREX_ROW(id, name, kind, arity, takes, gives, order, in_cpp, ...) IMBREX_FUNCTION_##in_cpp(id)
IMBREX_EACH_OPERATION(IMBREX_ROW)
#undef IMBREX_ROW
#undef IMBREX_FUNCTION_unary
#undef IMBREX_FUNCTION_binary
#undef IMBREX_FUNCTION_own

// ---- matrix products: bf16 x bf16 and f32 x f32 -> f32, int8 x int8 and uint8 x int8 -> int32 ---------------------------------

struct Transposed {
  bool a = false, b = false;
};
Tile matmul(Operand a, Operand b, Transposed transposed = {});                   // [m, k] [k, n] -> [m, n]
Tile matmul_acc(Operand acc, Operand a, Operand b, Transposed transposed = {});  // acc + a b, k continued
// Blocks of the right operand that have one scale in common: so many elements of k, a multiple of 32, of so many columns.
struct Blocks {
  Int k, columns;
  bool transpose_b = false;  // b is [n, k], and its scales lie likewise
};
// The product of each block of k is scaled and added: + (a b of the block) * (a_scales * b_scales), block after block. a_scales has an
// element for each row and block of k, [m, k / block.k], or 1 in place of either; b_scales one for each block, [k / block.k,
// n / block.columns], where the last block may be shorter. a is bf16, e4m3 or int8, b e4m3 or int8, scales f32 or e8m0.
Tile matmul_scaled(Operand a_scales, Operand b_scales, Operand a, Operand b, const Blocks& block);
// a b where each element of b is bf16(f32(element) * scale of its block), rounded half to even, as matmul has it: the weights stay
// bytes in memory. b_scales and b are as those of matmul_scaled; a is bf16, b e4m3.
Tile matmul_expanded(Operand b_scales, Operand a, Operand b, const Blocks& block);

// ---- moving elements ----------------------------------------------------------------------------------------------------------

Tile reshape(Operand x, Shape shape);  // row-major
Tile concat_rows(Operand above, Operand below);
Tile concat_columns(Operand left, Operand right);
Tile columns(Operand x, Int begin, Int size);  // size columns of a tile from begin on
Tile repeat_rows(Operand x, Int times);        // each row so many times, one below the other: [m, n] -> [m * times, n]

}  // namespace imbrex
