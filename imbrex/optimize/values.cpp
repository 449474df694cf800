#include "imbrex/optimize/values.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "imbrex/target/rates.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using ir::Op;
using Kind = Term::Kind;

// The coordinate that a reduction runs over, until it is a definition's own.
const std::string kSummed = ".n";

// The sum of products with such left operands.
Reduction dot_of(DType left) {
  switch (target::product_of(left)) {
    case target::Product::i8: return Reduction::dot_int8;
    case target::Product::u8i8: return Reduction::dot_uint8_int8;
    case target::Product::bf16: return Reduction::dot_bf16;
    case target::Product::f32: break;
  }
  return Reduction::dot_f32;
}

}  // namespace

TermId Values::evaluate(const ir::ExprPtr& e) {
  const int before = std::exchange(terms_.origin, e->origin < 0 ? terms_.origin : e->origin);
  const TermId value = terms_.met(evaluate_here(e));
  terms_.origin = before;
  return value;
}

TermId Values::evaluate_here(const ir::ExprPtr& e) {
  terms_.ranges[kTileRow] = counter_range(e->rows, terms_.ranges);
  terms_.ranges[kTileColumn] = counter_range(e->columns, terms_.ranges);
  switch (e->op) {
    IMBREX_ELEMENTWISE_CASES
    return evaluate_elementwise(e);
    case Op::variable: unite(terms_.history, histories[e->name]); return variables.at(e->name);
    case Op::load: return stored_.load(*e);
    case Op::constant: return terms_.constant(e->dtype, e->value);
    case Op::index: return terms_.index(e->index);
    case Op::iota: return terms_.index(ir::add(e->index, ir::named(kTileColumn)));
    case Op::row_sum:
    case Op::row_max:
    case Op::row_min:
    case Op::col_sum:
    case Op::col_max:
    case Op::col_min: return evaluate_reduction(*e);
    case Op::matmul:
    case Op::matmul_expanded: return evaluate_matmul(*e);
    case Op::repeat_rows: return moved(e->args[0], ir::floor_div(ir::named(kTileRow), e->index), ir::named(kTileColumn), e);
    case Op::columns: return moved(e->args[0], ir::named(kTileRow), ir::add(e->index, ir::named(kTileColumn)), e);
    case Op::transpose: return moved(e->args[0], ir::named(kTileColumn), ir::named(kTileRow), e);
    case Op::even: return moved(e->args[0], ir::named(kTileRow), ir::mul(ir::constant(2), ir::named(kTileColumn)), e);
    case Op::odd:
      return moved(e->args[0], ir::named(kTileRow), ir::add(ir::mul(ir::constant(2), ir::named(kTileColumn)), ir::constant(1)),
                   e);
    case Op::interleave: {
      const IndexExpr half = ir::floor_div(ir::named(kTileColumn), ir::constant(2));
      const TermId even = moved(e->args[0], ir::named(kTileRow), half, e), odd = moved(e->args[1], ir::named(kTileRow), half, e);
      return terms_.residues(ir::named(kTileColumn), {even, odd});
    }
    case Op::reshape: {
      const IndexExpr place = ir::add(ir::mul(ir::named(kTileRow), e->columns), ir::named(kTileColumn));
      return moved(e->args[0], ir::floor_div(place, e->args[0]->columns), ir::mod(place, e->args[0]->columns), e);
    }
    case Op::concat_rows:
    case Op::concat_columns: return evaluate_concat(e);
    case Op::row_sum_acc:
    case Op::col_sum_acc:
    case Op::matmul_acc: return evaluate_continued(e);
    case Op::matmul_scaled:
      refuse(e->origin,
             "a matmul_scaled scales the product of each block, and the optimizer follows products that are whole; put it into a "
             "scope of its own, and the rest is optimized");
    case Op::gather:
      refuse(e->origin,
             "a gather takes elements at positions that a tile lists, and the optimizer follows those that dimensions and loops "
             "give; put it into a scope of its own, and the rest is optimized");
  }
  throw InternalError("an operation that the table does not have");
}

// A sum that continues from zeros is the sum, and from the sum of the elements before it the sum of all.
TermId Values::evaluate_continued(const ir::ExprPtr& e) {
  const TermId start = evaluate(e->args[0]);
  const ir::Written written{{}, e->origin};
  const TermId more = evaluate(e->op == Op::matmul_acc
                                   ? ir::make_matmul(e->args[1], e->args[2], e->transpose_a, e->transpose_b, written)
                                   : ir::make_unary(e->op == Op::row_sum_acc ? Op::row_sum : Op::col_sum, e->args[1], written));
  const TermId all = terms_.operation(e->op, e->dtype, {start, more});
  if (const Term& whole = terms_.at(all); whole.kind == Kind::operation && !goes_on(start))
    refuse(e->origin,
           fmt::format("a {} continues a value that is not +0, and the optimizer begins sums at +0; add the value to the sum "
                       "instead, which rounds once more",
                       ir::name_of(e->op)));
  return all;
}

// A term over an argument's coordinates, at other coordinates.
TermId Values::moved(const ir::ExprPtr& arg, const IndexExpr& row, const IndexExpr& column, const ir::ExprPtr& result) {
  const TermId term = evaluate(arg);
  terms_.ranges[kTileRow] = counter_range(result->rows, terms_.ranges);
  terms_.ranges[kTileColumn] = counter_range(result->columns, terms_.ranges);
  return terms_.substitute(term, {{kTileRow, row}, {kTileColumn, column}});
}

