// The tile program: what an author writes, what every pass reads and writes, what is printed and parsed.
//
//   program    := "imbrex" "1" NEWLINE "kernel" STRING annotation* "{" declaration* statement* "}"
//   declaration:= "dim" NAME ["typical" INTEGER] ["max" INTEGER]
//              |  ("input" | "weight" | "output" | "inout") NAME ":" type annotation*
//   type       := dtype "[" [index {"," index}] "]"
//   dtype      := f32 | bf16 | f16 | e4m3 | e8m0 | int8 | uint8 | int32 | int64 | bool
//   statement  := ( "create" NAME ":" type                                  a temporary tensor (create_tensor)
//              |    "view" NAME "=" NAME ":" "[" index {"," index} "]"      the same memory under another shape
//              |    "let" NAME "=" expr                                     a new tile variable
//              |    NAME "=" expr                                           rebinds a tile variable
//              |    NAME "[" axis {"," axis} "]" "=" expr                   a store
//              |    "read" NAME "=" NAME "[" index {"," index} "]"          an index read from an int32 or int64 tensor
//              |    loop NAME "in" domain block
//              |    "at" STRING block                                       a named scope
//              |    "if" condition block ["else" block]
//              |    "tap" STRING expr                                       shows a tile to whoever asks; no effect
//              |    "assume" condition                                      a NAME may be an int32 tile: each of its elements
//              |    "assume_distinct" NAME ["except" ["-"] INTEGER]         the elements of an int32 tile differ, but for those
//                                                                           that are the excepted number
//              |    "assume_sorted" NAME )                                  ... never descend
//                 annotation*       written before a block's "{", at the end of other statements
//   block      := "{" statement* "}"
//   loop       := "parallel" | "range" | "pipeline" "(" INTEGER ")"
//   domain     := index ".." index                                          integers, the end exclusive
//              |  "tiles" "(" (index | NAME) "," INTEGER ")"                spans covering [0, index), or the span NAME
//   axis       := ":" | NAME | index "+:" index | index | "by" NAME         all | a span | begin +: size | a point | rows by tile
//   condition  := comparison {"and" comparison}
//   comparison := index ("<" | "<=" | "==" | "!=" | ">=" | ">") index
//   annotation := "@" NAME ["(" [INTEGER | NAME | STRING {"," ...}] ")"]
//   expr       := NAME | NAME "[" axis {"," axis} "]" | NUMBER | "-" expr | expr ("+" | "-" | "*" | "/") expr
//              |  operation "(" arguments ")"                               docs/language.md has the arguments of each
//   operation  := full | int32 | iota                                       of no tile: constants, indices, counts
//              |  cast | neg | abs | recip | sqrt | rsqrt | exp | log | floor
//              |  add | sub | mul | div | min | max
//              |  eq | ne | lt | le | gt | ge | select                      element by element
//              |  row_sum | row_max | row_min | row_sum_acc
//              |  col_sum | col_max | col_min | col_sum_acc                 reductions
//              |  matmul | matmul_acc | matmul_scaled | matmul_expanded
//              |  reshape | transpose | repeat_rows | concat_rows | concat_columns | columns
//              |  even | odd | interleave | gather                          move elements
//
// Meaning is sequential: a program means what it means when run from top to bottom, `parallel` loops in order. Annotations never
// change meaning. Names are unique in the whole program and identify what they name; `#` starts a comment.
//
// Every tile is a matrix [rows, columns]. A load drops the axes given as points; what is left is [1, n] for one axis and
// [m, n] for two. A store takes the same shape. An empty span (size <= 0) touches nothing.
//
// Where a thing was written in the author's source is an `origin`: an index into Program::origins, outside the text, the
// equality and the hash. -1 means unknown. Beside them stands what a statement that a pass wrote was made of: `sources`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "imbrex/base/dtype.h"
#include "imbrex/base/error.h"
#include "imbrex/ir/index.h"
#include "imbrex/ir/operations.h"

