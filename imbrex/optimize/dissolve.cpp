#include "imbrex/optimize/dissolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <set>

#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/carried.h"
#include "imbrex/optimize/defects.h"
#include "imbrex/optimize/exclusions.h"
#include "imbrex/optimize/kept_part.h"
#include "imbrex/optimize/selections.h"
#include "imbrex/optimize/split_at_conditions.h"
#include "imbrex/optimize/stored_values.h"
#include "imbrex/optimize/values.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using Kind = Term::Kind;

constexpr size_t kMostPieces = 64;  // of one output
constexpr size_t kMostSplitLoops = 64;

class Dissolver {
 public:
  Dissolver(const ir::Program& program, Divided divided, bool compares, Terms terms)
      : program_(program),
        divided_(divided),
        compares_(compares),
        result_{std::move(terms), {}, {}, {}, {}, {}},
        stored_(result_.terms, compares),
        values_(result_.terms, stored_),
        carried_(result_.terms, values_) {
    values_.goes_on = [&](TermId value) { return carried_.goes_on(value); };
  }

  Dissolved run() {
    terms().may_join = true;
    for (const ir::Dim& dim : program_.dims) terms().ranges[dim.name] = {1, dim.max};
    for (const ir::Tensor& tensor : program_.tensors) stored_.declare(tensor);
    execute_all();
    path_.clear();
    terms().origin = terms().scope = -1;  // what is made from here on stands where what it is made from does
    for (const ir::Tensor& tensor : program_.tensors)
      if (tensor.role != ir::Role::input) result_.outputs.push_back(finish(stored_.state(tensor.name)));
    collect_definitions();
    terms().may_join = false;
    return std::move(result_);
  }

  // Of the statement that was read last.
  int origin() const { return origin_; }
  bool has_split() const { return !split_loops_.empty(); }
  const std::vector<size_t>& path() const { return path_; }

 private:
  Terms& terms() { return result_.terms; }

  // ---- statements -----------------------------------------------------------------------------------------------------------

  void execute_all() {
    const BaseOfView bases = bases_of_views(program_);
    for (size_t i = 0; i < program_.body.size(); ++i) {
      path_ = {i};
      if (compares_ && is_marked(program_.body[i]))
        i = keep(i, bases);
      else
        execute(program_.body[i]);
    }
  }

  void execute(const ir::Block& block) {
    for (size_t i = 0; i < block.size(); ++i) {
      path_.push_back(i);
      execute(block[i]);
      path_.pop_back();
    }
  }

  void execute(const ir::Statement& statement) {
    origin_ = terms().origin = statement.origin;
    const int outer = terms().scope;
    const auto* at = std::get_if<ir::At>(&statement.node);
    if (at && statement.sources.empty()) enter(*at, statement.origin);
    std::visit([&](const auto& node) { execute(node, statement.origin); }, statement.node);
    if (at) leave(outer);
  }

  void enter(const ir::At& scope, int origin) {
    scope_names_.push_back((scope_names_.empty() ? "" : scope_names_.back() + "/") + scope.name);
    terms().scope = terms().number_of_scope(scope_names_.back(), origin);
  }
  void leave(int outer) {
    if (terms().scope != outer) scope_names_.pop_back();
    terms().scope = outer;
  }

