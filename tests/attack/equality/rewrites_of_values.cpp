#include <algorithm>
#include <array>
#include <cmath>

#include "imbrex/ir/visit.h"
#include "rewrites.h"

namespace imbrex::attack {
namespace {

using ir::ExprPtr;
using ir::Op;
using ir::Program;
using test::Random;

void insert_before(const test::Place& place, const ir::Block& statements) {
  place.block->insert(place.block->begin() + static_cast<std::ptrdiff_t>(place.index), statements.begin(), statements.end());
}

bool swap_operands(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    if (each.expr->args.size() != 2) return false;
    const Op op = each.expr->op;
    return ir::commutes(op) || op == Op::lt || op == Op::le || op == Op::gt || op == Op::ge;
  });
  if (!node) return false;
  const Op op = node->expr->op;
  const Op turned = op == Op::lt ? Op::gt : op == Op::gt ? Op::lt : op == Op::le ? Op::ge : op == Op::ge ? Op::le : op;
  replace(*node, ir::make_binary(turned, node->expr->args[1], node->expr->args[0]));
  return true;
}

// A part of a value gets a name.
bool name_value(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    return each.expr->op != Op::variable && each.expr->op != Op::constant && each.parent && !is_continued(each);
  });
  if (!node) return false;
  const std::string name = Fresh(program)("v");
  const ExprPtr value = pointer_to(*node);
  replace(*node, ir::make_variable(name, value->dtype, value->rows, value->columns));
  insert_before(node->place, {{ir::Assign{name, value, true}, {}, -1}});
  return true;
}

// A name that is given once stands for its value, where nothing that the value is made of changes in between.
bool inline_name(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const Touched all = touched_by(program, program.body);
  const test::Place* place = drawn(places, random, [&](const test::Place& each) {
    const auto* assign = each.node<ir::Assign>();
    return assign && assign->declares && !all.writes_tiles.contains(assign->name);
  });
  if (!place) return false;
  const ir::Assign let = *place->node<ir::Assign>();
  const Touched made_of = touched_by(program, place->statement());
  ir::Block after(place->block->begin() + static_cast<std::ptrdiff_t>(place->index) + 1, place->block->end());
  // Parts of the rest up to the last use.
  while (!after.empty() && !touched_by(program, after.back()).mentions.contains(let.name)) after.pop_back();
  const Touched rest = touched_by(program, after);
  const auto meets = [](const std::set<std::string>& a, const std::set<std::string>& b) {
    return std::any_of(a.begin(), a.end(), [&](const std::string& name) { return b.contains(name); });
  };
  if (meets(made_of.reads, rest.writes) || meets(made_of.reads_tiles, rest.writes_tiles)) return false;
  bool is_continued = false;
  for (const Node& node : nodes_of(program))
    is_continued |= node.expr->op == Op::variable && node.expr->name == let.name && attack::is_continued(node);
  if (is_continued) return false;
  const auto change = [&](const ExprPtr& e) { return e->op == Op::variable && e->name == let.name ? let.value : e; };
  ir::for_each_statement(program.body, [&](ir::Statement& statement) {
    if (ExprPtr* value = value_of(statement)) *value = ir::rewrite(*value, change);
    return true;
  });
  place->replace_by({});
  return true;
}

std::optional<int64_t> even_columns(const ir::Expr& e) {
  const auto columns = ir::constant_value(e.columns);
  return columns && *columns > 1 && *columns % 2 == 0 ? columns : std::nullopt;
}

// Taken apart and put together again.
bool take_apart(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    return even_columns(*each.expr) && each.expr->dtype != DType::boolean && !is_continued(each) && each.expr->op != Op::constant;
  });
  if (!node) return false;
  const ExprPtr whole = pointer_to(*node);
  const int64_t columns = *even_columns(*whole), part = random.between(1, columns - 1);
  ExprPtr now;
  switch (random.below(3)) {
    case 0: now = ir::make_binary(Op::interleave, ir::make_unary(Op::even, whole), ir::make_unary(Op::odd, whole)); break;
    case 1:
      now = ir::make_concat(Op::concat_columns, {ir::make_columns(whole, ir::constant(0), ir::constant(part)),
                                                 ir::make_columns(whole, ir::constant(part), ir::constant(columns - part))});
      break;
    default: now = ir::make_unary(Op::transpose, ir::make_unary(Op::transpose, whole));
  }
  replace(*node, now);
  return true;
}

// Elementwise operations of halves of the columns, side by side.
bool halves_side_by_side(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    return even_columns(*each.expr) && is_elementwise(each.expr->op) && each.expr->dtype != DType::boolean;
  });
  if (!node) return false;
  const ExprPtr whole = pointer_to(*node);
  const int64_t columns = *even_columns(*whole), part = random.chance(50) ? columns / 2 : random.between(1, columns - 1);
  const ExprPtr left = columns_of(whole, ir::constant(0), ir::constant(part)),
                right = columns_of(whole, ir::constant(part), ir::constant(columns - part));
  if (!left || !right) return false;
  replace(*node, ir::make_concat(Op::concat_columns, {left, right}));
  return true;
}