namespace imbrex::ir {

// ---- types ------------------------------------------------------------------------------------------------------------------

using imbrex::DType;

enum class CastMode : uint8_t { exact, rint, round, floor, ceil, trunc };  // `exact` where every value is representable
const char* name_of(CastMode mode);
// True if every value of `from` is a value of `to`, so that no mode is needed.
inline bool is_exact_cast(DType from, DType to) { return holds_all_of(to, from); }

struct Annotation {
  using Value = std::variant<int64_t, std::string>;
  std::string name;
  std::vector<Value> values;
  friend bool operator==(const Annotation&, const Annotation&) = default;
};
using Annotations = std::vector<Annotation>;
const Annotation* find(const Annotations& annotations, const std::string& name);

// ---- expressions ------------------------------------------------------------------------------------------------------------

// One axis of a slice. `range` is begin +: size (a span and `:` are ranges), `point` is one index and drops the axis, `by` takes
// the rows listed in the int32 tile variable `tile` ([m, 1] or [1, m]).
struct Axis {
  enum class Kind : uint8_t { range, point, by };
  Kind kind = Kind::range;
  IndexExpr begin, size;  // size is 1 for a point, the number of indices for `by` (begin is null there)
  std::string tile;
};

// What has one scale in common, of the right operand of matmul_scaled and matmul_expanded: so many elements of k, of so many columns.
struct ScaledBlock {
  int64_t k = 0, columns = 0;
  friend bool operator==(const ScaledBlock&, const ScaledBlock&) = default;
};
inline constexpr int64_t kScaledBlockStep = 32;  // `k` is a multiple of it

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

// An operation (operations.h) with its operands. Beside these it has:
//   variable    `name`: the value of a tile variable
//   load        `name`, `slice`: a copy of a tensor's slice
//   constant    `value`: every element. A number in an expression is a [1, 1] constant: text `0.5`, `3`; with a shape, text
//               `full(f32, [m, n], 0.0)`
//   index       `index`: an index expression as an int32 [1, 1]: text `int32(t.begin + 1)`
//   iota        `index`: begin. [1, n] int32, begin, begin + 1, ...: text `iota(n)` or `iota(n, begin)`
//   cast        `mode`: text `cast(x, bf16, rint)`, `cast(x, f32)`
//   matmul      (a, b), matmul_acc (acc, a, b), with `transpose_a` and `transpose_b`: text `matmul(a, b, transpose_b)`
//   matmul_scaled  (a_scales, b_scales, a, b), with `block` and `transpose_b`: text `matmul_scaled(s, t, a, b, [128, 64])`, where 128
//               elements of k, and 64 columns of b, have a scale in common
//   matmul_expanded  (b_scales, a, b), with `block` and `transpose_b`: text `matmul_expanded(t, a, b, [128, 64])`
//   reshape     row-major to another [rows, columns]: text `reshape(x, [m, n])`
//   repeat_rows `index`: how often each row is there, one below the other: text `repeat_rows(x, n)`
//   columns     `index`: the first of as many as the result has: text `columns(x, begin, size)`
// and of the others: select(condition, a, b); row_sum_acc(acc, x) and col_sum_acc(acc, x) continue the sum that acc holds;
// even and odd are columns 0, 2, ... and 1, 3, ... of an even number of columns, interleave(e, o) is their inverse;
// gather(x, i): out[r, c] = x[r, i[r, c]], i int32. docs/language.md says more.
struct Expr {
  Op op;
  std::vector<ExprPtr> args;
  DType dtype;              // of the result
  IndexExpr rows, columns;  // of the result
  std::string name;
  std::vector<Axis> slice;
  double value = 0;  // int32 and f32 values are exact in double
  IndexExpr index;
  CastMode mode = CastMode::exact;
  bool transpose_a = false, transpose_b = false;
  ScaledBlock block;
  int origin = -1;
};

// ---- statements -------------------------------------------------------------------------------------------------------------

struct Statement;
using Block = std::vector<Statement>;

enum class Role : uint8_t { input, output, inout, temporary };
const char* name_of(Role role);

struct Tensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<IndexExpr> shape;
  Role role = Role::temporary;
  Annotations annotations;
  int origin = -1;
  bool is_weight = false;  // an input whose elements stay the same while it is bound: a call may keep them in another layout
};
// The word that declares it: its role, or "weight".
const char* declared_as(const Tensor& tensor);

