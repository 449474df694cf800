#include "imbrex/optimize/dissolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "imbrex/ir/visit.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using ir::Op;
using Kind = Term::Kind;

// Names for the coordinates of a tile's element, and for the coordinate that a reduction runs over. No author can write them.
const std::string kRow = ".r", kColumn = ".c", kReduced = ".k";

struct Refused {
  int origin;
  std::string reason;
};

std::string coordinate(size_t axis) { return fmt::format("i{}", axis); }

bool same_value(const IndexExpr& a, const IndexExpr& b, const Ranges& ranges) {
  return ir::constant_value(simplify(ir::sub(a, b), ranges)) == 0;
}

// What was stored into a part of a tensor, over the tensor's coordinates i0, i1, ...
struct Written {
  Piece piece;
  std::map<const ir::Loop*, std::vector<std::pair<size_t, IndexExpr>>> places;  // loops open at the store: axis and its slice's begin
  std::map<const ir::Loop*, IndexExpr> solved;  // integer loops: the iteration that wrote coordinates i0, i1, ...
};

struct TensorState {
  ir::Tensor tensor;
  std::vector<Written> pieces;
  size_t loops_open = 0;  // where it was created
};

class Dissolver {
 public:
  explicit Dissolver(const ir::Program& program) : program_(program) {}

  Dissolved run() {
    for (const ir::Dim& dim : program_.dims) terms().ranges[dim.name] = {1, dim.max};
    for (const ir::Tensor& tensor : program_.tensors) declare(tensor);
    execute(program_.body);
    for (const ir::Tensor& tensor : program_.tensors)
      if (tensor.role != ir::Role::input) result_.outputs.push_back(finish(tensors_.at(tensor.name)));
    collect_definitions();
    return std::move(result_);
  }

 private:
  Terms& terms() { return result_.terms; }
  Ranges& ranges() { return result_.terms.ranges; }

  [[noreturn]] void refuse(int origin, std::string reason) { throw Refused{origin, std::move(reason)}; }

  void declare(const ir::Tensor& tensor) {
    if (tensor.role == ir::Role::inout) refuse(tensor.origin, fmt::format("{} is an inout", tensor.name));
    tensors_[tensor.name] = {tensor, {}, loops_.size()};
  }

  // ---- statements -----------------------------------------------------------------------------------------------------------

  void execute(const ir::Block& block) {
    for (const ir::Statement& statement : block) std::visit([&](const auto& node) { execute(node, statement.origin); }, statement.node);
  }

  void execute(const ir::CreateTensor& node, int) { declare(node.tensor); }
  void execute(const ir::View& node, int) { views_[node.name] = node; }
  void execute(const ir::Tap&, int) {}
  void execute(const ir::Assume&, int) {}
  void execute(const ir::AssumeDistinct&, int) {}
  void execute(const ir::ReadIndex& node, int origin) { refuse(origin, fmt::format("{} is read from data", node.name)); }
  void execute(const ir::If&, int origin) { refuse(origin, "a condition chooses between statements"); }
  void execute(const ir::At& node, int) { execute(node.body); }

  void execute(const ir::Assign& node, int origin) {
    if (node.declares) {
      declared_in_[node.name] = loops_.size();
    } else {
      for (size_t depth = declared_in_.at(node.name); depth < loops_.size(); ++depth)
        refuse(origin, fmt::format("{} carries a value from one iteration of {} to the next", node.name, loops_[depth]->variable));
    }
    variables_[node.name] = evaluate(node.value);
  }

  void execute(const ir::Loop& loop, int origin) {
    if (loop.kind != ir::Loop::Kind::parallel) refuse_carried_tensors(loop, origin);
    if (loop.tile > 0) {
      ranges()[loop.variable + ".begin"] = {0, std::nullopt};
      ranges()[loop.variable + ".index"] = {0, std::nullopt};
      ranges()[loop.variable + ".size"] = {1, loop.tile};
    } else {
      const Range begin = range_of(loop.begin, ranges()), extent = range_of(loop.extent, ranges());
      ranges()[loop.variable] = {begin.least, begin.most && extent.most ? std::optional(*begin.most + *extent.most - 1) : std::nullopt};
    }
    loops_.push_back(&loop);
    execute(loop.body);
    loops_.pop_back();
  }

