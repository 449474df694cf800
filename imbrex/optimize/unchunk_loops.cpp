#include "imbrex/optimize/unchunk_loops.h"

#include <map>
#include <set>

#include "imbrex/ir/never_empty.h"
#include "imbrex/ir/place.h"
#include "imbrex/ir/ranges.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/chunks_as_tiles.h"

namespace imbrex::optimize {
namespace {

using namespace imbrex::ir;
using Kind = Index::Kind;

bool is_size_of(const IndexExpr& e, const std::string& span) { return e->kind == Kind::span_size && e->name == span; }
bool mentions(const IndexExpr& e, const std::string& span) { return e && names_in(e).contains(span); }
// Where the span lies on the axis from: 0 for `d`, `h * 512` for the window `h * 512 + d.begin +: d.size`. None for any other
// axis.
std::optional<IndexExpr> offset_on(const Axis& axis, const std::string& span) {
  if (axis.kind != Axis::Kind::range || !is_size_of(axis.size, span)) return std::nullopt;
  return offset_from_span(axis.begin, span);
}

// Whether one loop's iterations are chunks of whole operations.
class Chunks {
 public:
  Chunks(const Loop& loop, bool surely_runs, const std::map<std::string, std::string>& base_of_view)
      : loop_(loop), surely_runs_(surely_runs), span_(loop.variable), base_of_view_(base_of_view) {}

  bool hold() {
    for (const Statement& statement : loop_.body)
      if (const auto* assign = std::get_if<Assign>(&statement.node); assign && assign->declares) own_.insert(assign->name);
    for (const Statement& statement : loop_.body)
      if (!statement_holds(statement)) return false;
    // Where the loop runs no iteration, the body that stands for it still runs, on chunks of nothing.
    if (!surely_runs_ && accesses_beside_the_chunk_) return false;
    for (const auto& [tile, reads] : reads_)
      if (folded_.contains(tile) && reads > 1) return false;  // one read is the fold itself
    return stores_stay_in_their_chunk();
  }

 private:
  struct ChunkAccess {
    std::string tensor;
    int axis = -1;     // the one that is the span; -1: none
    IndexExpr offset;  // of the span on that axis
  };

  bool statement_holds(const Statement& statement) {
    if (const auto* assign = std::get_if<Assign>(&statement.node)) {
      if (own_.contains(assign->name)) return value_holds(assign->value);
      return folded_.insert(assign->name).second && fold_holds(*assign);
    }
    if (const auto* store = std::get_if<Store>(&statement.node)) {
      stored_.insert(base_of(store->tensor));
      return slice_holds(store->tensor, store->slice) && value_holds(store->value);
    }
    return false;
  }

  // acc = row_sum_acc(acc, x), col_sum_acc(acc, x), matmul_acc(acc, a, b), max(acc, row_max(x)) and its like.
  bool fold_holds(const Assign& assign) {
    const Expr& e = *assign.value;
    const auto is_acc = [&](const ExprPtr& x) { return x->op == Op::variable && x->name == assign.name; };
    const bool bounds = e.op == Op::max || e.op == Op::min;
    const size_t acc = bounds && !is_acc(e.args[0]) ? 1 : 0;
    if (e.args.empty() || !is_acc(e.args[acc])) return false;
    ++reads_[assign.name];
    if (mentions(e.rows, span_) || mentions(e.columns, span_)) return false;
    if (e.op == Op::row_sum_acc) return value_holds(e.args[1]) && is_size_of(e.args[1]->columns, span_);
    if (e.op == Op::col_sum_acc) return value_holds(e.args[1]) && is_size_of(e.args[1]->rows, span_);
    if (e.op == Op::matmul_acc)
      return value_holds(e.args[1]) && value_holds(e.args[2]) &&
             is_size_of(e.transpose_b ? e.args[2]->columns : e.args[2]->rows, span_);
    if (!bounds) return false;
    const Expr& part = *e.args[1 - acc];
    const bool over_columns = part.op == (e.op == Op::max ? Op::row_max : Op::row_min);
    const bool over_rows = part.op == (e.op == Op::max ? Op::col_max : Op::col_min);
    if (!over_columns && !over_rows) return false;
    return value_holds(part.args[0]) && is_size_of(over_columns ? part.args[0]->columns : part.args[0]->rows, span_);
  }

  // Element by element of the chunked axis: the whole axis gives the chunks' results side by side.
  bool value_holds(const ExprPtr& e) {
    const bool rows = is_size_of(e->rows, span_), columns = is_size_of(e->columns, span_);
    if ((rows && columns) || (!rows && mentions(e->rows, span_)) || (!columns && mentions(e->columns, span_))) return false;
    for (const ExprPtr& arg : e->args)
      if (!value_holds(arg)) return false;
    return node_holds(*e, rows, columns);
  }