TermId Values::evaluate_elementwise(const ir::ExprPtr& e) {
  if (e->op == Op::cast) return terms_.operation(Op::cast, e->dtype, {evaluate(e->args[0])}, e->mode);
  std::vector<TermId> args;
  for (const ir::ExprPtr& arg : e->args) {
    const IndexExpr row = ir::is_one(arg->rows) ? ir::constant(0) : ir::named(kTileRow);
    const IndexExpr column = ir::is_one(arg->columns) ? ir::constant(0) : ir::named(kTileColumn);
    args.push_back(moved(arg, row, column, e));
  }
  return terms_.operation(e->op, e->dtype, std::move(args));
}

TermId Values::evaluate_concat(const ir::ExprPtr& e) {
  const bool by_rows = e->op == Op::concat_rows;
  std::vector<TermId> cases;
  std::vector<IndexExpr> limits{ir::constant(0)};
  for (const ir::ExprPtr& part : e->args) {
    const IndexExpr row = by_rows ? ir::sub(ir::named(kTileRow), limits.back()) : ir::named(kTileRow);
    const IndexExpr column = by_rows ? ir::named(kTileColumn) : ir::sub(ir::named(kTileColumn), limits.back());
    cases.push_back(moved(part, row, column, e));
    // A part of a negative extent is empty.
    const IndexExpr& extent = by_rows ? part->rows : part->columns;
    const Range range = range_of(extent, terms_.ranges);
    const bool is_sure = range.least && *range.least >= 0;
    limits.push_back(ir::add(limits.back(), is_sure ? extent : ir::max(extent, ir::constant(0))));
  }
  return terms_.intervals(ir::named(by_rows ? kTileRow : kTileColumn), std::move(limits), std::move(cases));
}

TermId Values::reduced(Reduction reduction, const ir::Expr& e, const IndexExpr& extent, std::vector<TermId> body) {
  // The number of elements is the same wherever the sum is used, so no loop may decide it.
  std::optional<Refused> part_of_loop;
  for (const ir::Loop* loop : stored_.loops)
    if (ir::names_in(simplify(extent, terms_.ranges)).contains(loop->variable)) {
      part_of_loop =
          Refused{e.origin,
                  fmt::format("a {} goes over a part whose size depends on the loop {}, and the optimizer follows reductions of "
                              "one size; reduce over a whole axis of a tensor",
                              ir::name_of(e.op), loop->variable)};
      if (loop->kind == ir::Loop::Kind::parallel) throw *part_of_loop;
    }
  const TermId term = terms_.reduce(reduction, e.dtype, extent, kSummed, std::move(body));
  if (term == kNoTerm)
    refuse(e.origin,
           fmt::format("{}: an index joins the summed axis with another in one // or %, and the optimizer follows axes by "
                       "themselves; reduce over an axis of the tensor, without a reshape between",
                       ir::name_of(e.op)));
  terms_.origins.emplace(terms_.at(term).definition, e.origin);
  if (part_of_loop) parts_of_loops.emplace(terms_.at(term).definition, *part_of_loop);
  return term;
}

TermId Values::evaluate_reduction(const ir::Expr& e) {
  const bool over_row = e.op == Op::row_sum || e.op == Op::row_max || e.op == Op::row_min;
  const ir::ExprPtr& arg = e.args[0];
  const IndexExpr extent = over_row ? arg->columns : arg->rows;
  const TermId body = evaluate(arg);
  terms_.ranges[kSummed] = counter_range(extent, terms_.ranges);
  const Substitution by =
      over_row ? Substitution{{kTileColumn, ir::named(kSummed)}} : Substitution{{kTileRow, ir::named(kSummed)}};
  const Reduction reduction = e.op == Op::row_sum                            ? Reduction::row_sum
                              : e.op == Op::col_sum                          ? Reduction::col_sum
                              : (e.op == Op::row_max || e.op == Op::col_max) ? Reduction::max
                                                                             : Reduction::min;
  return reduced(reduction, e, extent, {terms_.substitute(body, by)});
}

TermId Values::evaluate_matmul(const ir::Expr& e) {
  const ir::ExprPtr &a = e.args[e.args.size() - 2], &b = e.args.back();
  const bool is_expanded = e.op == Op::matmul_expanded;
  const IndexExpr extent = e.transpose_a ? a->rows : a->columns;
  const TermId left = evaluate(a), right = evaluate(b), scales = is_expanded ? evaluate(e.args[0]) : kNoTerm;
  terms_.ranges[kSummed] = counter_range(extent, terms_.ranges);
  terms_.ranges[kTileRow] = counter_range(e.rows, terms_.ranges);
  terms_.ranges[kTileColumn] = counter_range(e.columns, terms_.ranges);
  const IndexExpr k = ir::named(kSummed), row = ir::named(kTileRow), column = ir::named(kTileColumn);
  const auto of_right = [&](TermId term, const IndexExpr& of_k, const IndexExpr& of_column) {
    return terms_.substitute(term,
                             {{kTileRow, e.transpose_b ? of_column : of_k}, {kTileColumn, e.transpose_b ? of_k : of_column}});
  };
  const TermId x = terms_.substitute(left, {{kTileRow, e.transpose_a ? k : row}, {kTileColumn, e.transpose_a ? row : k}});
  TermId y = of_right(right, k, column);
  if (is_expanded) {
    const TermId scale =
        of_right(scales, ir::floor_div(k, ir::constant(e.block.k)), ir::floor_div(column, ir::constant(e.block.columns)));
    const auto as_f32 = [&](TermId term) { return terms_.operation(Op::cast, DType::f32, {term}); };
    y = terms_.operation(Op::cast, DType::bf16, {terms_.operation(Op::mul, DType::f32, {as_f32(y), as_f32(scale)})},
                         ir::CastMode::rint);
  }
  return reduced(dot_of(a->dtype), e, extent, {x, y});
}

}  // namespace imbrex::optimize