  // The marked statement `first`, with all up to the last that uses a tile or index of theirs, as one function. Returns that one.
  size_t keep(size_t first, const BaseOfView& bases) {
    std::set<std::string> own, used;
    size_t last = first;
    for (size_t i = first; i <= last; ++i) {
      const Uses uses = uses_of(program_.body[i], bases);
      used.insert(uses.names.begin(), uses.names.end());
      if (std::holds_alternative<ir::CreateTensor>(program_.body[i].node) ||
          std::holds_alternative<ir::View>(program_.body[i].node)) {
        execute(program_.body[i]);
        continue;
      }
      own.insert(uses.declares.begin(), uses.declares.end());
      for (size_t later = last + 1; later < program_.body.size(); ++later) {
        const Uses uses_later = uses_of(program_.body[later], bases);
        if (std::any_of(own.begin(), own.end(), [&](const auto& name) { return uses_later.names.contains(name); })) last = later;
      }
    }
    for (const std::string& name : tiles_)
      if (used.contains(name)) {
        path_.clear();
        refuse(program_.body[first].origin, fmt::format("it uses {}, a tile from outside of it", name));
      }
    const KeptPart part = kept_part(program_, first, last, bases, [&](const std::string& tensor) {
      return std::to_string(terms().number_of("content:" + content_of(tensor)));
    });
    std::string key = part.text;
    for (const std::string& name : part.tensors) key += content_of(name) + "\n";
    const int number = terms().number_of(key);
    for (size_t i = first; i <= last; ++i) {
      note_assumptions(program_.body[i], number);
      for (const size_t entry : mark_of(program_.body[i])) result_.kept_parts[entry] = number;
    }
    for (size_t i = 0; i < part.tensors.size(); ++i) {
      const ir::Tensor& tensor = stored_.state(part.tensors[i]).tensor;
      if (!part.stores.contains(tensor.name)) continue;
      terms().origin = program_.body[first].origin;
      const std::string name = fmt::format(".kept{}.{}", number, i);
      terms().kept[name][terms().side] = {name_for(program_.body[first]), tensor.name};
      stored_.replace(tensor.name, terms().access(name, tensor.dtype, stored_.coordinates_of(tensor.shape)));
    }
    return last;
  }

  void note_assumptions(const ir::Statement& statement, int part) {
    ir::for_each_statement(ir::Block{statement}, [&](const ir::Statement& inner) {
      if (const auto* assume = std::get_if<ir::Assume>(&inner.node))
        result_.kept_assumptions.push_back({ir::print(assume->condition), part});
      if (const auto* elements = std::get_if<ir::AssumeElements>(&inner.node))
        result_.kept_assumptions.push_back(
            {fmt::format("elements of {} {}", elements->tile, ir::what_elements_do(*elements)), part});
      return true;
    });
  }

  // Equal for tensors whose written elements are the same terms; others are not read.
  std::string content_of(const std::string& tensor) const {
    const TensorState& state = stored_.state(tensor);
    if (state.tensor.role == ir::Role::input) return "input " + tensor;
    std::vector<std::string> pieces;
    for (const Written& written : state.pieces) {
      std::string text = fmt::format("{}", written.piece.term);
      for (size_t d = 0; d < written.piece.least.size(); ++d)
        text += fmt::format(" {} to {}", ir::to_text(simplify(written.piece.least[d], result_.terms.ranges)),
                            ir::to_text(simplify(written.piece.most[d], result_.terms.ranges)));
      pieces.push_back(std::move(text));
    }
    std::sort(pieces.begin(), pieces.end());
    std::string all;
    for (const std::string& piece : pieces) all += "[" + piece + "]";
    return all;
  }

  void execute(const ir::CreateTensor& node, int) { stored_.declare(node.tensor); }
  void execute(const ir::View& node, int) { stored_.declare(node); }
  void execute(const ir::Tap&, int) {}
  void execute(const ir::ReadIndex& node, int origin) {
    refuse(origin, fmt::format("{} is read from data, and the optimizer follows elements whose positions dimensions and loops "
                               "give; put it into a scope of its own, and the rest is optimized",
                               node.name));
  }
  void execute(const ir::If& node, int origin) {
    if (const auto taken = decided(node.condition)) return execute(*taken ? node.then_block : node.else_block);
    if (is_needless(node) || do_the_same(node.then_block, node.else_block)) return execute(node.then_block);
    refuse(
        origin,
        "a condition chooses between statements, and the optimizer follows those that every iteration executes; divide the loop "
        "into one for each case, or choose a value with select");
  }
  void execute(const ir::AssumeElements& node, int origin) {
    refuse(origin, fmt::format("elements of {} are assumed to {}, for positions that the optimizer does not follow; put the "
                               "assumption into a scope of its own, and the rest is optimized",
                               node.tile, ir::what_elements_do(node)));
  }
  void execute(const ir::At& node, int) { execute(node.body); }

