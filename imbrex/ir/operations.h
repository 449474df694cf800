// The operations of tile programs: one row each, and all that passes ask of an operation in general. A pass decides by an
// operation's kind, in a switch without `default:`, so that a kind it forgot does not compile; it names single operations only
// where it knows more of them than their kind says. CONTRIBUTING.md says what else a new row needs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace imbrex::ir {

// How an operation's result depends on its operands.
enum class OpKind : uint8_t {
  leaf,              // no operands
  elementwise,       // each element of the elements at its place; operands of one row or column are spread out
  row_reduction,     // [m, n] -> [m, 1]: each row by itself
  column_reduction,  // [m, n] -> [1, n]
  product,           // of matrices, its last two operands
  row_movement,      // elements as they are, each from its own row of the operands
  movement,          // elements as they are, from anywhere
};
// The types of an operation's operands, and of its result. `own`: its maker (program.h) says.
enum class Takes : uint8_t { f32, number, anything, own };  // number: f32 or int32
enum class Gives : uint8_t { operand, boolean, own };       // operand: the type that it took
// Whether its two operands can be exchanged.
enum class Order : uint8_t { matters, commutes };
// What it costs, for each element of its result: nothing; an operation; a function, which is an operation that takes as long as
// several; a move, which is no operation and takes as long as one; for each element of its last operand: an operation (`fold`); for
// each element of its result and of the axis that its operands share: a multiply-add, which is two operations. ir/work.h counts by it.
enum class Cost : uint8_t { nothing, operation, function, move, fold, multiply_add };
// How authors write it in C++: `unary` and `binary` are functions of tiles with the operation's name (language/tile.h declares
// them from this table); `own` is an operator, or has more arguments.
enum class InCpp : uint8_t { unary, binary, own };

inline constexpr int kAnyNumber = -1;  // of operands: two or more