  // A sequential loop may read what an earlier iteration stored. Loads that find this iteration's own store are checked at the
  // load; a tensor from outside that is loaded before it is stored in the body is refused here, unless all its places in the body
  // are this iteration's own.
  void refuse_carried_tensors(const ir::Loop& loop, int origin) {
    std::set<std::string> loaded_first, stored;
    std::map<std::string, std::vector<std::pair<std::string, std::vector<ir::Axis>>>> places;
    const std::function<void(const ir::ExprPtr&)> loads = [&](const ir::ExprPtr& e) {
      if (e->op == Op::load) {
        if (!stored.contains(base_of(e->name))) loaded_first.insert(base_of(e->name));
        places[base_of(e->name)].push_back({e->name, e->slice});
      }
      for (const ir::ExprPtr& arg : e->args) loads(arg);
    };
    ir::for_each_statement(loop.body, [&](const ir::Statement& s) {
      if (const auto* assign = std::get_if<ir::Assign>(&s.node)) loads(assign->value);
      if (const auto* store = std::get_if<ir::Store>(&s.node)) {
        loads(store->value);
        stored.insert(base_of(store->tensor));
        places[base_of(store->tensor)].push_back({store->tensor, store->slice});
      }
      return true;
    });
    for (const std::string& name : loaded_first)
      if (stored.contains(name) && !are_own_places(loop, places.at(name)))
        refuse(origin, fmt::format("iterations of {} read and store {}", loop.variable, name));
  }

  // All under one name, and alike along an axis on which no two iterations meet.
  bool are_own_places(const ir::Loop& loop, const std::vector<std::pair<std::string, std::vector<ir::Axis>>>& places) {
    const auto& [name, first] = places[0];
    for (size_t d = 0; d < first.size(); ++d) {
      bool alike = true;
      for (const auto& [other, slice] : places)
        alike = alike && other == name && ir::same(slice[d].begin, first[d].begin) && ir::same(slice[d].size, first[d].size);
      if (!alike) continue;
      if (loop.tile > 0) {
        if (ir::same(first[d].begin, ir::span_begin(loop.variable)) && ir::same(first[d].size, ir::span_size(loop.variable))) return true;
        continue;
      }
      const Linear begin = linear(first[d].begin, ranges());
      const auto part = begin.parts.find(loop.variable);
      const auto size = ir::constant_value(first[d].size);
      if (part != begin.parts.end() && size && *size <= std::abs(part->second.coefficient)) return true;
    }
    return false;
  }

  std::string base_of(std::string name) const {
    for (auto view = views_.find(name); view != views_.end(); view = views_.find(name)) name = view->second.base;
    return name;
  }

  // ---- stores ---------------------------------------------------------------------------------------------------------------

  void execute(const ir::Store& store, int origin) {
    const std::string base = base_of(store.tensor);
    TensorState& state = tensors_.at(base);
    const std::vector<IndexExpr> shape = shape_of(store.tensor);
    for (size_t d = 0; d < state.tensor.shape.size(); ++d) ranges()[coordinate(d)] = counter_range(state.tensor.shape[d]);

    // The coordinates under the name that was stored to, as functions of the base tensor's i0, i1, ...
    std::vector<IndexExpr> base_coordinates;
    for (size_t d = 0; d < state.tensor.shape.size(); ++d) base_coordinates.push_back(ir::named(coordinate(d)));
    const std::vector<IndexExpr> at = reshaped(base_coordinates, state.tensor.shape, shape);

    Substitution by;
    Written written;
      const size_t extents = static_cast<size_t>(
        std::count_if(store.slice.begin(), store.slice.end(), [](const ir::Axis& a) { return a.kind == ir::Axis::Kind::range; }));
    size_t seen = 0;
    for (size_t d = 0; d < store.slice.size(); ++d) {
      const ir::Axis& axis = store.slice[d];
      if (axis.kind == ir::Axis::Kind::by) refuse(origin, fmt::format("{} is stored to at places read from data", store.tensor));
      if (axis.kind == ir::Axis::Kind::range)
        by[extents == 2 && seen++ == 0 ? kRow : kColumn] = ir::sub(at[d], axis.begin);
    }
    TermId term = terms().substitute(evaluate(store.value), by);
    term = eliminate_loops(term, store, at, written, origin);
    written.piece.term = term;
    place(written, store, state, shape, origin);
    add_piece(state, std::move(written), origin);
  }

