#include "imbrex/interpret/expressions.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/interpret/operations.h"
#include "imbrex/interpret/scalar.h"
#include "imbrex/interpret/slice.h"
#include "imbrex/interpret/sum_watch.h"

namespace imbrex::interpret {
namespace {

using ir::Op;

class Evaluator {
 public:
  Evaluator(State& state, AccessWatch& watch) : state_(state), watch_(watch) {}
  TilePtr evaluate(const ir::ExprPtr& e);

 private:
  Tile compute(const ir::Expr& e);
  Tile computed(const ir::Expr& e, const std::vector<TilePtr>& args);
  Tile constant(const ir::Expr& e) const;
  Tile iota(const ir::Expr& e) const;
  Tile load(const ir::Expr& e);
  Tile product(const ir::Expr& e, const Tile* acc, const Tile& a, const Tile& b);
  Tile scaled_product(const ir::Expr& e, const Tile& a_scales, const Tile& b_scales, const Tile& a, const Tile& b);
  Tile expanded_product(const ir::Expr& e, const Tile& scales, const Tile& a, const Tile& b);
  Tile gather_checked(const Tile& x, const Tile& positions) const;
  // The number of rows or of columns.
  int64_t size(const ir::IndexExpr& e) const { return std::max<int64_t>(state_.index(e), 0); }