// clang-format off
// ROW(identifier, name in programs, kind, number of operands, types, type of the result, order, form in C++, cost, symbol in programs,
//     vector function of the instruction sets' headers, what its value is called)
#define IMBREX_EACH_OPERATION(ROW)                                                                                                                        \
  ROW(variable,       "variable",       leaf,             0,          anything, own,     matters,  own,    nothing,      "",  "",       "tile")           \
  ROW(load,           "load",           leaf,             0,          anything, own,     matters,  own,    nothing,      "",  "",       "tile")           \
  ROW(constant,       "full",           leaf,             0,          own,      own,     matters,  own,    nothing,      "",  "",       "constant")       \
  ROW(index,          "int32",          leaf,             0,          anything, own,     matters,  own,    nothing,      "",  "",       "number")         \
  ROW(iota,           "iota",           leaf,             0,          anything, own,     matters,  own,    nothing,      "",  "",       "numbers")        \
  ROW(cast,           "cast",           elementwise,      1,          own,      own,     matters,  own,    operation,    "",  "",       "tile")           \
  ROW(neg,            "neg",            elementwise,      1,          number,   operand, matters,  own,    operation,    "-", "neg",    "negative")       \
  ROW(abs,            "abs",            elementwise,      1,          number,   operand, matters,  unary,  operation,    "",  "abs_",   "magnitude")      \
  ROW(recip,          "recip",          elementwise,      1,          f32,      operand, matters,  unary,  function,     "",  "recip",  "reciprocal")     \
  ROW(sqrt,           "sqrt",           elementwise,      1,          f32,      operand, matters,  unary,  function,     "",  "sqrt_",  "root")           \
  ROW(rsqrt,          "rsqrt",          elementwise,      1,          f32,      operand, matters,  unary,  function,     "",  "rsqrt",  "inverse_root")   \
  ROW(exp,            "exp",            elementwise,      1,          f32,      operand, matters,  unary,  function,     "",  "exp_",   "power")          \
  ROW(log,            "log",            elementwise,      1,          f32,      operand, matters,  unary,  function,     "",  "log_",   "logarithm")      \
  ROW(floor,          "floor",          elementwise,      1,          f32,      operand, matters,  unary,  operation,    "",  "floor_", "floor")          \
  ROW(add,            "add",            elementwise,      2,          number,   operand, commutes, own,    operation,    "+", "add",    "total")          \
  ROW(sub,            "sub",            elementwise,      2,          number,   operand, matters,  own,    operation,    "-", "sub",    "difference")     \
  ROW(mul,            "mul",            elementwise,      2,          number,   operand, commutes, own,    operation,    "*", "mul",    "product")        \
  ROW(div,            "div",            elementwise,      2,          f32,      operand, matters,  own,    function,     "/", "div",    "quotient")       \
  ROW(min,            "min",            elementwise,      2,          number,   operand, commutes, binary, operation,    "",  "min",    "least")          \
  ROW(max,            "max",            elementwise,      2,          number,   operand, commutes, binary, operation,    "",  "max",    "largest")        \
  ROW(eq,             "eq",             elementwise,      2,          number,   boolean, commutes, own,    operation,    "",  "eq",     "mask")           \
  ROW(ne,             "ne",             elementwise,      2,          number,   boolean, commutes, own,    operation,    "",  "ne",     "mask")           \
  ROW(lt,             "lt",             elementwise,      2,          number,   boolean, matters,  own,    operation,    "",  "lt",     "mask")           \
  ROW(le,             "le",             elementwise,      2,          number,   boolean, matters,  own,    operation,    "",  "le",     "mask")           \
  ROW(gt,             "gt",             elementwise,      2,          number,   boolean, matters,  own,    operation,    "",  "gt",     "mask")           \
  ROW(ge,             "ge",             elementwise,      2,          number,   boolean, matters,  own,    operation,    "",  "ge",     "mask")           \
  ROW(select,         "select",         elementwise,      3,          own,      own,     matters,  own,    operation,    "",  "select", "choice")         \
  ROW(row_sum,        "row_sum",        row_reduction,    1,          number,   operand, matters,  unary,  fold,         "",  "",       "sum")            \
  ROW(row_max,        "row_max",        row_reduction,    1,          number,   operand, matters,  unary,  fold,         "",  "",       "largest")        \
  ROW(row_min,        "row_min",        row_reduction,    1,          number,   operand, matters,  unary,  fold,         "",  "",       "least")          \
  ROW(col_sum,        "col_sum",        column_reduction, 1,          number,   operand, matters,  unary,  fold,         "",  "",       "sum")            \
  ROW(col_max,        "col_max",        column_reduction, 1,          number,   operand, matters,  unary,  fold,         "",  "",       "largest")        \
  ROW(col_min,        "col_min",        column_reduction, 1,          number,   operand, matters,  unary,  fold,         "",  "",       "least")          \
  ROW(row_sum_acc,    "row_sum_acc",    row_reduction,    2,          number,   operand, matters,  own,    fold,         "",  "",       "sum")            \
  ROW(col_sum_acc,    "col_sum_acc",    column_reduction, 2,          number,   operand, matters,  own,    fold,         "",  "",       "sum")            \
  ROW(matmul,         "matmul",         product,          2,          own,      own,     matters,  own,    multiply_add, "",  "",       "acc")            \
  ROW(matmul_acc,     "matmul_acc",     product,          3,          own,      own,     matters,  own,    multiply_add, "",  "",       "acc")            \
  ROW(matmul_scaled,  "matmul_scaled",  product,          4,          own,      own,     matters,  own,    multiply_add, "",  "",       "acc")            \
  ROW(matmul_expanded, "matmul_expanded", product,        3,          own,      own,     matters,  own,    multiply_add, "",  "",       "acc")            \
  ROW(reshape,        "reshape",        movement,         1,          anything, operand, matters,  own,    move,         "",  "",       "reshaped")       \
  ROW(transpose,      "transpose",      movement,         1,          anything, operand, matters,  unary,  move,         "",  "",       "transposed")     \
  ROW(repeat_rows,    "repeat_rows",    movement,         1,          anything, operand, matters,  own,    move,         "",  "",       "repeated")       \
  ROW(concat_rows,    "concat_rows",    movement,         kAnyNumber, anything, operand, matters,  own,    move,         "",  "",       "joined")         \
  ROW(concat_columns, "concat_columns", row_movement,     kAnyNumber, anything, operand, matters,  own,    move,         "",  "",       "joined")         \
  ROW(columns,        "columns",        row_movement,     1,          anything, operand, matters,  own,    move,         "",  "",       "part")           \
  ROW(even,           "even",           row_movement,     1,          anything, operand, matters,  unary,  move,         "",  "",       "evens")          \
  ROW(odd,            "odd",            row_movement,     1,          anything, operand, matters,  unary,  move,         "",  "",       "odds")           \
  ROW(interleave,     "interleave",     row_movement,     2,          anything, operand, matters,  binary, move,         "",  "",       "interleaved")    \
  ROW(gather,         "gather",         row_movement,     2,          own,      operand, matters,  binary, move,         "",  "",       "gathered")