  // Integer loop variables leave the term: the coordinates say which iteration stored an element.
  TermId eliminate_loops(TermId term, const ir::Store& store, const std::vector<IndexExpr>& at, Written& written, int origin) {
    // Loops around the tensor's creation are constants to it.
    const std::vector<const ir::Loop*> inside(loops_.begin() + static_cast<std::ptrdiff_t>(tensors_.at(base_of(store.tensor)).loops_open),
                                              loops_.end());
    for (auto open = inside.rbegin(); open != inside.rend(); ++open) {
      const ir::Loop& loop = **open;
      if (loop.tile > 0) {
        for (size_t d = 0; d < store.slice.size(); ++d)
          if (ir::names_in(store.slice[d].begin).contains(loop.variable)) written.places[&loop].push_back({d, store.slice[d].begin});
        continue;
      }
      if (const auto solution = solve(loop.variable, store, at)) {
        written.solved[&loop] = *solution;
        term = terms().substitute(term, {{loop.variable, *solution}});
      }
    }
    std::map<std::string, bool> names;
    terms().collect_names(term, names);
    for (const ir::Loop* loop : inside)
      for (const auto& [name, used] : names)
        if (name == loop->variable || name.starts_with(loop->variable + "."))
          refuse(origin, fmt::format("what is stored to {} depends on the loop {} beyond the place", store.tensor, loop->variable));
    return term;
  }

  // The loop variable h from a slice `h + rest` (a point) or `m * h + rest +: size` with size <= m.
  std::optional<IndexExpr> solve(const std::string& h, const ir::Store& store, const std::vector<IndexExpr>& at) {
    for (size_t d = 0; d < store.slice.size(); ++d) {
      const ir::Axis& axis = store.slice[d];
      const Linear begin = linear(axis.begin, ranges());
      const auto part = begin.parts.find(h);
      if (part == begin.parts.end()) continue;
      Linear rest = begin;
      rest.parts.erase(h);
      const int64_t m = part->second.coefficient;
      const IndexExpr offset = ir::sub(at[d], to_index(rest));
      if (axis.kind == ir::Axis::Kind::point && m == 1) return simplify(offset, ranges());
      const auto size = ir::constant_value(simplify(axis.size, ranges()));
      if (m > 0 && size && *size <= m) return simplify(ir::floor_div(offset, ir::constant(m)), ranges());
    }
    return std::nullopt;
  }

  // The box of base coordinates that all iterations of the open loops store to together. Where it cannot be told along an axis it
  // is taken as the whole axis: coverage is proven, so if nothing else stores there, this store does.
  void place(Written& written, const ir::Store& store, const TensorState& state, const std::vector<IndexExpr>& shape, int origin) {
    const size_t rank = state.tensor.shape.size();
    written.piece.least.assign(rank, ir::constant(0));
    written.piece.most = state.tensor.shape;
    for (size_t d = 0; d < shape.size(); ++d) {
      const auto [least, most] = swept(store.slice[d], shape[d]);
      if (same_value(least, ir::constant(0), ranges()) && same_value(most, shape[d], ranges())) continue;
      // A part of an axis: the axis must be one of the base tensor's own.
      const size_t from_end = shape.size() - d;
      bool own = from_end <= rank;
      for (size_t e = 1; own && e <= from_end; ++e) own = same_value(shape[shape.size() - e], state.tensor.shape[rank - e], ranges());
      if (!own) refuse(origin, fmt::format("a part of the view {} is stored that is no part of {}'s axes", store.tensor, state.tensor.name));
      written.piece.least[rank - from_end] = least;
      written.piece.most[rank - from_end] = most;
    }
  }