struct CreateTensor {
  Tensor tensor;
};  // role temporary; fresh for each execution
struct View {
  std::string name, base;
  std::vector<IndexExpr> shape;
};  // row-major reshape of the whole of `base`
struct Assign {
  std::string name;
  ExprPtr value;
  bool declares = false;
};
struct Store {
  std::string tensor;
  std::vector<Axis> slice;
  ExprPtr value;
};
struct ReadIndex {
  std::string name, tensor;
  std::vector<IndexExpr> position;
};  // int32 element as an index variable

inline constexpr int kMaxStages = 64;

struct Loop {
  enum class Kind : uint8_t { parallel, range, pipeline };
  Kind kind = Kind::range;
  int stages = 0;  // pipeline: 1 to kMaxStages
  std::string variable;
  // Integers: variable runs over begin .. begin + extent - 1. Tiles (tile > 0): variable is a span; iteration i has
  // .index = i, .begin = begin + i * tile, .size = min(tile, extent - i * tile); there are ceil(extent / tile) iterations.
  IndexExpr begin, extent;
  int64_t tile = 0;
  std::string of_span;  // set where written as tiles(SPAN, n): begin and extent are that span's
  Block body;
};

struct At {
  std::string name;
  Block body;
};

enum class Compare : uint8_t { lt, le, eq, ne, ge, gt };
const char* text_of(Compare compare);
struct Comparison {
  IndexExpr left;
  Compare compare;
  IndexExpr right;
};
using Condition = std::vector<Comparison>;  // all of them

struct If {
  Condition condition;
  Block then_block, else_block;
};
struct Tap {
  std::string name;
  ExprPtr value;
};
struct Assume {
  Condition condition;
};
struct AssumeElements {
  enum class Property : uint8_t { distinct, sorted };  // sorted: in row-major order none is less than the one before
  std::string tile;
  Property property = Property::distinct;
  std::optional<int64_t> except = {};  // distinct: an int32 that any number of elements may be
};

// One of the author's statements. `scope`: the name of the scope that it stands in, behind those of the scopes around that one
// ("outer/inner"; "" outside of scopes), and where that scope was written.
struct Source {
  int scope_origin = -1;
  std::string scope;
  int origin = -1;
  friend auto operator<=>(const Source&, const Source&) = default;
};

struct Statement {
  std::variant<CreateTensor, View, Assign, Store, ReadIndex, Loop, At, If, Tap, Assume, AssumeElements> node;
  Annotations annotations;
  int origin = -1;
  // Of a scope, value or store that a pass wrote: what it computes, scope by scope as written. Of the author's own: empty.
  std::vector<Source> sources = {};
};

// ---- programs ---------------------------------------------------------------------------------------------------------------

// docs/semantics.md, "Integers": what every call checks, and every analysis may use.
inline constexpr int64_t kMaxDim = (int64_t{1} << 31) - 1;  // of a dimension without a declared maximum
inline constexpr int64_t kMaxBytes = int64_t{1} << 62;      // exclusive: of each argument, and of a call's workspace

inline constexpr int64_t kUsualDim = 128;  // of a dimension whose typical value is not declared

struct Dim {
  std::string name;     // >= 1
  int64_t typical = 0;  // 0: not declared
  std::optional<int64_t> max;
  int origin = -1;

  // The largest legal value.
  int64_t most() const { return max.value_or(kMaxDim); }
  // The value that choices are made for.
  int64_t usual() const { return typical > 0 ? typical : std::min(kUsualDim, most()); }
};

