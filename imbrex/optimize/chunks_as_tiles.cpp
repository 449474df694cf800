#include "imbrex/optimize/chunks_as_tiles.h"

#include <map>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/affine.h"

namespace imbrex::optimize {
namespace {

using namespace imbrex::ir;
using Kind = Index::Kind;

bool mentions(const IndexExpr& e, const std::string& name) { return e && names_in(e).contains(name); }

IndexExpr with_value(const IndexExpr& e, const std::string& name, const IndexExpr& value) {
  return ir::substitute(e, [&](const Index& leaf) -> std::optional<IndexExpr> {
    return leaf.kind == Kind::name && leaf.name == name ? std::optional(value) : std::nullopt;
  });
}

// By how much e grows with each iteration, where that is a constant.
std::optional<int64_t> step_of(const IndexExpr& e, const std::string& name) {
  const IndexExpr at_0 = with_value(e, name, constant(0)), at_1 = with_value(e, name, constant(1));
  const auto step = constant_value(simplify(sub(at_1, at_0), {}));
  return step && ir::same(e, add(at_0, mul(ir::named(name), constant(*step)))) ? step : std::nullopt;
}

// Thrown where the loop is no loop over chunks.
struct NoChunks {};

class Rewriter {
 public:
  explicit Rewriter(const Loop& loop) : loop_(loop), name_(loop.variable) {}

  Loop run() {
    for (const Statement& statement : loop_.body) find_chunk(statement);
    if (chunk_ == 0) throw NoChunks{};
    Loop result = loop_;
    result.begin = mul(loop_.begin, constant(chunk_));
    result.extent = extent();
    result.tile = chunk_;
    for (Statement& statement : result.body) rewrite_statement(statement);
    return result;
  }

 private:
  void find_chunk(const Statement& statement) {
    const auto look = [&](const std::vector<Axis>& slice) {
      for (const Axis& axis : slice) {
        if (chunk_ > 0 || axis.kind != Axis::Kind::range || !mentions(axis.begin, name_)) continue;
        chunk_ = step_of(axis.begin, name_).value_or(0);
        if (chunk_ <= 0) throw NoChunks{};
        size_ = axis.size;
      }
    };
    for_each_expr(statement, [&](const Expr& e) { look(e.slice); });
    if (const auto* store = std::get_if<Store>(&statement.node)) look(store->slice);
  }

  // All chunks together: full ones, or up to the end E that the size names.
  IndexExpr extent() const {
    const IndexExpr chunk = constant(chunk_), begin = mul(ir::named(name_), chunk);
    if (ir::same(size_, chunk)) return mul(loop_.extent, chunk);
    for (const IndexExpr& end : ends_in(size_)) {
      const IndexExpr next = mul(add(ir::named(name_), constant(1)), chunk);
      const IndexExpr left = sub(ir::min(next, end), begin);
      if (!ir::same(size_, ir::min(chunk, sub(end, begin))) && !ir::same(size_, left) &&
          !ir::same(size_, ir::max(left, constant(0))))
        continue;
      // The last iteration must be the one that ends there.
      const IndexExpr last = simplify(sub(add(loop_.begin, loop_.extent), ceil_div(end, chunk)), {});
      if (constant_value(last) == 0) return sub(end, mul(loop_.begin, chunk));
    }
    throw NoChunks{};
  }

  // What a `min` in the size may take for the end: an operand at i = 0 is E, or E - i * c there.
  std::vector<IndexExpr> ends_in(const IndexExpr& e) const {
    if (!e->a) return {};
    std::vector<IndexExpr> ends;
    if (e->kind == Kind::min)
      for (const IndexExpr& side : {e->a, e->b}) ends.push_back(with_value(side, name_, constant(0)));
    for (const IndexExpr& side : {e->a, e->b})
      for (const IndexExpr& end : ends_in(side)) ends.push_back(end);
    return ends;
  }

  IndexExpr rewritten(const IndexExpr& e) const {
    if (!mentions(e, name_)) return e;
    if (ir::same(e, size_)) return span_size(name_);
    const auto step = step_of(e, name_);
    const IndexExpr rest = with_value(e, name_, constant(0));
    if (step == chunk_) return add(rest, span_begin(name_));
    if (step == 1) return add(rest, add(loop_.begin, span_index(name_)));
    throw NoChunks{};
  }