  void execute(const ir::Assume& node, int origin) {
    if (!stored_.loops.empty())
      refuse(origin,
             "an assumption is made in a loop, and the optimizer keeps those that stand outside of loops; make it before the "
             "loop if "
             "it holds there, else in a scope of its own");
    for (const ir::Comparison& comparison : node.condition)
      for (const ir::IndexExpr& side : {comparison.left, comparison.right})
        for (const std::string& name : ir::names_in(side))
          if (tiles_.contains(name))
            refuse(origin, fmt::format("something is assumed of each element of {}, and the optimizer keeps what is assumed of "
                                       "dimensions alone; put it into a scope of its own, and the rest is optimized",
                                       name));
    result_.assumptions.push_back({node, origin});
  }

  void execute(const ir::Assign& node, int origin) {
    if (node.declares) tiles_.insert(node.name);
    terms().history.clear();
    values_.variables[node.name] = value_of(node.value, origin);
    note(terms().history, {terms().scope, origin});
    values_.histories[node.name] = terms().history;
  }

  void execute(const ir::Store& node, int origin) {
    terms().history.clear();
    const TermId value = value_of(node.value, origin);
    carried_.require_none_in(value);
    stored_.store(node, value, origin);
  }

  // What a condition is for all sizes and iterations, if it is the same.
  std::optional<bool> decided(const ir::Condition& condition) {
    bool all_hold = true;
    for (const ir::Comparison& asked : condition) {
      const Range apart = range_of(ir::sub(asked.left, asked.right), terms().ranges);
      const auto least = [&](int64_t value) { return apart.least && *apart.least >= value; };
      const auto most = [&](int64_t value) { return apart.most && *apart.most <= value; };
      const bool is_zero = least(0) && most(0), is_other = least(1) || most(-1);
      bool holds = false, fails = false;
      switch (asked.compare) {
        case ir::Compare::lt: holds = most(-1), fails = least(0); break;
        case ir::Compare::le: holds = most(0), fails = least(1); break;
        case ir::Compare::eq: holds = is_zero, fails = is_other; break;
        case ir::Compare::ne: holds = is_other, fails = is_zero; break;
        case ir::Compare::ge: holds = least(0), fails = most(-1); break;
        case ir::Compare::gt: holds = least(1), fails = most(0); break;
      }
      if (fails) return false;
      all_hold = all_hold && holds;
    }
    return all_hold ? std::optional(true) : std::nullopt;
  }

  // Whether the branch is taken wherever it does something: `if T % 16 > 0` before stores of T % 16 rows.
  bool is_needless(const ir::If& node) {
    if (node.condition.size() != 1 || !node.else_block.empty()) return false;
    const ir::Comparison& asked = node.condition[0];
    const IndexExpr apart = ir::sub(asked.left, asked.right), one = ir::constant(1);
    // The branch is taken where `count` is at least 1.
    IndexExpr count;
    switch (asked.compare) {
      case ir::Compare::gt:
      case ir::Compare::ne: count = apart; break;
      case ir::Compare::ge: count = ir::add(apart, one); break;
      case ir::Compare::lt: count = ir::sub(ir::constant(0), apart); break;
      case ir::Compare::le: count = ir::sub(one, apart); break;
      case ir::Compare::eq: return false;
    }
    return range_of(count, terms().ranges).least.value_or(-1) >= 0 && does_nothing_for_none(node.then_block, count);
  }