  std::pair<IndexExpr, IndexExpr> swept(const ir::Axis& axis, const IndexExpr& extent) {
    const std::pair<IndexExpr, IndexExpr> whole{ir::constant(0), extent};
    const Linear begin = linear(axis.begin, ranges());
    IndexExpr size = axis.kind == ir::Axis::Kind::point ? ir::constant(1) : simplify(axis.size, ranges());
    Linear least = begin;
    for (auto open = loops_.rbegin(); open != loops_.rend(); ++open) {
      const ir::Loop& loop = **open;
      if (loop.tile > 0) {
        const auto part = least.parts.find(loop.variable + ".begin");
        if (part == least.parts.end()) continue;
        if (part->second.coefficient != 1 || !same_value(size, ir::span_size(loop.variable), ranges())) return whole;
        least.parts.erase(part);
        least = linear(ir::add(to_index(least), loop.begin), ranges());
        size = simplify(loop.extent, ranges());
      } else {
        const auto part = least.parts.find(loop.variable);
        if (part == least.parts.end()) continue;
        const int64_t m = part->second.coefficient;
        if (!same_value(size, ir::constant(m), ranges())) return whole;
        least.parts.erase(part);
        least = linear(ir::add(to_index(least), ir::mul(ir::constant(m), loop.begin)), ranges());
        size = simplify(ir::mul(ir::constant(m), loop.extent), ranges());
      }
    }
    const IndexExpr first = to_index(least), last = simplify(ir::add(first, size), ranges());
    for (const IndexExpr& e : {first, last})
      for (const ir::Loop* loop : loops_)
        if (ir::names_in(e).contains(loop->variable)) return whole;
    return {first, last};
  }

  // A later store to the same box replaces the earlier one; a partial overlap is not described by pieces.
  void add_piece(TensorState& state, Written written, int origin) {
    for (Written& old : state.pieces) {
      bool equal = true, apart = false;
      for (size_t d = 0; d < state.tensor.shape.size(); ++d) {
        equal = equal && same_value(old.piece.least[d], written.piece.least[d], ranges()) &&
                same_value(old.piece.most[d], written.piece.most[d], ranges());
        const Range above = range_of(ir::sub(written.piece.least[d], old.piece.most[d]), ranges());
        const Range below = range_of(ir::sub(old.piece.least[d], written.piece.most[d]), ranges());
        apart = apart || (above.least && *above.least >= 0) || (below.least && *below.least >= 0);
      }
      if (equal) {
        old = std::move(written);
        return;
      }
      if (!apart) refuse(origin, fmt::format("parts of {} that are stored one after the other overlap", state.tensor.name));
    }
    state.pieces.push_back(std::move(written));
  }

  // ---- expressions ----------------------------------------------------------------------------------------------------------

  static Range counter_range(const IndexExpr& extent) {
    const auto n = ir::constant_value(extent);
    return {0, n ? std::optional(*n - 1) : std::nullopt};
  }

  TermId evaluate(const ir::ExprPtr& e) {
    ranges()[kRow] = counter_range(e->rows);
    ranges()[kColumn] = counter_range(e->columns);
    switch (e->op) {
      case Op::variable: return variables_.at(e->name);
      case Op::load: return evaluate_load(*e);
      case Op::constant: return terms().constant(e->dtype, e->value);
      case Op::index: return terms().index(e->index);
      case Op::iota: return terms().index(ir::add(e->index, ir::named(kColumn)));
      case Op::cast: return terms().operation(Op::cast, e->dtype, {evaluate(e->args[0])}, e->mode);
      case Op::row_sum:
      case Op::row_max:
      case Op::row_min:
      case Op::col_sum:
      case Op::col_max:
      case Op::col_min: return evaluate_reduction(*e);
      case Op::matmul: return evaluate_matmul(*e);
      case Op::repeat_rows: return moved(e->args[0], ir::floor_div(ir::named(kRow), e->index), ir::named(kColumn), e);
      case Op::columns: return moved(e->args[0], ir::named(kRow), ir::add(e->index, ir::named(kColumn)), e);
      case Op::transpose: return moved(e->args[0], ir::named(kColumn), ir::named(kRow), e);
      case Op::even: return moved(e->args[0], ir::named(kRow), ir::mul(ir::constant(2), ir::named(kColumn)), e);
      case Op::odd: return moved(e->args[0], ir::named(kRow), ir::add(ir::mul(ir::constant(2), ir::named(kColumn)), ir::constant(1)), e);
      case Op::interleave: {
        const IndexExpr half = ir::floor_div(ir::named(kColumn), ir::constant(2));
        const TermId even = moved(e->args[0], ir::named(kRow), half, e), odd = moved(e->args[1], ir::named(kRow), half, e);
        return terms().residues(ir::named(kColumn), {even, odd});
      }
      case Op::reshape: {
        const IndexExpr place = ir::add(ir::mul(ir::named(kRow), e->columns), ir::named(kColumn));
        return moved(e->args[0], ir::floor_div(place, e->args[0]->columns), ir::mod(place, e->args[0]->columns), e);
      }
      case Op::concat_rows:
      case Op::concat_columns: return evaluate_concat(e);
      case Op::row_sum_acc:
      case Op::col_sum_acc:
      case Op::matmul_acc: return evaluate_continued(e);
      case Op::gather: refuse(e->origin, "a gather takes elements at places read from data");
      default: return evaluate_elementwise(e);
    }
  }