// clang-format on

enum class Op : uint8_t {
#define IMBREX_ROW(id, ...) id,
  IMBREX_EACH_OPERATION(IMBREX_ROW)
#undef IMBREX_ROW
};

// The `case` labels of all elementwise operations, for a switch that treats them alike and names each other operation.
#define IMBREX_CASE_leaf(id)
#define IMBREX_CASE_elementwise(id) case ::imbrex::ir::Op::id:
#define IMBREX_CASE_row_reduction(id)
#define IMBREX_CASE_column_reduction(id)
#define IMBREX_CASE_product(id)
#define IMBREX_CASE_row_movement(id)
#define IMBREX_CASE_movement(id)
#define IMBREX_CASE_ROW(id, name, kind, ...) IMBREX_CASE_##kind(id)
#define IMBREX_ELEMENTWISE_CASES IMBREX_EACH_OPERATION(IMBREX_CASE_ROW)

struct Operation {
  Op op;
  const char* name;
  OpKind kind;
  int arity;
  Takes takes;
  Gives gives;
  Order order;
  InCpp in_cpp;
  Cost cost;
  const char* symbol;  // "" where it is written name(...)
  const char* function;
  const char* noun;
};

inline constexpr Operation kOperations[] = {
#define IMBREX_ROW(id, name, kind, arity, takes, gives, order, in_cpp, cost, symbol, function, noun) \
  {Op::id,       name,          OpKind::kind, arity,  Takes::takes, Gives::gives,                    \
   Order::order, InCpp::in_cpp, Cost::cost,   symbol, function,     noun},
    IMBREX_EACH_OPERATION(IMBREX_ROW)
#undef IMBREX_ROW
};

constexpr const Operation& operation(Op op) { return kOperations[static_cast<size_t>(op)]; }
constexpr OpKind kind_of(Op op) { return operation(op).kind; }
constexpr const char* name_of(Op op) { return operation(op).name; }
// A product whose right side is bytes with a scale for each block of them.
constexpr bool has_scaled_blocks(Op op) { return op == Op::matmul_scaled || op == Op::matmul_expanded; }
constexpr bool commutes(Op op) { return operation(op).order == Order::commutes; }
// Elementwise, and without a form of its own: its operands are of one type, and make_unary or make_binary makes it.
constexpr bool is_arithmetic(Op op) {
  return operation(op).kind == OpKind::elementwise && (operation(op).takes == Takes::f32 || operation(op).takes == Takes::number);
}

std::optional<Op> op_named(const std::string& name);
// The operation that continues such a result over more elements, or into a matrix that is there already.
std::optional<Op> continued_form(Op op);
bool continues(Op op);

}  // namespace imbrex::ir