struct Program {
  std::string name;
  Annotations annotations;
  std::vector<Dim> dims;
  std::vector<Tensor> tensors;  // inputs, outputs, inouts in the order of the call
  Block body;
  std::vector<SourceLine> origins;
  // Beside the meaning, like `origins`: the names of loops, tiles and the like that differ from what the author wrote, by name of
  // the program: "t" of t_2, "" where he wrote none.
  std::map<std::string, std::string> written_names;

  SourceLine where(int origin) const { return origin < 0 ? SourceLine{} : origins.at(static_cast<size_t>(origin)); }
};

// ---- making expressions -------------------------------------------------------------------------------------------------------
// Each infers dtype and shape and throws UserError with the rule broken ("shape-mismatch", "dtype-mismatch", "broadcast",
// "cast-mode", ...). `where` is the author's line for that error; `origin` is stored in the node.

// Where an expression was written.
struct Written {
  SourceLine where;
  int origin = -1;
};

ExprPtr make_variable(std::string name, DType dtype, IndexExpr rows, IndexExpr columns, const Written& written = {});
// The load of indices (`holds_indices`) whose numbers the tile has as they are, cast or not. Null for any other expression.
const Expr* load_of_indices(const Expr& e);
ExprPtr make_load(const std::string& tensor, DType dtype, std::vector<Axis> slice, const Written& written = {});
ExprPtr make_constant(DType dtype, IndexExpr rows, IndexExpr columns, double value, const Written& written = {});
ExprPtr make_scalar(DType dtype, double value, const Written& written = {});
ExprPtr make_index(IndexExpr index, const Written& written = {});
ExprPtr make_iota(IndexExpr columns, IndexExpr begin, const Written& written = {});
ExprPtr make_cast(ExprPtr x, DType to, CastMode mode, const Written& written = {});
// Of one and of two tiles; not for operations with a maker of their own below.
ExprPtr make_unary(Op op, ExprPtr x, const Written& written = {});
ExprPtr make_binary(Op op, ExprPtr a, ExprPtr b, const Written& written = {});
ExprPtr make_select(ExprPtr condition, ExprPtr a, ExprPtr b, const Written& written = {});
ExprPtr make_matmul(ExprPtr a, ExprPtr b, bool transpose_a, bool transpose_b, const Written& written = {});
ExprPtr make_matmul_acc(ExprPtr acc, ExprPtr a, ExprPtr b, bool transpose_a, bool transpose_b, const Written& written = {});
ExprPtr make_matmul_scaled(ExprPtr a_scales, ExprPtr b_scales, ExprPtr a, ExprPtr b, ScaledBlock block, bool transpose_b,
                           const Written& written = {});
ExprPtr make_matmul_expanded(ExprPtr b_scales, ExprPtr a, ExprPtr b, ScaledBlock block, bool transpose_b,
                             const Written& written = {});
// The type that a product of matrices multiplies: that of its operands, or what those of matmul_scaled are as.
DType multiplied_as(const Expr& product);
ExprPtr make_reshape(ExprPtr x, IndexExpr rows, IndexExpr columns, const Written& written = {});
// Constants only: columns `begin` to `begin + size` of a tile whose number of columns is a constant.
ExprPtr make_columns(ExprPtr x, IndexExpr begin, IndexExpr size, const Written& written = {});
ExprPtr make_repeat_rows(ExprPtr x, int64_t times, const Written& written = {});
ExprPtr make_concat(Op op, std::vector<ExprPtr> parts, const Written& written = {});
// The same node over other arguments, dtype and shape inferred again. For passes.
ExprPtr with_args(const Expr& e, std::vector<ExprPtr> args);

// The result shape of a slice: its non-point axes as [rows, columns]. More than two is a UserError.
struct TileShape {
  IndexExpr rows, columns;
};
TileShape shape_of_slice(const std::vector<Axis>& slice, const Written& written = {});
bool is_one(const IndexExpr& e);

}  // namespace imbrex::ir