  // Whether all that a block stores or continues has `count` parts.
  bool does_nothing_for_none(const ir::Block& block, const IndexExpr& count) {
    const auto is_count = [&](const IndexExpr& e) { return same_value(e, count, terms().ranges); };
    const auto is_count_along = [&](const ir::ExprPtr& e, bool columns) { return is_count(columns ? e->columns : e->rows); };
    return std::all_of(block.begin(), block.end(), [&](const ir::Statement& statement) {
      if (const auto* at = std::get_if<ir::At>(&statement.node)) return does_nothing_for_none(at->body, count);
      if (const auto* loop = std::get_if<ir::Loop>(&statement.node))
        return is_count(loop->extent) || does_nothing_for_none(loop->body, count);
      if (const auto* store = std::get_if<ir::Store>(&statement.node))
        return std::any_of(store->slice.begin(), store->slice.end(),
                           [&](const ir::Axis& axis) { return axis.kind == ir::Axis::Kind::range && is_count(axis.size); });
      const auto* assign = std::get_if<ir::Assign>(&statement.node);
      if (!assign) return false;
      if (assign->declares) return true;
      const ir::Expr& value = *assign->value;
      if (value.args.empty() || value.args[0]->op != ir::Op::variable || value.args[0]->name != assign->name) return false;
      if (value.op == ir::Op::row_sum_acc || value.op == ir::Op::col_sum_acc)
        return is_count_along(value.args[1], value.op == ir::Op::row_sum_acc);
      return value.op == ir::Op::matmul_acc && is_count_along(value.args[1], !value.transpose_a);
    });
  }

  bool is_divided(const ir::Loop& loop) const {
    return divided_ == Divided::all_loops || (divided_ == Divided::sequential_loops && loop.kind != ir::Loop::Kind::parallel);
  }

  // A part of one iteration is its body.
  void execute_part(ir::Loop& part, int origin) {
    const auto extent = ir::constant_value(part.extent);
    if (!extent || *extent < 1 || *extent > std::max<int64_t>(part.tile, 1)) return execute(part, origin);
    for (ir::Statement& statement : part.body)
      statement = ir::substitute(std::move(statement), [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
        if (leaf.name != part.variable) return std::nullopt;
        return leaf.kind == ir::Index::Kind::span_size    ? part.extent
               : leaf.kind == ir::Index::Kind::span_index ? ir::constant(0)
                                                          : part.begin;
      });
    execute(part.body);
  }

  void execute(const ir::Loop& loop, int origin) {
    // An earlier loop may have had the name.
    for (const char* leaf : {"", ".begin", ".size", ".index"}) terms().ranges.erase(loop.variable + leaf);
    if (std::vector<ir::Loop> parts = is_divided(loop) ? split_at_condition(loop, terms().ranges) : std::vector<ir::Loop>{};
        !parts.empty()) {
      for (ir::Loop& part : parts) {
        if (split_loops_.size() == kMostSplitLoops)
          refuse(origin, "conditions divide loops into more parts than the optimizer follows; write a loop for each case");
        split_loops_.push_back(std::move(part));
        execute_part(split_loops_.back(), origin);
      }
      return;
    }
    Ranges& ranges = terms().ranges;
    const Range begin = range_of(loop.begin, ranges), extent = range_of(loop.extent, ranges);
    if (loop.tile > 0) {
      const bool tiles_evenly = ir::constant_value(simplify(ir::mod(loop.extent, ir::constant(loop.tile)), ranges)) == 0;
      const int64_t largest = std::min(loop.tile, extent.most.value_or(loop.tile));
      const IndexExpr end = ir::add(loop.begin, loop.extent), name = ir::span_begin(loop.variable);
      ranges[loop.variable + ".begin"] = {0, std::nullopt, end};
      ranges[loop.variable + ".index"] = {0, std::nullopt};
      ranges[loop.variable + ".size"] = {tiles_evenly ? loop.tile : 1, std::max<int64_t>(largest, 1),
                                         ir::add(ir::sub(end, name), ir::constant(1))};
    } else {
      ranges[loop.variable] = {begin.least,
                               begin.most && extent.most ? std::optional(*begin.most + *extent.most - 1) : std::nullopt,
                               ir::add(loop.begin, loop.extent)};
    }
    stored_.loops.push_back(&loop);
    carried_.enter(loop);
    execute(loop.body);
    carried_.leave(loop);
    stored_.loops.pop_back();
  }