  // A sum that continues from zeros is the sum.
  TermId evaluate_continued(const ir::ExprPtr& e) {
    const Term& start = terms().at(evaluate(e->args[0]));
    if (start.kind != Kind::constant || start.value != 0 || std::signbit(start.value))
      refuse(e->origin, fmt::format("a {} continues a value that is not zero", ir::name_of(e->op)));
    if (e->op == Op::matmul_acc) return evaluate(ir::make_matmul(e->args[1], e->args[2], e->transpose_a, e->transpose_b, {{}, e->origin}));
    return evaluate(ir::make_unary(e->op == Op::row_sum_acc ? Op::row_sum : Op::col_sum, e->args[1], {{}, e->origin}));
  }

  // A term over an argument's coordinates, at other coordinates.
  TermId moved(const ir::ExprPtr& arg, const IndexExpr& row, const IndexExpr& column, const ir::ExprPtr& result) {
    const TermId term = evaluate(arg);
    ranges()[kRow] = counter_range(result->rows);
    ranges()[kColumn] = counter_range(result->columns);
    return terms().substitute(term, {{kRow, row}, {kColumn, column}});
  }

  TermId evaluate_elementwise(const ir::ExprPtr& e) {
    std::vector<TermId> args;
    for (const ir::ExprPtr& arg : e->args) {
      const IndexExpr row = ir::is_one(arg->rows) ? ir::constant(0) : ir::named(kRow);
      const IndexExpr column = ir::is_one(arg->columns) ? ir::constant(0) : ir::named(kColumn);
      args.push_back(moved(arg, row, column, e));
    }
    return terms().operation(e->op, e->dtype, std::move(args));
  }

  TermId evaluate_concat(const ir::ExprPtr& e) {
    const bool by_rows = e->op == Op::concat_rows;
    std::vector<TermId> cases;
    std::vector<IndexExpr> limits{ir::constant(0)};
    for (const ir::ExprPtr& part : e->args) {
      const IndexExpr row = by_rows ? ir::sub(ir::named(kRow), limits.back()) : ir::named(kRow);
      const IndexExpr column = by_rows ? ir::named(kColumn) : ir::sub(ir::named(kColumn), limits.back());
      cases.push_back(moved(part, row, column, e));
      limits.push_back(ir::add(limits.back(), by_rows ? part->rows : part->columns));
    }
    return terms().intervals(ir::named(by_rows ? kRow : kColumn), std::move(limits), std::move(cases));
  }

  TermId reduced(Reduction reduction, const ir::Expr& e, const IndexExpr& extent, std::vector<TermId> body) {
    const TermId term = terms().reduce(reduction, e.dtype, extent, kReduced, std::move(body));
    if (term == kNoTerm) refuse(e.origin, fmt::format("the places that a {} reads mix its axis with others", ir::name_of(e.op)));
    return term;
  }

  TermId evaluate_reduction(const ir::Expr& e) {
    const bool over_row = e.op == Op::row_sum || e.op == Op::row_max || e.op == Op::row_min;
    const ir::ExprPtr& arg = e.args[0];
    const IndexExpr extent = over_row ? arg->columns : arg->rows;
    const TermId body = evaluate(arg);
    ranges()[kReduced] = counter_range(extent);
    const Substitution by = over_row ? Substitution{{kColumn, ir::named(kReduced)}} : Substitution{{kRow, ir::named(kReduced)}};
    const Reduction reduction = e.op == Op::row_sum ? Reduction::row_sum
                                : e.op == Op::col_sum ? Reduction::col_sum
                                : (e.op == Op::row_max || e.op == Op::col_max) ? Reduction::max : Reduction::min;
    return reduced(reduction, e, extent, {terms().substitute(body, by)});
  }

