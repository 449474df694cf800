#include <limits>

#include "imbrex/ir/parser.h"

namespace imbrex::ir {
using Kind = Token::Kind;

// ---- index expressions ------------------------------------------------------------------------------------------------------

IndexExpr Parser::index() {
  index_nodes_ = 0;
  return index_sum();
}

IndexExpr Parser::index_sum() {
  const Level level(*this, "an index");
  IndexExpr result = index_product();
  while (is_symbol("+") || is_symbol("-"))
    result = take().text == "+" ? add(result, index_product()) : sub(result, index_product());
  return result;
}

IndexExpr Parser::index_product() {
  IndexExpr result = index_primary();
  while (is_symbol("*") || is_symbol("//") || is_symbol("%")) {
    const std::string symbol = take().text;
    const IndexExpr right = index_primary();
    result = symbol == "*" ? mul(result, right) : symbol == "//" ? floor_div(result, right) : mod(result, right);
  }
  return result;
}

IndexExpr Parser::index_primary() {
  const Level level(*this, "an index");
  if (accept("(")) {
    IndexExpr inner = index_sum();
    expect(")");
    return inner;
  }
  if ((is_word("min") || is_word("max")) && is_symbol("(", 1)) {
    const bool is_min = take().text == "min";
    take();
    IndexExpr a = index_sum();
    expect(",");
    IndexExpr b = index_sum();
    expect(")");
    return is_min ? min(a, b) : max(a, b);
  }
  if (++index_nodes_ > kMaxIndexNodes / 2)
    fail(fmt::format("an index of more than {} terms", kMaxIndexNodes / 2), "simplify it", "expression-size");
  if (accept("-")) {
    if (peek().kind != Kind::integer) return sub(constant(0), index_primary());
    const int64_t value = integer_value(peek(), true);
    take();
    return constant(value);
  }
  if (peek().kind == Kind::integer) {
    const int64_t value = integer_value(peek(), false);
    take();
    return constant(value);
  }
  return index_name();
}

IndexExpr Parser::index_name() {
  if (peek().kind != Kind::name)
    fail_expected("an index (an integer, a dimension, a loop variable, or SPAN.begin, .size, .index)");
  const std::string name = peek().text;
  if (!is_symbol(".", 1)) {
    const bool is_tile = meaning_of(name).kind == Meaning::Kind::tile;
    if (!in_assume_ || !is_tile)
      meaning_of(name, Meaning::Kind::index,
                 is_tile ? "rows that a tile lists are taken by it: x[by TILE, :]"
                         : "a span's numbers are SPAN.begin, SPAN.size and SPAN.index");
    take();
    return named(name);
  }
  meaning_of(name, Meaning::Kind::span, "only the variable of a loop over tiles has .begin, .size and .index");
  take();
  take();
  if (accept_word("begin")) return span_begin(name);
  if (accept_word("size")) return span_size(name);
  if (accept_word("index")) return span_index(name);
  fail_expected("begin, size or index");
}

// ---- expressions ------------------------------------------------------------------------------------------------------------

ExprPtr Parser::expression() {
  expression_nodes_ = 0;
  return sum();
}

// Shapes grow with what is concatenated and reshaped; a limit keeps their comparison short.
ExprPtr Parser::counted(ExprPtr e) {
  if (++expression_nodes_ > kMaxExpressionNodes)
    fail(fmt::format("an expression of more than {} operations", kMaxExpressionNodes), "give its parts names: `let part = ...`",
         "expression-size");
  if (index_nodes(e->rows) > kMaxIndexNodes || index_nodes(e->columns) > kMaxIndexNodes)
    fail("the shape of this tile is too long an expression", "store it to a tensor and load it again", "expression-size");
  return e;
}

ExprPtr Parser::sum() {
  ExprPtr result = product();
  while (is_symbol("+") || is_symbol("-")) {
    const Written written = here();
    const Op op = take().text == "+" ? Op::add : Op::sub;
    result = counted(make_binary(op, result, product(), written));
  }
  for (const auto& [symbol, op] : {std::pair("<", "lt"), std::pair("<=", "le"), std::pair("==", "eq"), std::pair("!=", "ne"),
                                   std::pair(">=", "ge"), std::pair(">", "gt")})
    if (is_symbol(symbol))
      fail(fmt::format("'{}' compares indices, and this is a tile", symbol),
           fmt::format("{}(a, b) in place of a {} b", op, symbol));
  return result;
}

ExprPtr Parser::product() {
  ExprPtr result = unary();
  while (is_symbol("*") || is_symbol("/")) {
    const Written written = here();
    const Op op = take().text == "*" ? Op::mul : Op::div;
    result = counted(make_binary(op, result, unary(), written));
  }
  return result;
}

ExprPtr Parser::unary() {
  const Level level(*this, "an expression");
  const Written written = here();
  if (!accept("-")) return primary();
  if (peek().kind == Kind::integer || peek().kind == Kind::number) return number(true);
  return counted(make_unary(Op::neg, unary(), written));
}

ExprPtr Parser::number(bool negative) {
  const Written written = here();
  const bool is_integer = peek().kind == Kind::integer;
  const double value = is_integer ? static_cast<double>(integer_value(peek(), negative))
                       : negative ? -float_value(peek())
                                  : float_value(peek());
  take();
  return counted(make_scalar(is_integer ? DType::int32 : DType::f32, value, written));
}

ExprPtr Parser::primary() {
  if (peek().kind == Kind::integer || peek().kind == Kind::number) return number(false);
  if (accept("(")) {
    ExprPtr inner = sum();
    expect(")");
    return inner;
  }
  if (peek().kind != Kind::name) fail_expected("an expression (a tile, a slice of a tensor, a number or an operation)");
  const Written written = here();
  const std::string name = peek().text;
  if (is_symbol("(", 1)) {
    const auto op = op_named(name);
    if (!op || *op == Op::variable || *op == Op::load)
      fail(fmt::format("there is no operation '{}'", name), "docs/language.md lists the operations", "unknown-operation");
    return counted(call(*op));
  }
  if (is_symbol("[", 1)) {
    const Meaning meaning = meaning_of(name, Meaning::Kind::tensor, "only tensors have slices");
    take();
    return counted(make_load(name, meaning.dtype, slice(name, meaning), written));
  }
  const Meaning& meaning =
      meaning_of(name, Meaning::Kind::tile, "a tensor is loaded with a slice, x[:, :]; an index i as int32(i)");
  take();
  return counted(make_variable(name, meaning.dtype, meaning.shape[0], meaning.shape[1], written));
}

ExprPtr Parser::full(const Written& written) {
  const DType type = dtype();
  expect(",");
  expect("[");
  IndexExpr rows = index();
  expect(",");
  IndexExpr columns = index();
  expect("]");
  expect(",");
  const bool negative = accept("-");
  double value = 0;
  if (is_word("inf"))
    value = std::numeric_limits<double>::infinity();
  else if (is_word("nan"))
    value = std::numeric_limits<double>::quiet_NaN();
  else if (peek().kind == Kind::integer)
    value = static_cast<double>(integer_value(peek(), false));
  else if (peek().kind == Kind::number)
    value = float_value(peek());
  else
    fail_expected("a number");
  take();
  return make_constant(type, rows, columns, negative ? -value : value, written);
}

ExprPtr Parser::call(Op op) {
  const Written written = here();
  take();
  expect("(");
  ExprPtr result;
  if (op == Op::constant) {
    result = full(written);
  } else if (op == Op::index) {
    result = make_index(index(), written);
  } else if (op == Op::iota) {
    IndexExpr columns = index();
    result = make_iota(columns, accept(",") ? index() : constant(0), written);
  } else {
    return call_with_tiles(op, written);
  }
  expect(")");
  return result;
}

// Tiles first, then what belongs to the operation; up to and with the closing parenthesis.
ExprPtr Parser::call_with_tiles(Op op, const Written& written) {
  const bool product = kind_of(op) == OpKind::product, concat = operation(op).arity == kAnyNumber;
  const size_t count = concat ? 1 : static_cast<size_t>(operation(op).arity);
  std::vector<ExprPtr> args = {sum()};
  while ((concat || args.size() < count) && accept(",")) args.push_back(sum());
  if (!concat && args.size() < count) fail_expected(fmt::format("',': {} takes {} tiles", name_of(op), count));

  ExprPtr result;
  if (op == Op::cast) {
    expect(",");
    const DType to = dtype();
    CastMode mode = CastMode::exact;
    if (accept(",")) {
      constexpr CastMode kModes[] = {CastMode::rint, CastMode::round, CastMode::floor, CastMode::ceil, CastMode::trunc};
      for (CastMode candidate : kModes)
        if (mode == CastMode::exact && accept_word(name_of(candidate))) mode = candidate;
      if (mode == CastMode::exact) fail_expected("a rounding mode (rint, round, floor, ceil, trunc)");
    }
    result = make_cast(args[0], to, mode, written);
  } else if (op == Op::reshape) {
    expect(",");
    expect("[");
    IndexExpr rows = index();
    expect(",");
    IndexExpr columns = index();
    expect("]");
    result = make_reshape(args[0], rows, columns, written);
  } else if (op == Op::repeat_rows) {
    expect(",");
    const auto times = constant_value(index());
    if (!times) fail_expected("a constant number of times");
    result = make_repeat_rows(args[0], *times, written);
  } else if (op == Op::columns) {
    expect(",");
    IndexExpr begin = index();
    expect(",");
    IndexExpr size = index();
    result = make_columns(args[0], begin, size, written);
  } else if (product) {
    bool transpose_a = false, transpose_b = false;
    ScaledBlock block;
    if (has_scaled_blocks(op)) {
      expect(",");
      expect("[");
      block.k = expect_integer("the number of elements of k in a block", 1, kMaxDim);
      expect(",");
      block.columns = expect_integer("the number of columns in a block", 1, kMaxDim);
      expect("]");
    }
    while (accept(",")) {
      if (!has_scaled_blocks(op) && !transpose_a && !transpose_b && accept_word("transpose_a"))
        transpose_a = true;
      else if (!transpose_b && accept_word("transpose_b"))
        transpose_b = true;
      else
        fail_expected(has_scaled_blocks(op) ? "transpose_b" : "transpose_a or transpose_b");
    }
    if (op == Op::matmul_scaled)
      result = make_matmul_scaled(args[0], args[1], args[2], args[3], block, transpose_b, written);
    else if (op == Op::matmul_expanded)
      result = make_matmul_expanded(args[0], args[1], args[2], block, transpose_b, written);
    else
      result = op == Op::matmul ? make_matmul(args[0], args[1], transpose_a, transpose_b, written)
                                : make_matmul_acc(args[0], args[1], args[2], transpose_a, transpose_b, written);
  } else if (concat) {
    result = make_concat(op, std::move(args), written);
  } else if (op == Op::select) {
    result = make_select(args[0], args[1], args[2], written);
  } else {
    result = count == 1 ? make_unary(op, args[0], written) : make_binary(op, args[0], args[1], written);
  }
  if (!accept(")")) fail_expected(concat ? "',' or ')'" : fmt::format("')': that is all that {} takes", name_of(op)));
  return result;
}

}  // namespace imbrex::ir