// An elementwise operation under a permutation of columns, or the other way round.
bool permute_operands(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    const Op op = each.expr->op;
    if (op != Op::even && op != Op::odd && op != Op::columns && op != Op::transpose) return false;
    return is_elementwise(each.expr->args[0]->op);
  });
  if (!node) return false;
  const ir::Expr& inside = *node->expr->args[0];
  std::vector<ExprPtr> args;
  for (const ExprPtr& arg : inside.args) {
    const bool is_one = ir::is_one(arg->rows) && ir::is_one(arg->columns);
    const bool is_moved = node->expr->op == Op::transpose ? !is_one : !ir::is_one(arg->columns);
    if (is_moved && arg->dtype == DType::boolean) return false;
    args.push_back(is_moved ? ir::with_args(*node->expr, {arg}) : arg);
  }
  replace(*node, ir::with_args(inside, std::move(args)));
  return true;
}

// bf16 and f16 numbers as f32 and back.
bool there_and_back(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node =
      drawn(nodes, random, [](const Node& each) { return each.expr->dtype == DType::bf16 || each.expr->dtype == DType::f16; });
  if (!node) return false;
  const ExprPtr x = pointer_to(*node);
  replace(*node, ir::make_cast(ir::make_cast(x, DType::f32, ir::CastMode::exact), x->dtype, ir::CastMode::rint));
  return true;
}

// What docs/semantics.md says to be the same, to the bit.
bool same_operation(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    switch (each.expr->op) {
      case Op::recip:
      case Op::rsqrt:
      case Op::matmul:
      case Op::select:
      case Op::sub:
      case Op::neg:
      case Op::abs:
      case Op::row_max: return true;
      default: return false;
    }
  });
  if (!node) return false;
  const ir::Expr& e = *node->expr;
  const ExprPtr x = e.args[0];
  const bool is_f32 = x->dtype == DType::f32;
  ExprPtr now;
  switch (e.op) {
    case Op::recip: now = ir::make_binary(Op::div, ir::make_scalar(DType::f32, 1), x); break;
    case Op::rsqrt: now = ir::make_unary(Op::recip, ir::make_unary(Op::sqrt, x)); break;
    case Op::matmul: now = ir::make_matmul(x, ir::make_unary(Op::transpose, e.args[1]), e.transpose_a, !e.transpose_b); break;
    case Op::sub: now = ir::make_binary(Op::add, ir::make_unary(Op::neg, e.args[1]), x); break;
    case Op::neg: now = ir::make_binary(Op::mul, x, ir::make_scalar(x->dtype, -1)); break;
    case Op::abs: now = ir::make_binary(Op::max, ir::make_unary(Op::neg, x), x); break;
    case Op::row_max:
      if (x->op != Op::abs || !is_f32) return false;
      now = ir::make_binary(Op::max, ir::make_unary(Op::row_max, x->args[0]),
                            ir::make_unary(Op::neg, ir::make_unary(Op::row_min, x->args[0])));
      break;
    default:
      if (x->op != Op::eq && x->op != Op::ne) return false;
      now = ir::make_select(ir::make_binary(x->op == Op::eq ? Op::ne : Op::eq, x->args[0], x->args[1]), e.args[2], e.args[1]);
  }
  replace(*node, now);
  return true;
}

// What adds nothing and multiplies by one.
bool neutral_operation(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    return (each.expr->dtype == DType::f32 || each.expr->dtype == DType::int32) && !is_continued(each) &&
           each.expr->op != Op::constant;
  });
  if (!node) return false;
  const ExprPtr x = pointer_to(*node);
  const auto number = [&](double value) { return ir::make_scalar(x->dtype, value); };
  const bool is_f32 = x->dtype == DType::f32;
  ExprPtr now;
  switch (random.below(6)) {
    case 0: now = ir::make_binary(Op::mul, x, number(1)); break;
    case 1: now = ir::make_binary(Op::add, x, number(is_f32 ? -0.0 : 0)); break;
    case 2: now = ir::make_binary(Op::sub, x, number(0)); break;
    case 3: now = ir::make_unary(Op::neg, ir::make_unary(Op::neg, x)); break;
    case 4: now = ir::make_binary(Op::max, x, x); break;
    default: now = ir::make_binary(Op::max, x, number(is_f32 ? -HUGE_VAL : -2147483648.0));
  }
  replace(*node, now);
  return true;
}

// The maximum of all columns as that of the maxima of two parts.
bool extreme_of_parts(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    return (each.expr->op == Op::row_max || each.expr->op == Op::row_min) &&
           ir::constant_value(each.expr->args[0]->columns).value_or(1) > 1;
  });
  if (!node) return false;
  const ir::Expr& e = *node->expr;
  const int64_t columns = *ir::constant_value(e.args[0]->columns), part = random.between(1, columns - 1);
  const ExprPtr left = columns_of(e.args[0], ir::constant(0), ir::constant(part)),
                right = columns_of(e.args[0], ir::constant(part), ir::constant(columns - part));
  if (!left || !right) return false;
  replace(*node,
          ir::make_binary(e.op == Op::row_max ? Op::max : Op::min, ir::make_unary(e.op, left), ir::make_unary(e.op, right)));
  return true;
}