  TermId evaluate_matmul(const ir::Expr& e) {
    const ir::ExprPtr &a = e.args[0], &b = e.args[1];
    const IndexExpr extent = e.transpose_a ? a->rows : a->columns;
    const TermId left = evaluate(a), right = evaluate(b);
    ranges()[kReduced] = counter_range(extent);
    ranges()[kRow] = counter_range(e.rows);
    ranges()[kColumn] = counter_range(e.columns);
    const IndexExpr k = ir::named(kReduced), row = ir::named(kRow), column = ir::named(kColumn);
    const TermId x = terms().substitute(left, {{kRow, e.transpose_a ? k : row}, {kColumn, e.transpose_a ? row : k}});
    const TermId y = terms().substitute(right, {{kRow, e.transpose_b ? column : k}, {kColumn, e.transpose_b ? k : column}});
    const Reduction reduction = a->dtype == DType::int8    ? Reduction::dot_int8
                                : a->dtype == DType::uint8 ? Reduction::dot_uint8_int8
                                : a->dtype == DType::bf16  ? Reduction::dot_bf16
                                                           : Reduction::dot_f32;
    return reduced(reduction, e, extent, {x, y});
  }

  // ---- loads ----------------------------------------------------------------------------------------------------------------

  std::vector<IndexExpr> shape_of(const std::string& name) const {
    const auto view = views_.find(name);
    return view == views_.end() ? tensors_.at(name).tensor.shape : view->second.shape;
  }

  // The same element's coordinates under another row-major shape.
  std::vector<IndexExpr> reshaped(const std::vector<IndexExpr>& at, const std::vector<IndexExpr>& from, const std::vector<IndexExpr>& to) {
    if (from.size() == to.size() && std::equal(from.begin(), from.end(), to.begin(), [](const auto& a, const auto& b) { return ir::same(a, b); }))
      return at;
    IndexExpr place = ir::constant(0);
    for (size_t d = 0; d < from.size(); ++d) place = ir::add(ir::mul(place, from[d]), at[d]);
    std::vector<IndexExpr> result(to.size());
    for (size_t d = to.size(); d-- > 1;) {
      result[d] = simplify(ir::mod(place, to[d]), ranges());
      place = simplify(ir::floor_div(place, to[d]), ranges());
    }
    result[0] = simplify(place, ranges());
    return result;
  }

  TermId evaluate_load(const ir::Expr& e) {
    std::vector<IndexExpr> at;
    const size_t extents = static_cast<size_t>(
        std::count_if(e.slice.begin(), e.slice.end(), [](const ir::Axis& a) { return a.kind != ir::Axis::Kind::point; }));
    size_t seen = 0;
    for (const ir::Axis& axis : e.slice) {
      if (axis.kind == ir::Axis::Kind::by) refuse(e.origin, fmt::format("{} is read at places read from data", e.name));
      at.push_back(axis.kind == ir::Axis::Kind::point ? axis.begin
                                                      : ir::add(axis.begin, ir::named(extents == 2 && seen++ == 0 ? kRow : kColumn)));
    }
    const TensorState& state = tensors_.at(base_of(e.name));
    at = reshaped(at, shape_of(e.name), state.tensor.shape);
    if (state.tensor.role == ir::Role::input) return terms().access(state.tensor.name, state.tensor.dtype, at);
    return read_written(state, at, e);
  }

  TermId read_written(const TensorState& state, const std::vector<IndexExpr>& at, const ir::Expr& e) {
    Substitution by;
    for (size_t d = 0; d < at.size(); ++d) by[coordinate(d)] = at[d];
    std::vector<const Written*> found;
    for (const Written& written : state.pieces)
      if (may_meet(written, at)) found.push_back(&written);
    if (found.empty()) refuse(e.origin, fmt::format("{} is read before a store that this iteration could see", e.name));
    for (const Written* written : found) require_same_iteration(*written, state, at, by, e);
    if (found.size() == 1) return terms().substitute(found[0]->piece.term, by);

    // Several parts along one axis: a choice by the coordinate there.
    size_t axis = at.size();
    for (size_t d = 0; d < at.size(); ++d)
      if (!same_value(found[0]->piece.least[d], found[1]->piece.least[d], ranges())) axis = d;
    std::sort(found.begin(), found.end(), [&](const Written* a, const Written* b) {
      const Range apart = range_of(ir::sub(b->piece.least[axis], a->piece.most[axis]), ranges());
      return a != b && apart.least && *apart.least >= 0;
    });
    std::vector<IndexExpr> limits{found[0]->piece.least[axis]};
    std::vector<TermId> cases;
    for (const Written* written : found) {
      if (!same_value(limits.back(), written->piece.least[axis], ranges()))
        refuse(e.origin, fmt::format("the parts of {} that are read do not lie side by side", e.name));
      limits.push_back(written->piece.most[axis]);
      cases.push_back(terms().substitute(written->piece.term, by));
    }
    return terms().intervals(at[axis], std::move(limits), std::move(cases));
  }

