#include "mutants.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "imbrex/base/error.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"
#include "random/mutate.h"

namespace imbrex::attack {
namespace {

using ir::Axis;
using ir::ExprPtr;
using ir::Op;
using ir::Program;
using test::Random;

// ---- of one node of a value: what stands for it, or null

using Change = ExprPtr (*)(const ExprPtr&, Random&);

ExprPtr another_constant(const ExprPtr& e, Random& random) {
  if (e->op != Op::constant) return nullptr;
  const double value = e->value;
  double other = value == 0 ? 1 : pick(random, std::array{2.0, 0.5, -1.0, 10.0}) * value;
  if (e->dtype == DType::int32) other = value + 1;
  if (e->dtype == DType::f32) other = static_cast<float>(other);
  return ir::make_constant(e->dtype, e->rows, e->columns, other);
}
// The nearest other number.
ExprPtr a_near_constant(const ExprPtr& e, Random&) {
  if (e->op != Op::constant || e->dtype != DType::f32 || e->value == 0 || !std::isfinite(e->value)) return nullptr;
  return ir::make_constant(e->dtype, e->rows, e->columns, std::nextafter(static_cast<float>(e->value), 1e30f));
}
ExprPtr other_sign_of_zero(const ExprPtr& e, Random&) {
  if (e->op != Op::constant || e->dtype != DType::f32 || e->value != 0) return nullptr;
  return ir::make_constant(e->dtype, e->rows, e->columns, std::signbit(e->value) ? 0.0 : -0.0);
}
ExprPtr another_rounding(const ExprPtr& e, Random& random) {
  if (e->op != Op::cast || e->mode == ir::CastMode::exact) return nullptr;
  const auto mode = static_cast<ir::CastMode>(random.between(1, 5));
  return mode == e->mode ? nullptr : ir::make_cast(e->args[0], e->dtype, mode);
}
ExprPtr no_rounding(const ExprPtr& e, Random&) {
  const bool is_there_and_back = e->op == Op::cast && e->args[0]->op == Op::cast && e->args[0]->args[0]->dtype == e->dtype;
  return is_there_and_back ? e->args[0]->args[0] : nullptr;
}
ExprPtr one_more_rounding(const ExprPtr& e, Random& random) {
  if (e->dtype != DType::f32) return nullptr;
  return ir::make_cast(ir::make_cast(e, random.chance(70) ? DType::bf16 : DType::f16, ir::CastMode::rint), DType::f32,
                       ir::CastMode::exact);
}
ExprPtr operands_swapped(const ExprPtr& e, Random&) {
  if (e->op != Op::sub && e->op != Op::div && e->op != Op::interleave) return nullptr;
  return ir::make_binary(e->op, e->args[1], e->args[0]);
}
// Another operation that is written alike: of as many tiles, of the same types.
ExprPtr another_operation(const ExprPtr& e, Random& random) {
  const ir::Operation& now = ir::operation(e->op);
  if (!ir::is_arithmetic(e->op) && now.in_cpp == ir::InCpp::own) return nullptr;
  std::vector<Op> others;
  for (const ir::Operation& row : ir::kOperations)
    if (row.op != e->op && row.kind == now.kind && row.arity == now.arity && row.gives == now.gives &&
        (row.in_cpp != ir::InCpp::own || ir::is_arithmetic(row.op)))
      others.push_back(row.op);
  if (others.empty()) return nullptr;
  const Op other = others[static_cast<size_t>(random.below(static_cast<int64_t>(others.size())))];
  return e->args.size() == 1 ? ir::make_unary(other, e->args[0]) : ir::make_binary(other, e->args[0], e->args[1]);
}
ExprPtr an_operation_dropped(const ExprPtr& e, Random& random) {
  if (e->op == Op::select) return e->args[static_cast<size_t>(random.between(1, 2))];
  if (!is_elementwise(e->op) || e->op == Op::cast || e->dtype == DType::boolean) return nullptr;
  const ExprPtr& left = e->args[static_cast<size_t>(random.below(static_cast<int64_t>(e->args.size())))];
  return ir::same(left->rows, e->rows) && ir::same(left->columns, e->columns) ? left : nullptr;
}
// (a * b) * c as a * (b * c).
ExprPtr another_order_of_operations(const ExprPtr& e, Random&) {
  if ((e->op != Op::mul && e->op != Op::add) || e->dtype != DType::f32) return nullptr;
  for (size_t side = 0; side < 2; ++side) {
    const ExprPtr &inside = e->args[side], &outside = e->args[1 - side];
    if (inside->op == e->op) return ir::make_binary(e->op, inside->args[0], ir::make_binary(e->op, inside->args[1], outside));
  }
  return nullptr;
}
// a * c + b * c for (a + b) * c, x * (1 / y) for x / y.
ExprPtr as_in_the_reals(const ExprPtr& e, Random&) {
  if (e->op == Op::div) return ir::make_binary(Op::mul, e->args[0], ir::make_unary(Op::recip, e->args[1]));
  if (e->op == Op::rsqrt) return ir::make_unary(Op::sqrt, ir::make_unary(Op::recip, e->args[0]));
  if (e->op != Op::mul || e->dtype != DType::f32) return nullptr;
  for (size_t side = 0; side < 2; ++side) {
    const ExprPtr &sum = e->args[side], &factor = e->args[1 - side];
    if (sum->op == Op::add || sum->op == Op::sub)
      return ir::make_binary(sum->op, ir::make_binary(Op::mul, sum->args[0], factor),
                             ir::make_binary(Op::mul, sum->args[1], factor));
  }
  return nullptr;
}
// What looks like a neutral or equal operation, and is none for zeros of either sign, for the least integer, or for NaN.
ExprPtr almost_the_same(const ExprPtr& e, Random& random) {
  if (e->op == Op::row_max && e->args[0]->op == Op::abs && e->dtype == DType::int32)
    return ir::make_binary(Op::max, ir::make_unary(Op::row_max, e->args[0]->args[0]),
                           ir::make_unary(Op::neg, ir::make_unary(Op::row_min, e->args[0]->args[0])));
  if ((e->dtype != DType::f32 && e->dtype != DType::int32) || e->op == Op::constant) return nullptr;
  const auto number = [&](double value) { return ir::make_scalar(e->dtype, value); };
  const auto with = [&](Op op, double value) { return ir::make_binary(op, e, number(value)); };
  switch (random.below(8)) {
    case 0: return with(Op::add, 0.0);
    case 1: return with(Op::sub, -0.0);
    case 2: return with(Op::max, e->dtype == DType::f32 ? -3.4028234663852886e38 : -2147483647.0);
    case 3: return with(Op::max, e->dtype == DType::f32 ? -0.0 : 0);
    case 4: return e->op == Op::neg ? ir::make_binary(Op::sub, number(0), e->args[0]) : nullptr;
    case 5: return ir::make_binary(Op::sub, ir::make_binary(Op::add, e, number(1)), number(1));
    case 6: return ir::make_unary(Op::abs, e);
    default: return ir::make_binary(Op::add, ir::make_binary(Op::mul, e, number(0)), e);
  }
}
// Two sums added.
ExprPtr two_sums(const ExprPtr& e, Random& random) {
  if (e->op != Op::row_sum && e->op != Op::matmul) return nullptr;
  const auto columns = ir::constant_value(e->args[0]->columns);
  if (!columns || *columns < 2 || e->dtype != DType::f32 || e->transpose_a || e->transpose_b) return nullptr;
  const int64_t part = random.chance(50) ? *columns / 2 : random.between(1, *columns - 1);
  std::vector<ExprPtr> sums;
  for (const auto& [begin, size] : {std::pair(int64_t{0}, part), std::pair(part, *columns - part)}) {
    const ExprPtr x = columns_of(e->args[0], ir::constant(begin), ir::constant(size));
    if (!x) return nullptr;
    if (e->op == Op::row_sum) {
      sums.push_back(ir::make_unary(Op::row_sum, x));
      continue;
    }
    const ExprPtr w = rows_of(e->args[1], ir::constant(begin), ir::constant(size));
    if (!w) return nullptr;
    sums.push_back(ir::make_matmul(x, w, false, false));
  }
  return ir::make_binary(Op::add, sums[0], sums[1]);
}
// The columns in another order: a sum of others is another sum.
ExprPtr summed_in_another_order(const ExprPtr& e, Random&) {
  if (e->op != Op::row_sum) return nullptr;
  const auto columns = ir::constant_value(e->args[0]->columns);
  if (!columns || *columns < 4) return nullptr;
  const int64_t part = *columns / 2;
  return ir::make_unary(
      Op::row_sum,
      ir::make_concat(Op::concat_columns, {ir::make_columns(e->args[0], ir::constant(part), ir::constant(*columns - part)),
                                           ir::make_columns(e->args[0], ir::constant(0), ir::constant(part))}));
}
ExprPtr fewer_columns(const ExprPtr& e, Random&) {
  if (e->op != Op::row_sum && e->op != Op::row_max && e->op != Op::row_min) return nullptr;
  const auto columns = ir::constant_value(e->args[0]->columns);
  if (!columns || *columns < 2) return nullptr;
  const ExprPtr part = columns_of(e->args[0], ir::constant(0), ir::constant(*columns - 1));
  return part ? ir::make_unary(e->op, part) : nullptr;
}
ExprPtr turned_round(const ExprPtr& e, Random&) {
  const bool is_square = (e->op == Op::load || e->op == Op::variable) && ir::same(e->rows, e->columns) && !ir::is_one(e->rows);
  return is_square ? ir::make_unary(Op::transpose, e) : nullptr;
}
ExprPtr parts_exchanged(const ExprPtr& e, Random&) {
  if (e->op != Op::concat_columns && e->op != Op::concat_rows) return nullptr;
  return ir::make_concat(e->op, {e->args.rbegin(), e->args.rend()});
}
// One more row or column of a part, one less of the next.
ExprPtr a_limit_moved(const ExprPtr& e, Random& random) {
  if (e->op != Op::concat_columns && e->op != Op::concat_rows) return nullptr;
  const size_t first = static_cast<size_t>(random.below(static_cast<int64_t>(e->args.size()) - 1));
  std::vector<ExprPtr> args = e->args;
  for (size_t k : {first, first + 1}) {
    if (args[k]->op != Op::load) return nullptr;
    std::vector<Axis> slice = args[k]->slice;
    std::vector<Axis*> ranges;
    for (Axis& axis : slice)
      if (axis.kind == Axis::Kind::range) ranges.push_back(&axis);
    if (ranges.size() != 2) return nullptr;
    Axis& axis = *ranges[e->op == Op::concat_rows ? 0 : 1];
    const auto size = ir::constant_value(axis.size);
    if (!size || (k != first && *size < 2)) return nullptr;
    if (k != first) axis.begin = ir::add(axis.begin, ir::constant(1));
    axis.size = ir::constant(k == first ? *size + 1 : *size - 1);
    args[k] = ir::make_load(args[k]->name, args[k]->dtype, std::move(slice));
  }
  return ir::make_concat(e->op, std::move(args));
}
// All rows again and again, for each row again and again.
ExprPtr repeated_otherwise(const ExprPtr& e, Random&) {
  if (e->op != Op::repeat_rows) return nullptr;
  const int64_t times = *ir::constant_value(e->index);
  if (times < 2 || times > 8 || ir::is_one(e->args[0]->rows)) return nullptr;
  return ir::make_concat(Op::concat_rows, std::vector<ExprPtr>(static_cast<size_t>(times), e->args[0]));
}
ExprPtr another_place(const ExprPtr& e, Random& random) {
  if (e->op != Op::load) return nullptr;
  std::vector<Axis> slice = e->slice;
  Axis& axis = slice[static_cast<size_t>(random.below(static_cast<int64_t>(slice.size())))];
  if (axis.kind == Axis::Kind::by) return nullptr;
  const ir::IndexExpr one = ir::constant(random.between(1, 2));
  switch (random.below(3)) {
    case 0: axis.begin = ir::add(axis.begin, one); break;
    case 1: axis.begin = ir::sub(axis.begin, one); break;
    default: axis.begin = ir::max(ir::constant(0), ir::sub(axis.begin, one));
  }
  return ir::make_load(e->name, e->dtype, std::move(slice));
}
ExprPtr always_the_first_row(const ExprPtr& e, Random&) {
  if (e->op != Op::load) return nullptr;
  std::vector<Axis> slice = e->slice;
  Axis& axis = slice[0];
  if (axis.kind == Axis::Kind::by || ir::constant_value(axis.begin)) return nullptr;
  axis.begin = ir::constant(0);
  return ir::make_load(e->name, e->dtype, std::move(slice));
}
// One row or column in the place of all.
ExprPtr one_for_all(const ExprPtr& e, Random& random) {
  if (e->op != Op::load || (e->dtype != DType::f32 && e->dtype != DType::int32)) return nullptr;
  std::vector<Axis> slice = e->slice;
  Axis& axis = slice[static_cast<size_t>(random.below(static_cast<int64_t>(slice.size())))];
  if (axis.kind != Axis::Kind::range || ir::is_one(axis.size)) return nullptr;
  if (random.chance(70)) axis.begin = ir::constant(0);
  axis.size = ir::constant(1);
  const double least = e->dtype == DType::f32 ? -HUGE_VAL : -2147483648.0;
  return ir::make_binary(Op::max, ir::make_load(e->name, e->dtype, std::move(slice)),
                         ir::make_constant(e->dtype, e->rows, e->columns, least));
}

bool change_node(Program& program, Random& random, Change change) {
  const auto nodes = nodes_of(program);
  std::vector<std::pair<const Node*, ExprPtr>> possible;
  for (const Node& node : nodes) {
    if (is_continued(node)) continue;
    try {
      if (const ExprPtr now = change(pointer_to(node), random)) possible.emplace_back(&node, now);
    } catch (const UserError&) {
    }
  }
  if (possible.empty()) return false;
  const auto& [node, now] = possible[static_cast<size_t>(random.below(static_cast<int64_t>(possible.size())))];
  replace(*node, now);
  return true;
}

// ---- of statements

// Another tensor of the same type and shape.
bool another_tensor(Program& program, Random& random) {
  std::vector<ir::Tensor> all = program.tensors;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    if (const auto* create = std::get_if<ir::CreateTensor>(&statement.node)) all.push_back(create->tensor);
    return true;
  });
  const auto fits = [&](const ir::Tensor& a, const ir::Tensor& b) {
    return a.name != b.name && a.dtype == b.dtype && a.role != ir::Role::output &&
           std::equal(a.shape.begin(), a.shape.end(), b.shape.begin(), b.shape.end(),
                      [](const auto& x, const auto& y) { return ir::same(x, y); });
  };
  std::vector<std::pair<const Node*, std::string>> possible;
  const auto nodes = nodes_of(program);
  for (const Node& node : nodes) {
    if (node.expr->op != Op::load) continue;
    const auto of = std::find_if(all.begin(), all.end(), [&](const ir::Tensor& each) { return each.name == node.expr->name; });
    for (const ir::Tensor& other : all)
      if (of != all.end() && fits(other, *of)) possible.emplace_back(&node, other.name);
  }
  if (possible.empty()) return false;
  const auto& [node, name] = possible[static_cast<size_t>(random.below(static_cast<int64_t>(possible.size())))];
  replace(*node, ir::make_load(name, node->expr->dtype, node->expr->slice));
  return true;
}