  TermId value_of(const ir::ExprPtr& e, int origin) {
    const TermId value = values_.evaluate(e);
    if (terms().nodes(value) >= Terms::kManyNodes)
      refuse(origin,
             fmt::format("a value takes {} operations or more once it is written out, too many for the optimizer; compute a "
                         "part of it in a scope with @no_fusion, which stores it",
                         Terms::kManyNodes));
    if (terms().depth(value) > Terms::kDeep)
      refuse(origin, fmt::format("a value has more than {} operations inside each other once it is written out, too many for the "
                                 "optimizer; compute a part of it in a scope with @no_fusion, which stores it",
                                 Terms::kDeep));
    return value;
  }

  // ---- outputs --------------------------------------------------------------------------------------------------------------

  Output finish(const TensorState& state) {
    Output output{state.tensor.name, {}, true};
    for (const Written& written : state.pieces) {
      stored_.coordinates_of(state.tensor.shape);
      output.is_filled = output.is_filled && written.fills_box;
      OutputPiece piece;
      Substitution by;
      for (size_t d = 0; d < state.tensor.shape.size(); ++d) {
        piece.least.push_back(simplify(written.piece.least[d], terms().ranges));
        piece.count.push_back(simplify(ir::sub(written.piece.most[d], written.piece.least[d]), terms().ranges));
        piece.step.push_back(1);
        by[coordinate_name(d)] = ir::add(piece.least[d], ir::named(coordinate_name(d)));
        terms().ranges[coordinate_name(d)] = counter_range(piece.count[d], terms().ranges);
      }
      piece.store = written.store;
      piece.history = written.history;
      piece.term = with_selections(terms(), terms().substitute(written.piece.term, by));
      if (!compares_) refuse_reads_that_need_columns(output.tensor, piece);
      split_choices(piece, output.pieces);
    }
    std::stable_sort(output.pieces.begin(), output.pieces.end(),
                     [](const OutputPiece& a, const OutputPiece& b) { return place_of(a) < place_of(b); });
    return output;
  }

  // Columns are computed together, also where there are none: what is read beside them must exist then, too.
  void refuse_reads_that_need_columns(const std::string& output, const OutputPiece& piece) {
    if (piece.count.empty() || range_of(piece.count.back(), terms().ranges).least.value_or(0) >= 1) return;
    std::set<TermId> walked;
    const std::function<void(TermId)> walk = [&](TermId id) {
      if (!walked.insert(id).second) return;
      const Term& term = terms().at(id);
      for (TermId arg : term.args) walk(arg);
      if (term.kind == Kind::reference)
        for (TermId part : terms().definition(term.definition).body) walk(part);
      if (term.kind != Kind::access) return;
      const std::vector<IndexExpr>& shape = stored_.state(term.tensor).tensor.shape;
      for (size_t d = 0; d < term.indices.size(); ++d)
        if (is_over_dimensions(term.indices[d]) && !always_exists(term.indices[d], shape[d]))
          refuse(-1,
                 fmt::format("{} is read where {} columns of {} are stored, and the optimizer would also read it where that is "
                             "none; put it into a scope of its own, and the rest is optimized",
                             terms().text(id), ir::to_text(piece.count.back()), output));
    };
    walk(piece.term);
  }