// Bytes as a product with a matrix that selects each of them, made of comparisons.
bool bytes_by_a_product(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  constexpr int64_t kMostColumns = 64;
  const Node* node = drawn(nodes, random, [](const Node& each) {
    return each.expr->dtype == DType::int8 && ir::constant_value(each.expr->columns).value_or(kMostColumns + 1) <= kMostColumns &&
           !is_continued(each);
  });
  if (!node) return false;
  const ExprPtr x = pointer_to(*node);
  const ir::IndexExpr n = x->columns, none = ir::constant(0);
  const int64_t columns = *ir::constant_value(n);
  if (columns < 1) return false;
  const auto iota = [&](const ir::IndexExpr& size, const ir::IndexExpr& begin) { return ir::make_iota(size, begin); };
  const auto down = [&](const ExprPtr& row) { return ir::make_unary(Op::transpose, ir::make_repeat_rows(row, columns)); };
  const auto number = [](double value) { return ir::make_scalar(DType::int32, value); };
  const auto spread = [&](const ExprPtr& one) { return ir::make_binary(Op::add, one, ir::make_constant(DType::int32, n, n, 0)); };
  const ExprPtr row = down(iota(n, none)), column = ir::make_repeat_rows(iota(n, none), columns);
  ExprPtr matrix;
  switch (random.below(3)) {
    case 0: matrix = ir::make_select(ir::make_binary(Op::eq, row, column), spread(number(1)), number(0)); break;
    case 1: matrix = ir::make_select(ir::make_binary(Op::ne, column, row), spread(number(0)), number(1)); break;
    default: {
      // Reversed twice.
      const ExprPtr last = number(static_cast<double>(columns - 1));
      matrix =
          ir::make_select(ir::make_binary(Op::eq, ir::make_binary(Op::sub, last, row), ir::make_binary(Op::sub, last, column)),
                          spread(number(1)), number(0));
    }
  }
  matrix = ir::make_cast(matrix, DType::int8, ir::CastMode::rint);
  replace(*node, ir::make_cast(ir::make_matmul(x, matrix, false, random.chance(50)), DType::int8, ir::CastMode::rint));
  return true;
}

// Parts below each other as parts beside each other, divided anywhere, or the other way round.
bool divided_along_the_other_axis(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) {
    if (each.expr->op == Op::concat_rows) return ir::constant_value(each.expr->columns).value_or(1) > 1;
    return each.expr->op == Op::concat_columns && ir::constant_value(each.expr->rows).value_or(1) > 1;
  });
  if (!node) return false;
  const bool by_rows = node->expr->op == Op::concat_rows;
  const int64_t all = *ir::constant_value(by_rows ? node->expr->columns : node->expr->rows), limit = random.between(1, all - 1);
  std::vector<ExprPtr> halves;
  for (const auto& [begin, size] : {std::pair(int64_t{0}, limit), std::pair(limit, all - limit)}) {
    std::vector<ExprPtr> parts;
    for (const ExprPtr& arg : node->expr->args) {
      parts.push_back(by_rows ? columns_of(arg, ir::constant(begin), ir::constant(size))
                              : rows_of(arg, ir::constant(begin), ir::constant(size)));
      if (!parts.back()) return false;
    }
    halves.push_back(ir::make_concat(node->expr->op, std::move(parts)));
  }
  replace(*node, ir::make_concat(by_rows ? Op::concat_columns : Op::concat_rows, std::move(halves)));
  return true;
}

bool repeated_by_parts(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  const Node* node = drawn(nodes, random, [](const Node& each) { return each.expr->op == Op::repeat_rows; });
  if (!node) return false;
  const ExprPtr x = node->expr->args[0];
  const int64_t times = *ir::constant_value(node->expr->index);
  if (x->op == Op::concat_rows) {
    std::vector<ExprPtr> parts;
    for (const ExprPtr& part : x->args) parts.push_back(ir::make_repeat_rows(part, times));
    replace(*node, ir::make_concat(Op::concat_rows, std::move(parts)));
    return true;
  }
  for (const int64_t inner : {2, 3})
    if (times % inner == 0 && times > inner) {
      replace(*node, ir::make_repeat_rows(ir::make_repeat_rows(x, inner), times / inner));
      return true;
    }
  return false;
}

}  // namespace

const std::vector<Rewrite>& rewrites_of_values() {
  static const std::vector<Rewrite> all = {
      {"operands swapped", swap_operands},
      {"a value named", name_value},
      {"a name inlined", inline_name},
      {"taken apart and put together", take_apart},
      {"halves side by side", halves_side_by_side},
      {"operands permuted, not the result", permute_operands},
      {"as f32 and back", there_and_back},
      {"the same operation in other words", same_operation},
      {"a neutral operation", neutral_operation},
      {"an extreme of parts", extreme_of_parts},
      {"bytes by a product", bytes_by_a_product},
      {"divided along the other axis", divided_along_the_other_axis},
      {"repeated by parts", repeated_by_parts},
  };
  return all;
}

}  // namespace imbrex::attack