  bool may_meet(const Written& written, const std::vector<IndexExpr>& at) {
    for (size_t d = 0; d < at.size(); ++d) {
      const Range above = range_of(ir::sub(at[d], written.piece.most[d]), ranges());
      const Range below = range_of(ir::sub(at[d], written.piece.least[d]), ranges());
      if ((above.least && *above.least >= 0) || (below.most && *below.most < 0)) return false;
    }
    return true;
  }

  // Inside a loop, a tensor from outside that this loop stores to: only what this very iteration stored is known.
  void require_same_iteration(const Written& written, const TensorState& state, const std::vector<IndexExpr>& at, const Substitution& by,
                              const ir::Expr& e) {
    for (size_t depth = state.loops_open; depth < loops_.size(); ++depth) {
      const ir::Loop* loop = loops_[depth];
      bool own = true;
      if (const auto solved = written.solved.find(loop); solved != written.solved.end()) {
        const IndexExpr iteration = ir::substitute(solved->second, [&](const ir::Index& leaf) {
          const auto value = by.find(leaf.name);
          return value == by.end() ? std::nullopt : std::optional(value->second);
        });
        own = same_value(iteration, ir::named(loop->variable), ranges());
      }
      if (const auto places = written.places.find(loop); places != written.places.end()) {
        for (const auto& [axis, begin] : places->second) {
          const Linear inside = linear(ir::sub(at[axis], begin), ranges());
          own = own && inside.constant == 0 && inside.parts.size() == 1 &&
                (inside.parts.begin()->first == kRow || inside.parts.begin()->first == kColumn);
        }
      }
      if (!own) refuse(e.origin, fmt::format("{} is read where another iteration of {} stores it", e.name, loop->variable));
    }
  }

  // ---- outputs --------------------------------------------------------------------------------------------------------------

  Output finish(const TensorState& state) {
    Output output{state.tensor.name, {}};
    for (const Written& written : state.pieces) {
      OutputPiece piece;
      Substitution by;
      for (size_t d = 0; d < state.tensor.shape.size(); ++d) {
        piece.least.push_back(simplify(written.piece.least[d], ranges()));
        piece.count.push_back(simplify(ir::sub(written.piece.most[d], written.piece.least[d]), ranges()));
        piece.step.push_back(1);
        by[coordinate(d)] = ir::add(piece.least[d], ir::named(coordinate(d)));
        ranges()[coordinate(d)] = counter_range(piece.count[d]);
      }
      piece.term = terms().substitute(written.piece.term, by);
      split_choices(piece, output.pieces);
    }
    std::stable_sort(output.pieces.begin(), output.pieces.end(), [](const OutputPiece& a, const OutputPiece& b) { return place_of(a) < place_of(b); });
    return output;
  }

  static std::vector<int64_t> place_of(const OutputPiece& piece) {
    std::vector<int64_t> place;
    for (const IndexExpr& e : piece.least) place.push_back(ir::constant_value(e).value_or(0));
    return place;
  }