  bool is_over_dimensions(const IndexExpr& e) const {
    const std::set<std::string> names = ir::names_in(e);
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      return std::any_of(program_.dims.begin(), program_.dims.end(), [&](const ir::Dim& dim) { return dim.name == name; });
    });
  }

  bool always_exists(const IndexExpr& index, const IndexExpr& extent) {
    return range_of(index, terms().ranges).least.value_or(-1) >= 0 &&
           range_of(simplify(ir::sub(extent, index), terms().ranges), terms().ranges).least.value_or(0) >= 1;
  }

  static std::vector<int64_t> place_of(const OutputPiece& piece) {
    std::vector<int64_t> place;
    for (const IndexExpr& e : piece.least) place.push_back(ir::constant_value(e).value_or(0));
    return place;
  }

  // While the term chooses by residue or interval of one coordinate, the piece becomes one for each case.
  void split_choices(const OutputPiece& piece, std::vector<OutputPiece>& pieces) {
    set_ranges_of(piece);
    const TermId found = find_choice(piece.term);
    if (found == kNoTerm) {
      if (pieces.size() == kMostPieces)
        refuse(-1,
               fmt::format("an output falls into more than {} parts with expressions of their own, too many for the optimizer; "
                           "store larger parts, or several outputs",
                           kMostPieces));
      pieces.push_back(piece);
      return;
    }
    const Term* choice = &terms().at(found);
    Linear of = linear(choice->indices[0], terms().ranges);
    std::vector<IndexExpr> limits = choice->limits;
    // `n <= x // 3 < m` where `3 n <= x < 3 m`.
    if (of.parts.size() == 1 && choice->modulus == 0) {
      const Linear::Part part = of.parts.begin()->second;
      const auto divisor = part.atom->kind == ir::Index::Kind::floor_div ? ir::constant_value(part.atom->b) : std::nullopt;
      if (part.coefficient == 1 && divisor && *divisor > 0) {
        for (IndexExpr& limit : limits) limit = ir::mul(ir::constant(*divisor), ir::sub(limit, ir::constant(of.constant)));
        of = linear(part.atom->a, terms().ranges);
      }
    }
    // A coordinate itself: what is chosen by `.i1 % 32` is no range of it.
    const auto is_coordinate = [](const Linear::Part& part) {
      return part.coefficient == 1 && part.atom->kind == ir::Index::Kind::name && part.atom->name.starts_with(".i");
    };
    if (of.parts.size() != 1 || !is_coordinate(of.parts.begin()->second))
      refuse(
          -1,
          "which part of a concat, interleave or tensor an element comes from depends on more than its place along one axis of "
          "the output, and the optimizer divides an output along one axis at a time; store each part by itself");
    const std::string name = of.parts.begin()->first;
    const size_t axis = static_cast<size_t>(std::stoi(name.substr(2)));
    const int64_t cases = static_cast<int64_t>(choice->args.size()), modulus = choice->modulus;
    for (int64_t i = 0; i < cases; ++i) {
      set_ranges_of(piece);  // the case before may have been divided along other axes
      OutputPiece part = piece;
      IndexExpr first, step = ir::constant(1);
      if (modulus > 0) {
        const int64_t offset = ((i - of.constant) % modulus + modulus) % modulus;
        first = ir::constant(offset);
        step = ir::constant(modulus);
        part.count[axis] =
            simplify(ir::floor_div(ir::add(piece.count[axis], ir::constant(modulus - 1 - offset)), step), terms().ranges);
        part.step[axis] = piece.step[axis] * modulus;
      } else {
        const IndexExpr low = ir::max(ir::constant(0), ir::sub(limits[static_cast<size_t>(i)], ir::constant(of.constant)));
        const IndexExpr high = ir::min(piece.count[axis], ir::sub(limits[static_cast<size_t>(i) + 1], ir::constant(of.constant)));
        first = simplify(low, terms().ranges);
        part.count[axis] = simplify(ir::sub(high, low), terms().ranges);
        if (const auto n = ir::constant_value(part.count[axis]); n && *n <= 0) continue;
      }
      part.least[axis] = simplify(ir::add(piece.least[axis], ir::mul(ir::constant(piece.step[axis]), first)), terms().ranges);
      terms().ranges[name] = counter_range(part.count[axis], terms().ranges);
      const IndexExpr place = ir::add(first, ir::mul(step, ir::named(name)));
      for (size_t d = 0; d < part.count.size(); ++d)
        if (d != axis)
          for (IndexExpr* end : {&part.least[d], &part.count[d]})
            *end = simplify(
                ir::substitute(*end,
                               [&](const ir::Index& leaf) { return leaf.name == name ? std::optional(place) : std::nullopt; }),
                terms().ranges);
      part.term = terms().substitute(terms().decided(piece.term, found, static_cast<size_t>(i)), {{name, place}});
      split_choices(part, pieces);
    }
  }

  void set_ranges_of(const OutputPiece& piece) {
    for (size_t d = 0; d < piece.count.size(); ++d)
      terms().ranges[coordinate_name(d)] = counter_range(piece.count[d], terms().ranges);
  }

  TermId find_choice(TermId id) {
    std::set<TermId> seen;
    const std::function<TermId(TermId)> walk = [&](TermId at) -> TermId {
      if (!seen.insert(at).second) return kNoTerm;
      const Term& term = terms().at(at);
      if (term.kind == Kind::choice) return at;
      for (TermId arg : term.args)
        if (const TermId found = walk(arg); found != kNoTerm) return found;
      return kNoTerm;
    };
    return walk(id);
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
  const Divided divided_;
  const bool compares_;
  int origin_ = -1;
  std::vector<std::string> scope_names_;  // of the scopes that are open, each with those around it
  std::vector<size_t> path_;              // of the statement that was read last
  Dissolved result_;
  StoredValues stored_;
  Values values_;
  Carried carried_;
  std::deque<ir::Loop> split_loops_;  // parts of loops of the program, at places that stay
  std::set<std::string> tiles_;       // the names of all tile variables so far
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
        places += fmt::format("{}{} + {} * i{} < {}", d ? ", " : "", ir::to_text(piece.least[d]), piece.step[d], d,
                              ir::to_text(piece.count[d]));
      result += fmt::format("{}[{}] = {}\n", output.tensor, places, terms.text(piece.term));
    }
  return readable(result);
}