bool another_tile(Program& program, Random& random) {
  const auto nodes = nodes_of(program);
  std::vector<std::pair<const Node*, const ir::Expr*>> possible;
  for (const Node& node : nodes) {
    if (node.expr->op != Op::variable || is_continued(node)) continue;
    for (const Node& other : nodes)
      if (other.expr->op == Op::variable && other.expr->name != node.expr->name && other.expr->dtype == node.expr->dtype &&
          ir::same(other.expr->rows, node.expr->rows) && ir::same(other.expr->columns, node.expr->columns))
        possible.emplace_back(&node, other.expr);
  }
  if (possible.empty()) return false;
  const auto& [node, other] = possible[static_cast<size_t>(random.below(static_cast<int64_t>(possible.size())))];
  replace(*node, ir::make_variable(other->name, other->dtype, other->rows, other->columns));
  return true;
}

// Stored again, as something else.
bool stored_again(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const test::Place* place = drawn(places, random, [](const test::Place& each) { return each.node<ir::Store>() != nullptr; });
  if (!place) return false;
  ir::Store again = *place->node<ir::Store>();
  const DType dtype = again.value->dtype;
  if (dtype == DType::f32 || dtype == DType::int32) {
    again.value = ir::make_binary(Op::add, again.value, ir::make_scalar(dtype, 1));
  } else {
    const ExprPtr wide = ir::make_cast(again.value, DType::f32, ir::CastMode::exact);
    again.value = ir::make_cast(ir::make_binary(Op::add, wide, ir::make_scalar(DType::f32, 1)), dtype, ir::CastMode::rint);
  }
  // In some cases a part of it only.
  if (random.chance(50) && again.slice[0].kind == Axis::Kind::range && !ir::constant_value(again.slice[0].begin)) {
    const std::array<ir::Comparison, 2> conditions{
        ir::Comparison{again.slice[0].begin, ir::Compare::gt, ir::constant(random.between(0, 20))},
        ir::Comparison{again.slice[0].begin, ir::Compare::eq, ir::constant(0)}};
    place->block->insert(place->block->begin() + static_cast<std::ptrdiff_t>(place->index) + 1,
                         {ir::If{{pick(random, conditions)}, {{std::move(again), {}, -1}}, {}}, {}, -1});
    return true;
  }
  place->block->insert(place->block->begin() + static_cast<std::ptrdiff_t>(place->index) + 1, {std::move(again), {}, -1});
  return true;
}