  std::vector<Axis> rewritten(std::vector<Axis> slice) const {
    for (Axis& axis : slice) {
      if (axis.kind == Axis::Kind::by) continue;
      const bool moves = axis.kind == Axis::Kind::range && step_of(axis.begin, name_) == chunk_;
      axis.size = moves && ir::same(axis.size, size_) ? span_size(name_) : rewritten(axis.size);
      axis.begin = rewritten(axis.begin);
    }
    return slice;
  }

  ExprPtr rewritten(const ExprPtr& e) const {
    return ir::rewrite(e, [&](const ExprPtr& x) -> ExprPtr {
      const Written written{{}, x->origin};
      switch (x->op) {
        case Op::load: return make_load(x->name, x->dtype, rewritten(x->slice), written);
        case Op::index: return make_index(rewritten(x->index), written);
        case Op::iota:
          return make_iota(
              step_of(x->index, name_) == chunk_ && ir::same(x->columns, size_) ? span_size(name_) : rewritten(x->columns),
              rewritten(x->index), written);
        case Op::constant: return make_constant(x->dtype, rewritten(x->rows), rewritten(x->columns), x->value, written);
        case Op::variable: {
          const auto own = shapes_.find(x->name);
          return own == shapes_.end() ? x : make_variable(x->name, x->dtype, own->second.rows, own->second.columns, written);
        }
          IMBREX_ELEMENTWISE_CASES
        case Op::row_sum:
        case Op::row_max:
        case Op::row_min:
        case Op::row_sum_acc:
        case Op::col_sum:
        case Op::col_max:
        case Op::col_min:
        case Op::col_sum_acc:
        case Op::matmul:
        case Op::matmul_acc:
        case Op::transpose:
        case Op::repeat_rows:
        case Op::concat_rows:
        case Op::concat_columns:
        case Op::columns:
        case Op::even:
        case Op::odd:
        case Op::interleave:
        case Op::gather: return x;
        case Op::matmul_scaled:
        case Op::matmul_expanded:
        case Op::reshape: throw NoChunks{};
      }
      throw InternalError("an operation that the table does not have");
    });
  }

  // A chunk of one column is no longer a column where it is a chunk.
  static void require_shape(const Expr& value, const TileShape& shape) {
    if (!ir::same(value.rows, shape.rows) || !ir::same(value.columns, shape.columns)) throw NoChunks{};
  }

  void rewrite_statement(Statement& statement) {
    if (auto* assign = std::get_if<Assign>(&statement.node)) {
      assign->value = rewritten(assign->value);
      if (assign->declares) shapes_[assign->name] = {assign->value->rows, assign->value->columns};
      if (const auto own = shapes_.find(assign->name); own != shapes_.end()) require_shape(*assign->value, own->second);
    } else if (auto* store = std::get_if<Store>(&statement.node)) {
      store->slice = rewritten(store->slice);
      store->value = rewritten(store->value);
      require_shape(*store->value, shape_of_slice(store->slice));
    } else {
      throw NoChunks{};
    }
  }

  const Loop& loop_;
  const std::string& name_;
  int64_t chunk_ = 0;  // 0: none seen
  IndexExpr size_;     // of the chunk, as the first slice writes it
  std::map<std::string, TileShape> shapes_;
};

}  // namespace

std::optional<Loop> chunks_as_tiles(const Loop& loop) {
  if (loop.tile > 0) return std::nullopt;
  try {
    return Rewriter(loop).run();
  } catch (const NoChunks&) {
    return std::nullopt;
  } catch (const UserError&) {  // shapes that agreed in numbers alone do not agree in chunks
    return std::nullopt;
  }
}

std::optional<IndexExpr> offset_from_span(const IndexExpr& begin, const std::string& span) {
  if (!mentions(begin, span)) return std::nullopt;
  const IndexExpr rest = ir::substitute(begin, [&](const Index& leaf) -> std::optional<IndexExpr> {
    return leaf.kind == Kind::span_begin && leaf.name == span ? std::optional(constant(0)) : std::nullopt;
  });
  if (mentions(rest, span) || !ir::same(begin, add(rest, span_begin(span)))) return std::nullopt;
  return rest;
}

}  // namespace imbrex::optimize