namespace {

std::variant<Dissolved, NotDissolved> dissolved(Dissolver& dissolver, const ir::Program& program) {
  Defects defects;
  try {
    std::optional<Dissolved> result;
    if (without_defect("dissolving", defects, [&] { result = dissolver.run(); })) return std::move(*result);
    return NotDissolved{program.where(dissolver.origin()), defects[0].happened, true, dissolver.path()};
  } catch (const Refused& refused) {
    return NotDissolved{program.where(refused.origin), refused.reason, false, dissolver.path()};
  } catch (const GivenUp& given_up) {
    return NotDissolved{program.where(dissolver.origin()), given_up.reason, false, dissolver.path()};
  }
}

// What is refused at no place would leave all as written; the place of a condition leaves the rest to be followed.
bool is_at_no_place(const std::variant<Dissolved, NotDissolved>& result) {
  const auto* refused = std::get_if<NotDissolved>(&result);
  return refused && refused->path.empty() && refused->where.line == 0;
}

}  // namespace

std::variant<Dissolved, NotDissolved> dissolve(const ir::Program& program, Divided divided) {
  Dissolver dissolver(program, divided, false, {});
  auto result = dissolved(dissolver, program);
  return dissolver.has_split() && is_at_no_place(result) ? dissolve(program, Divided::none) : std::move(result);
}

std::variant<Dissolved, NotDissolved> dissolve_to_compare(const ir::Program& program, Terms terms, Divided divided) {
  Dissolver dissolver(program, divided, true, terms);
  auto result = dissolved(dissolver, program);
  return dissolver.has_split() && is_at_no_place(result) ? dissolve_to_compare(program, std::move(terms), Divided::none)
                                                         : std::move(result);
}

}  // namespace imbrex::optimize