bool the_last_chunk_dropped(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const test::Place* place = drawn(places, random, [](const test::Place& each) {
    const auto* loop = each.node<ir::Loop>();
    return loop && loop->kind != ir::Loop::Kind::parallel;
  });
  if (!place) return false;
  auto& loop = *place->node<ir::Loop>();
  loop.of_span.clear();
  loop.extent = ir::sub(loop.extent, ir::constant(std::max<int64_t>(loop.tile, 1)));
  return true;
}

// Chunks from the last to the first.
bool chunks_backwards(Program& program, Random& random) {
  const auto places = test::places_of(program);
  const test::Place* place = drawn(places, random, [](const test::Place& each) {
    const auto* loop = each.node<ir::Loop>();
    const auto extent = loop && loop->tile > 0 ? ir::constant_value(loop->extent) : std::nullopt;
    return extent && *extent % loop->tile == 0 && *extent > loop->tile && loop->kind != ir::Loop::Kind::parallel;
  });
  if (!place) return false;
  auto& loop = *place->node<ir::Loop>();
  const ir::IndexExpr last = ir::constant(*ir::constant_value(loop.extent) - loop.tile);
  const std::string k = loop.variable;
  loop.body = with_span(std::move(loop.body), k, ir::sub(ir::add(ir::mul(ir::constant(2), loop.begin), last), ir::span_begin(k)),
                        ir::constant(loop.tile));
  return true;
}