  // While the term chooses by residue or interval of one coordinate, the piece becomes one for each case.
  void split_choices(const OutputPiece& piece, std::vector<OutputPiece>& pieces) {
    for (size_t d = 0; d < piece.count.size(); ++d) ranges()[coordinate(d)] = counter_range(piece.count[d]);
    const Term* choice = find_choice(piece.term);
    if (!choice) {
      pieces.push_back(piece);
      return;
    }
    const Linear of = linear(choice->indices[0], ranges());
    if (of.parts.size() != 1 || of.parts.begin()->second.coefficient != 1 || of.parts.begin()->first[0] != 'i')
      refuse(-1, "which element is taken depends on more than one coordinate");
    const std::string name = of.parts.begin()->first;
    const size_t axis = static_cast<size_t>(std::stoi(name.substr(1)));
    const std::vector<IndexExpr> limits = choice->limits;
    const int64_t cases = static_cast<int64_t>(choice->args.size()), modulus = choice->modulus;
    for (int64_t i = 0; i < cases; ++i) {
      OutputPiece part = piece;
      IndexExpr first, step = ir::constant(1);
      if (modulus > 0) {
        const int64_t offset = ((i - of.constant) % modulus + modulus) % modulus;
        first = ir::constant(offset);
        step = ir::constant(modulus);
        part.count[axis] = simplify(ir::floor_div(ir::add(piece.count[axis], ir::constant(modulus - 1 - offset)), step), ranges());
        part.step[axis] = piece.step[axis] * modulus;
      } else {
        const IndexExpr low = ir::max(ir::constant(0), ir::sub(limits[static_cast<size_t>(i)], ir::constant(of.constant)));
        const IndexExpr high = ir::min(piece.count[axis], ir::sub(limits[static_cast<size_t>(i) + 1], ir::constant(of.constant)));
        first = simplify(low, ranges());
        part.count[axis] = simplify(ir::sub(high, low), ranges());
        if (const auto n = ir::constant_value(part.count[axis]); n && *n <= 0) continue;
      }
      part.least[axis] = simplify(ir::add(piece.least[axis], ir::mul(ir::constant(piece.step[axis]), first)), ranges());
      ranges()[name] = counter_range(part.count[axis]);
      part.term = terms().substitute(piece.term, {{name, ir::add(first, ir::mul(step, ir::named(name)))}});
      split_choices(part, pieces);
    }
  }

  const Term* find_choice(TermId id) {
    const Term& term = terms().at(id);
    if (term.kind == Kind::choice) return &term;
    for (TermId arg : term.args)
      if (const Term* found = find_choice(arg)) return found;
    return nullptr;
  }

  // The definitions that outputs need, in an order that depends on the outputs alone.
  void collect_definitions() {
    std::set<int> seen;
    std::set<TermId> walked;
    const std::function<void(TermId)> walk = [&](TermId id) {
      if (!walked.insert(id).second) return;
      const Term& term = terms().at(id);
      for (TermId arg : term.args) walk(arg);
      if (term.kind != Kind::reference || !seen.insert(term.definition).second) return;
      for (TermId part : terms().definition(term.definition).body) walk(part);
      result_.definitions.push_back(term.definition);
    };
    for (const Output& output : result_.outputs)
      for (const OutputPiece& piece : output.pieces) walk(piece.term);
  }

  const ir::Program& program_;
  Dissolved result_;
  std::map<std::string, TensorState> tensors_;
  std::map<std::string, ir::View> views_;
  std::map<std::string, TermId> variables_;
  std::map<std::string, size_t> declared_in_;
  std::vector<const ir::Loop*> loops_;
};

}  // namespace

std::string Dissolved::text() const {
  std::string result;
  for (int id : definitions) {
    const Definition& definition = terms.definition(id);
    std::string body, axes;
    for (TermId part : definition.body) body += (body.empty() ? "" : " . ") + terms.text(part);
    for (int a = 0; a < definition.axes; ++a) axes += fmt::format("{}a{}", a ? ", " : "", a);
    result += fmt::format("{}({}) = {} for k in 0..{} of {}\n", terms.definition_name(id), axes, name_of(definition.reduction),
                          ir::to_text(definition.extent), body);
  }
  for (const Output& output : outputs)
    for (const OutputPiece& piece : output.pieces) {
      std::string places;
      for (size_t d = 0; d < piece.least.size(); ++d)
        places += fmt::format("{}{} + {} * i{} < {}", d ? ", " : "", ir::to_text(piece.least[d]), piece.step[d], d, ir::to_text(piece.count[d]));
      result += fmt::format("{}[{}] = {}\n", output.tensor, places, terms.text(piece.term));
    }
  return result;
}

std::variant<Dissolved, NotDissolved> dissolve(const ir::Program& program) {
  try {
    return Dissolver(program).run();
  } catch (const Refused& refused) {
    return NotDissolved{program.where(refused.origin), refused.reason};
  }
}

}  // namespace imbrex::optimize