  State& state_;
  AccessWatch& watch_;
};

TilePtr Evaluator::evaluate(const ir::ExprPtr& e) {
  if (e->op == Op::variable) return state_.variables.at(e->name);
  auto tile = std::make_shared<const Tile>(compute(*e));
  state_.count_work(1 + tile->rows * tile->columns);
  return tile;
}

Tile Evaluator::compute(const ir::Expr& e) {
  std::vector<TilePtr> args;
  for (const ir::ExprPtr& arg : e.args) args.push_back(evaluate(arg));
  if (e.origin >= 0) state_.origin = e.origin;
  const SumWatch watch(state_.options.rounds_sums, e.op, args);
  Tile result = computed(e, args);
  watch.note(result);
  return result;
}

Tile Evaluator::computed(const ir::Expr& e, const std::vector<TilePtr>& args) {
  // Which operand gives the result its rows, and its columns: one that is not broadcast by its type.
  const auto broadcast = [&] {
    Broadcast shape{1, 1};
    for (size_t k = 0; k < args.size(); ++k) {
      if (!ir::is_one(e.args[k]->rows)) shape.rows = args[k]->rows;
      if (!ir::is_one(e.args[k]->columns)) shape.columns = args[k]->columns;
    }
    return shape;
  };
  const auto tiles = [&] {
    std::vector<Tile> parts;
    parts.reserve(args.size());
    for (const TilePtr& arg : args) parts.push_back(*arg);
    return parts;
  };
  switch (e.op) {
    IMBREX_ELEMENTWISE_CASES
    if (e.op == Op::cast) return cast(*args[0], e.dtype, e.mode);
    if (e.op == Op::select) return select(*args[0], *args[1], *args[2], broadcast());
    return arithmetic(e.op, args, broadcast());
    case Op::load: return load(e);
    case Op::constant: return constant(e);
    case Op::index: {
      Tile out = make_tile(DType::int32, 1, 1);
      out.i[0] = static_cast<int32_t>(state_.index(e.index));
      return out;
    }
    case Op::iota: return iota(e);
    case Op::row_sum: return row_sum(nullptr, *args[0]);
    case Op::row_sum_acc: return row_sum(args[0].get(), *args[1]);
    case Op::col_sum: return col_sum(nullptr, *args[0]);
    case Op::col_sum_acc: return col_sum(args[0].get(), *args[1]);
    case Op::row_max:
    case Op::row_min: return row_extreme(e.op == Op::row_max, *args[0]);
    case Op::col_max:
    case Op::col_min: return col_extreme(e.op == Op::col_max, *args[0]);
    case Op::matmul: return product(e, nullptr, *args[0], *args[1]);
    case Op::matmul_acc: return product(e, args[0].get(), *args[1], *args[2]);
    case Op::matmul_scaled: return scaled_product(e, *args[0], *args[1], *args[2], *args[3]);
    case Op::matmul_expanded: return expanded_product(e, *args[0], *args[1], *args[2]);
    case Op::reshape:
      state_.require_no_negative({e.args[0]->rows, e.args[0]->columns, e.rows, e.columns}, "reshape");
      return reshape(*args[0], size(e.rows), size(e.columns));
    case Op::transpose: return transpose(*args[0]);
    case Op::concat_rows:
    case Op::concat_columns:
      for (const ir::ExprPtr& part : e.args)
        state_.require_no_negative({e.op == Op::concat_rows ? part->rows : part->columns},
                                   std::string("a part of ") + ir::name_of(e.op));
      return e.op == Op::concat_rows ? concat_rows(tiles()) : concat_columns(tiles());
    case Op::even: return every_second_column(*args[0], 0);
    case Op::odd: return every_second_column(*args[0], 1);
    case Op::columns: return columns(*args[0], state_.index(e.index), state_.index(e.columns));
    case Op::repeat_rows: {
      const int64_t times = state_.index(e.index);
      state_.checked_size(state_.checked_size(args[0]->rows, times), args[0]->columns);
      return repeat_rows(*args[0], times);
    }
    case Op::interleave: return interleave(*args[0], *args[1]);
    case Op::gather: return gather_checked(*args[0], *args[1]);
    case Op::variable: break;
  }
  throw InternalError("a tile variable is not computed");
}

Tile Evaluator::constant(const ir::Expr& e) const {
  const int64_t rows = size(e.rows), columns = size(e.columns);
  state_.checked_size(rows, columns);
  Tile out = make_tile(e.dtype, rows, columns);
  std::fill(out.f.begin(), out.f.end(), static_cast<float>(e.value));
  std::fill(out.i.begin(), out.i.end(), is_float(e.dtype) ? 0 : static_cast<int32_t>(e.value));
  return out;
}

Tile Evaluator::iota(const ir::Expr& e) const {
  Tile out = make_tile(DType::int32, 1, state_.checked_size(1, size(e.columns)));
  const int32_t begin = static_cast<int32_t>(state_.index(e.index));
  for (size_t k = 0; k < out.i.size(); ++k) out.i[k] = wrapping_add(begin, static_cast<int32_t>(k));
  return out;
}

Tile Evaluator::load(const ir::Expr& e) {
  const Elements elements = elements_of(state_, e.name, e.slice);
  watch_.read(e.name, elements);
  return tile_of(*state_.view(e.name).storage->array, elements);
}

Tile Evaluator::product(const ir::Expr& e, const Tile* acc, const Tile& a, const Tile& b) {
  if (acc && a.dtype == DType::bf16 && acc->count % 32 != 0)
    state_.fault("partial-block",
                 fmt::format("matmul_acc continues a bf16 product after {} elements of k, no multiple of 32", acc->count),
                 "bf16 products are summed in blocks of 32: let every chunk of k but the last be a multiple of 32");
  const Tile left = e.transpose_a ? transpose(a) : a, right = e.transpose_b ? transpose(b) : b;
  state_.checked_size(left.rows, right.columns);
  state_.count_work(left.rows * right.rows * right.columns);
  return matmul(acc, left, right);
}

Tile Evaluator::scaled_product(const ir::Expr& e, const Tile& a_scales, const Tile& b_scales, const Tile& a, const Tile& b) {
  const Tile right = e.transpose_b ? transpose(b) : b, scales = e.transpose_b ? transpose(b_scales) : b_scales;
  state_.checked_size(a.rows, right.columns);
  state_.count_work(a.rows * right.rows * right.columns);
  return matmul_scaled(a_scales, scales, a, right, e.block);
}

Tile Evaluator::expanded_product(const ir::Expr& e, const Tile& scales, const Tile& a, const Tile& b) {
  const Tile right = e.transpose_b ? transpose(b) : b, of_blocks = e.transpose_b ? transpose(scales) : scales;
  state_.checked_size(a.rows, right.columns);
  state_.count_work(a.rows * right.rows * right.columns);
  return matmul(nullptr, a, expanded(of_blocks, right, e.block));
}

Tile Evaluator::gather_checked(const Tile& x, const Tile& positions) const {
  for (int32_t position : positions.i)
    if (position < 0 || position >= x.columns)
      state_.fault("out-of-bounds", fmt::format("gather of column {} from a tile of {} columns", position, x.columns),
                   "take the indices from 0 to the number of columns less one");
  return gather(x, positions);
}

}  // namespace

TilePtr evaluate(State& state, AccessWatch& watch, const ir::ExprPtr& e) { return Evaluator(state, watch).evaluate(e); }

}  // namespace imbrex::interpret