  bool node_holds(const Expr& e, bool rows, bool columns) {
    const auto arg_rows = [&](size_t i) { return is_size_of(e.args[i]->rows, span_); };
    const auto arg_columns = [&](size_t i) { return is_size_of(e.args[i]->columns, span_); };
    const size_t last = e.args.size() - 1;
    switch (e.op) {
      IMBREX_ELEMENTWISE_CASES
      case Op::constant:
      case Op::transpose:
      case Op::repeat_rows: return true;
      case Op::variable: ++reads_[e.name]; return true;
      case Op::load: return slice_holds(e.name, e.slice);
      case Op::index: return !mentions(e.index, span_);
      case Op::iota: return columns ? offset_from_span(e.index, span_).has_value() : !mentions(e.index, span_);
      case Op::row_sum:
      case Op::row_max:
      case Op::row_min:
      case Op::row_sum_acc: return !arg_columns(last);
      case Op::col_sum:
      case Op::col_max:
      case Op::col_min:
      case Op::col_sum_acc: return !arg_rows(last);
      case Op::matmul:
      case Op::matmul_acc: return e.transpose_b ? !arg_columns(last) : !arg_rows(last);
      case Op::matmul_scaled:
      case Op::matmul_expanded: return false;
      case Op::gather: accesses_beside_the_chunk_ = accesses_beside_the_chunk_ || (!rows && !columns); return !arg_columns(0);
      case Op::reshape: return !rows && !columns && !arg_rows(0) && !arg_columns(0);
      case Op::concat_rows: return !rows;
      case Op::concat_columns:
      case Op::columns:
      case Op::even:
      case Op::odd:
      case Op::interleave: return !columns;
    }
    throw InternalError("an operation that the table does not have");
  }

  bool slice_holds(const std::string& tensor, const std::vector<Axis>& slice) {
    ChunkAccess access{tensor, -1, nullptr};
    for (size_t i = 0; i < slice.size(); ++i) {
      const Axis& axis = slice[i];
      if (const auto offset = offset_on(axis, span_)) {
        if (access.axis >= 0) return false;
        access.axis = static_cast<int>(i);
        access.offset = *offset;
      } else if (axis.kind == Axis::Kind::by) {
        ++reads_[axis.tile];
      } else if (mentions(axis.begin, span_) || mentions(axis.size, span_)) {
        return false;
      }
    }
    accesses_beside_the_chunk_ = accesses_beside_the_chunk_ || access.axis < 0;
    accesses_.push_back(access);
    return true;
  }

  // Every access to a tensor that is stored to has the span at the same place of the same axis: iterations touch different
  // elements.
  bool stores_stay_in_their_chunk() const {
    std::map<std::string, ChunkAccess> first;
    for (const ChunkAccess& access : accesses_) {
      const std::string base = base_of(access.tensor);
      if (!stored_.contains(base)) continue;
      const ChunkAccess& expected = first.try_emplace(base, access).first->second;
      if (access.axis < 0 || access.axis != expected.axis || access.tensor != expected.tensor ||
          !ir::same(access.offset, expected.offset))
        return false;
    }
    return true;
  }

  std::string base_of(const std::string& tensor) const {
    const auto found = base_of_view_.find(tensor);
    return found == base_of_view_.end() ? tensor : found->second;
  }

  const Loop& loop_;
  const bool surely_runs_;
  const std::string& span_;
  const std::map<std::string, std::string>& base_of_view_;
  std::set<std::string> own_;     // tiles made in the body
  std::set<std::string> folded_;  // outer tiles that the body assigns
  std::set<std::string> stored_;  // memory that the body stores to
  std::map<std::string, int> reads_;
  std::vector<ChunkAccess> accesses_;
  bool accesses_beside_the_chunk_ = false;
};

class Unchunk {
 public:
  explicit Unchunk(const Program& program) : program_(program) {
    for_each_statement(program.body, [&](const Statement& statement) {
      if (const auto* view = std::get_if<View>(&statement.node)) {
        const auto base = base_of_view_.find(view->base);
        base_of_view_[view->name] = base == base_of_view_.end() ? view->base : base->second;
      }
      return true;
    });
    for_each_place(program, [&](const Statement& statement, const Place& place) {
      const auto* loop = std::get_if<Loop>(&statement.node);
      if (loop && !is_never_empty(program, loop->extent) && !Ranges(program, place).upper(loop->extent))
        unbounded_.insert(loop->variable);
    });
  }

  Block block(const Block& source) {
    Block result;
    for (const Statement& original : source) {
      Statement statement = original;
      if (find(statement.annotations, "as_written")) {
        result.push_back(std::move(statement));
        continue;
      }
      if (auto* at = std::get_if<At>(&statement.node)) at->body = block(at->body);
      if (auto* branch = std::get_if<If>(&statement.node)) {
        branch->then_block = block(branch->then_block);
        branch->else_block = block(branch->else_block);
      }
      auto* loop = std::get_if<Loop>(&statement.node);
      if (loop) loop->body = block(loop->body);
      const bool may_be_whole = loop && loop->kind != Loop::Kind::parallel && !unbounded_.contains(loop->variable);
      if (may_be_whole && append_whole(*loop, result)) continue;
      result.push_back(std::move(statement));
    }
    return result;
  }

 private:
  // Whether the loop was one over chunks.
  bool append_whole(const Loop& loop, Block& result) const {
    if (loop.tile > 0) {
      if (!Chunks(loop, is_never_empty(program_, loop.extent), base_of_view_).hold()) return false;
      append_body(loop, result);
      return true;
    }
    const std::optional<Loop> tiled = chunks_as_tiles(loop);
    return tiled && append_whole(*tiled, result);
  }

  static void append_body(const Loop& loop, Block& result) {
    const auto whole = [&](const Index& leaf) -> std::optional<IndexExpr> {
      if (leaf.name != loop.variable) return std::nullopt;
      return leaf.kind == Kind::span_begin ? loop.begin : loop.extent;
    };
    for (const Statement& statement : loop.body) result.push_back(substitute(statement, whole));
  }

  const Program& program_;
  std::map<std::string, std::string> base_of_view_;
  std::set<std::string> unbounded_;  // variables of loops
};

}  // namespace

ir::Program unchunk_loops(const ir::Program& program) {
  ir::Program result = program;
  result.body = Unchunk(program).block(program.body);
  return result;
}

}  // namespace imbrex::optimize