// A dimension for another.
bool another_dimension(Program& program, Random& random) {
  if (program.dims.size() < 2) return false;
  const auto places = test::places_of(program);
  const test::Place* place = drawn(places, random, [](const test::Place&) { return true; });
  const size_t from = static_cast<size_t>(random.below(static_cast<int64_t>(program.dims.size())));
  const std::string old = program.dims[from].name, now = program.dims[(from + 1) % program.dims.size()].name;
  place->statement() = ir::substitute(place->statement(), [&](const ir::Index& leaf) -> std::optional<ir::IndexExpr> {
    if (leaf.kind != ir::Index::Kind::name || leaf.name != old) return std::nullopt;
    return random.chance(50) ? ir::named(now) : ir::min(ir::named(old), ir::named(now));
  });
  return true;
}

using Edit = bool (*)(Program&, Random&);
template <Change change>
bool by_node(Program& program, Random& random) {
  return change_node(program, random, change);
}

struct Named {
  const char* name;
  Edit apply;
};
constexpr Named kEdits[] = {
    {"another constant", by_node<another_constant>},
    {"a near constant", by_node<a_near_constant>},
    {"the other zero", by_node<other_sign_of_zero>},
    {"another rounding", by_node<another_rounding>},
    {"a rounding dropped", by_node<no_rounding>},
    {"one more rounding", by_node<one_more_rounding>},
    {"operands swapped", by_node<operands_swapped>},
    {"another operation", by_node<another_operation>},
    {"an operation dropped", by_node<an_operation_dropped>},
    {"another order of operations", by_node<another_order_of_operations>},
    {"as in the reals", by_node<as_in_the_reals>},
    {"almost the same", by_node<almost_the_same>},
    {"almost the same", by_node<almost_the_same>},
    {"two sums added", by_node<two_sums>},
    {"summed in another order", by_node<summed_in_another_order>},
    {"fewer columns reduced", by_node<fewer_columns>},
    {"turned round", by_node<turned_round>},
    {"parts exchanged", by_node<parts_exchanged>},
    {"a limit moved", by_node<a_limit_moved>},
    {"repeated otherwise", by_node<repeated_otherwise>},
    {"another place", by_node<another_place>},
    {"always the first row", by_node<always_the_first_row>},
    {"one for all", by_node<one_for_all>},
    {"one for all", by_node<one_for_all>},
    {"another tensor", another_tensor},
    {"another tile", another_tile},
    {"stored again", stored_again},
    {"the last chunk dropped", the_last_chunk_dropped},
    {"chunks backwards", chunks_backwards},
    {"another dimension", another_dimension},
};

}  // namespace

std::optional<Mutated> mutated(const Program& program, uint64_t seed) {
  Random random(seed);
  const std::string before = ir::print(program);
  // An author's slip in the loops, now and then.
  if (random.chance(15)) {
    auto slips = test::mutants_of(program, 1, seed);
    if (slips.empty()) return std::nullopt;
    return Mutated{slips[0].what, std::move(slips[0].program), std::move(slips[0].text)};
  }
  for (int tries = 0; tries < 20; ++tries) {
    const Named& edit = pick(random, kEdits);
    Program changed = program;
    try {
      if (!edit.apply(changed, random)) continue;
    } catch (const UserError&) {
      continue;
    }
    auto again = read_again(changed, "mutant.tile");
    if (!again) continue;
    std::string text = ir::print(*again);
    if (text == before) continue;
    return Mutated{edit.name, std::move(*again), std::move(text)};
  }
  return std::nullopt;
}

}  // namespace imbrex::attack
