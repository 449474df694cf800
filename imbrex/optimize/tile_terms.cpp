#include "imbrex/optimize/tile_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "imbrex/base/checked.h"
#include "imbrex/optimize/budget.h"

namespace imbrex::optimize {
namespace {

// As an author reads it.
std::string shown(const ir::IndexExpr& e) {
  return ir::to_text(ir::substitute(e, [](const ir::Index& leaf) -> std::optional<ir::IndexExpr> {
    if (leaf.name == kRowName) return ir::named("row");
    if (leaf.name == kColumnName) return ir::named("column");
    return std::nullopt;
  }));
}

std::string refused_columns(const std::string& tensor, const ir::IndexExpr& at) {
  return fmt::format(
      "{} is read at column {}, and the optimizer reads columns side by side, or every second; give windows of columns an axis "
      "of "
      "their own, as [rows, windows, columns], where they are read or stored, or the elements as an input in the order of what "
      "is "
      "stored",
      tensor, shown(at));
}

using ir::IndexExpr;
using ir::Op;
using Kind = Term::Kind;

std::string text(const IndexExpr& e) { return ir::to_text(e); }

bool mentions(const IndexExpr& e, const std::string& name) { return ir::names_in(e).contains(name); }

// While they are solved, the pattern's own names differ from the target's.
std::string unsolved(const std::string& name) { return "?" + name; }

// pattern == target for one index: an unknown with a unit or dividing coefficient is solved, everything else must be equal.
bool match_index(const IndexExpr& pattern, const IndexExpr& target, const std::set<std::string>& unknown, Substitution& solved,
                 const Ranges& ranges) {
  const IndexExpr known = ir::substitute(pattern, [&](const ir::Index& leaf) -> std::optional<IndexExpr> {
    if (!unknown.contains(leaf.name)) return std::nullopt;
    const auto found = solved.find(leaf.name);
    return found == solved.end() ? ir::named(unsolved(leaf.name)) : found->second;
  });
  Linear rest = linear(known, ranges);
  for (const std::string& name : unknown) {
    const auto part = rest.parts.find(unsolved(name));
    if (part == rest.parts.end()) continue;
    const int64_t factor = part->second.coefficient;
    rest.parts.erase(part);
    for (const auto& [key, other] : rest.parts)
      for (const std::string& open : unknown)
        if (mentions(other.atom, unsolved(open))) return false;
    const Linear value = linear(ir::sub(target, to_index(rest)), ranges);
    const auto divided = [&](int64_t whole) {
      return checked_mod(whole, factor) == 0 ? checked_floor_div(whole, factor) : std::nullopt;
    };
    Linear quotient;
    const auto constant = divided(value.constant);
    if (!constant) return false;
    quotient.constant = *constant;
    for (const auto& [key, term] : value.parts) {
      const auto coefficient = divided(term.coefficient);
      if (!coefficient) return false;
      quotient.parts[key] = {*coefficient, term.atom};
    }
    solved[name] = to_index(quotient);
    return true;
  }
  return text(to_index(rest)) == text(simplify(target, ranges));
}

// Alike but for indices and arguments.
bool same_node(const Term& a, const Term& b) {
  return a.kind == b.kind && a.dtype == b.dtype && a.value == b.value && std::signbit(a.value) == std::signbit(b.value) &&
         a.tensor == b.tensor && a.definition == b.definition && a.op == b.op && a.mode == b.mode && a.modulus == b.modulus &&
         a.args.size() == b.args.size() && a.indices.size() == b.indices.size() && a.limits.size() == b.limits.size();
}

using Pairs = std::set<std::pair<TermId, TermId>>;

// A pair that has matched once matches wherever it is met again: what is unknown in it is solved by then.
bool match_terms(Terms& terms, TermId pattern_id, TermId target_id, const std::set<std::string>& unknown, Substitution& solved,
                 Pairs& matched) {
  const Term &pattern = terms.at(pattern_id), &target = terms.at(target_id);
  Budget::spend();
  if (matched.contains({pattern_id, target_id})) return true;
  if (terms.skeleton(pattern_id) != terms.skeleton(target_id) || !same_node(pattern, target)) return false;
  for (size_t i = 0; i < pattern.indices.size(); ++i)
    if (!match_index(pattern.indices[i], target.indices[i], unknown, solved, terms.ranges)) return false;
  for (size_t i = 0; i < pattern.limits.size(); ++i)
    if (!match_index(pattern.limits[i], target.limits[i], unknown, solved, terms.ranges)) return false;
  for (size_t i = 0; i < pattern.args.size(); ++i)
    if (!match_terms(terms, pattern.args[i], target.args[i], unknown, solved, matched)) return false;
  matched.insert({pattern_id, target_id});
  return true;
}

}  // namespace

ir::ExprPtr spread(const ir::ExprPtr& value, const IndexExpr& rows, const IndexExpr& columns) {
  if (value->op == Op::constant) return ir::make_constant(value->dtype, rows, columns, value->value);
  const auto fits = [](const IndexExpr& from, const IndexExpr& to) { return ir::is_one(from) || ir::same(from, to); };
  if (!is_number(value->dtype) || !fits(value->rows, rows) || !fits(value->columns, columns))
    throw NotWritable{
        fmt::format("a value of {} [{}, {}] would be repeated as [{}, {}], and the optimizer repeats f32 and int32 alone; "
                    "cast it behind what repeats it",
                    name_of(value->dtype), text(value->rows), text(value->columns), text(rows), text(columns))};
  const double least = value->dtype == DType::f32 ? -INFINITY : INT32_MIN;
  return ir::make_binary(Op::max, value, ir::make_constant(value->dtype, rows, columns, least));
}

std::optional<Substitution> match(Terms& terms, TermId pattern, TermId target, const std::set<std::string>& unknown) {
  Substitution solved;
  Pairs matched;
  if (!match_terms(terms, pattern, target, unknown, solved, matched)) return std::nullopt;
  return solved;
}

TileWriter::TileWriter(Terms& terms, Rows rows, std::vector<Known> known, EnclosingProgram around)
    : terms_(terms), rows_(std::move(rows)), known_(std::move(known)), around_(std::move(around)) {}

bool TileWriter::depends_on(TermId term, const std::string& name) const {
  std::map<std::string, bool> names;
  terms_.collect_names(term, names);
  return names.contains(name);
}

// Whether 0 <= index < extent for every value of the names in it.
bool TileWriter::is_inside(const IndexExpr& index, const IndexExpr& extent) const {
  const Range low = range_of(index, terms_.ranges), high = range_of(ir::sub(index, extent), terms_.ranges);
  return low.least && *low.least >= 0 && high.most && *high.most < 0;
}

std::optional<TileWriter::Found> TileWriter::find_known(TermId term) {
  for (const Known& known : known_) {
    std::set<std::string> unknown{kRowName, kColumnName};
    if (known.is_tensor) {
      unknown.clear();
      for (size_t d = 0; d < known.shape.size(); ++d) unknown.insert(coordinate_name(d));
    }
    auto at = match(terms_, known.pattern, term, unknown);
    if (!at) continue;
    if (known.is_tensor) {
      bool inside = true;
      for (size_t d = 0; d < known.shape.size(); ++d) {
        const IndexExpr index = at->try_emplace(coordinate_name(d), ir::constant(0)).first->second;
        const bool own_row = text(index) == kRowName && ir::same(known.shape[d], rows_.extent);
        const bool own_column = columns_extent_ && ir::same(known.shape[d], columns_extent_) &&
                                text(simplify(index, terms_.ranges)) ==
                                    text(simplify(ir::add(columns_begin_, ir::named(kColumnName)), terms_.ranges));
        inside = inside && (own_row || own_column || is_inside(index, known.shape[d]));
      }
      if (inside) return Found{&known, *at};
      continue;
    }
    // A tile holds this scope's rows only.
    const auto row = at->find(kRowName), column = at->find(kColumnName);
    const bool own_row = row == at->end() || text(row->second) == kRowName;
    if (own_row && (column == at->end() || text(column->second) == kColumnName || is_inside(column->second, known.columns)))
      return Found{&known, *at};
  }
  return std::nullopt;
}

void TileWriter::for_each_unknown(TermId term, const std::function<bool(TermId)>& visit) {
  std::set<TermId> seen;
  const std::function<void(TermId)> walk = [&](TermId at) {
    Budget::spend();
    if (!seen.insert(at).second || is_known(at) || !visit(at)) return;
    const std::vector<TermId> args = terms_.at(at).args;
    for (TermId arg : args) walk(arg);
  };
  walk(term);
}

// Columns that run over several axes of an input, [c // 128, c % 128], are columns of the input seen as one row.
ir::ExprPtr TileWriter::write_read(const std::string& tensor, DType dtype, const std::vector<IndexExpr>& at,
                                   const IndexExpr& columns) {
  const ir::Tensor* input = around_.input(tensor);
  size_t over_columns = 0;
  IndexExpr place = ir::constant(0);
  for (size_t d = 0; d < at.size(); ++d) {
    over_columns += mentions(at[d], kColumnName);
    if (input) place = ir::add(ir::mul(place, input->shape[d]), at[d]);
  }
  if (!input || over_columns < 2) return write_access(tensor, dtype, at, columns);
  return write_access(around_.flat(*input), dtype, {simplify(place, terms_.ranges)}, columns);
}

// One slice, and even or odd columns of it where the columns go in steps of two.
ir::ExprPtr TileWriter::write_access(const std::string& tensor, DType dtype, const std::vector<IndexExpr>& at,
                                     const IndexExpr& columns) {
  std::vector<ir::Axis> slice;
  std::optional<Op> half;
  int row_axis = -1, column_axis = -1;
  for (size_t d = 0; d < at.size(); ++d) {
    Linear sum = linear(at[d], terms_.ranges);
    if (const auto row = sum.parts.find(kRowName); row != sum.parts.end()) {
      if (sum.parts.size() != 1 || sum.constant != 0 || row->second.coefficient != 1 || row_axis >= 0)
        throw NotWritable{
            row_axis >= 0
                ? fmt::format("the row is the index along two axes of {}, and the optimizer reads by it along one; give the "
                              "elements as an input in the order of the rows",
                              tensor)
                : fmt::format(
                      "{} is read at row {}, and the optimizer reads the row that it writes; take an input whose rows are "
                      "these, such as a part of the caller's tensor",
                      tensor, shown(at[d]))};
      row_axis = static_cast<int>(d);
      slice.push_back({ir::Axis::Kind::range, ir::span_begin(rows_.span), ir::span_size(rows_.span), {}});
      continue;
    }
    const auto column = sum.parts.find(kColumnName);
    if (column == sum.parts.end()) {
      if (mentions(at[d], kRowName) || mentions(at[d], kColumnName))
        throw NotWritable{fmt::format(
            "{} is read at {}, and the optimizer reads rows and columns in their order; give the elements as an input in "
            "the order of what is stored",
            tensor, shown(at[d]))};
      slice.push_back({ir::Axis::Kind::point, at[d], ir::constant(1), {}});
      continue;
    }
    const int64_t step = column->second.coefficient;
    if (step < 1 || step > 2 || column_axis >= 0) throw NotWritable{refused_columns(tensor, at[d])};
    column_axis = static_cast<int>(d);
    sum.parts.erase(column);
    IndexExpr begin = to_index(sum), size = columns;
    if (step == 2) {
      const bool is_odd = (sum.constant % 2 + 2) % 2 == 1;
      half = is_odd ? Op::odd : Op::even;
      begin = simplify(ir::sub(begin, ir::constant(is_odd ? 1 : 0)), terms_.ranges);
      size = simplify(ir::mul(ir::constant(2), columns), terms_.ranges);
    }
    if (mentions(begin, kRowName) || mentions(begin, kColumnName)) throw NotWritable{refused_columns(tensor, at[d])};
    slice.push_back({ir::Axis::Kind::range, begin, size, {}});
  }
  // A column of rows, [t, 1]: one more axis stays, as a range of one.
  bool stand = row_axis >= 0 && column_axis < 0;
  if (stand && row_axis + 1 < static_cast<int>(at.size())) {
    slice.back().kind = ir::Axis::Kind::range;
    stand = false;
  }
  ir::ExprPtr e = ir::make_load(tensor, dtype, std::move(slice));
  if (half) e = ir::make_unary(*half, e);
  if (stand || (row_axis >= 0 && column_axis >= 0 && column_axis < row_axis)) e = ir::make_unary(Op::transpose, e);
  return e;
}

ir::ExprPtr TileWriter::write_known(const Found& found, const IndexExpr& columns) {
  const Known& known = *found.known;
  if (known.is_tensor) {
    std::vector<IndexExpr> at;
    for (size_t d = 0; d < known.shape.size(); ++d) at.push_back(found.at.at(coordinate_name(d)));
    return write_access(known.name, known.dtype, at, columns);
  }
  const ir::ExprPtr tile = ir::make_variable(
      known.name, known.dtype, depends_on(known.pattern, kRowName) ? ir::span_size(rows_.span) : ir::constant(1), known.columns);
  const auto column = found.at.find(kColumnName);
  if (column == found.at.end() || (text(column->second) == kColumnName && ir::same(columns, known.columns))) return tile;
  Linear begin = linear(column->second, terms_.ranges);
  int64_t step = 0;
  if (const auto part = begin.parts.find(kColumnName); part != begin.parts.end()) {
    step = part->second.coefficient;
    begin.parts.erase(part);
  }
  if (!begin.parts.empty() || step > 2) throw NotWritable{refused_columns(known.name, column->second)};
  if (step < 2) return ir::make_columns(tile, ir::constant(begin.constant), step == 0 ? ir::constant(1) : columns);
  const int64_t is_odd = begin.constant % 2;
  const ir::ExprPtr pairs =
      ir::make_columns(tile, ir::constant(begin.constant - is_odd), simplify(ir::mul(ir::constant(2), columns), terms_.ranges));
  return ir::make_unary(is_odd ? Op::odd : Op::even, pairs);
}

Makings TileWriter::taken() {
  unite(all, taken_);
  return std::exchange(taken_, {});
}

int TileWriter::use(TermId term) {
  int origin = -1;
  for (const Making& making : terms_.makings(term)) {
    if (!std::binary_search(within.begin(), within.end(), making)) continue;
    if (origin < 0) origin = making.origin;
    note(taken_, making);
  }
  return origin;
}

ir::ExprPtr TileWriter::write(TermId id, const IndexExpr& columns) {
  if (const auto found = find_known(id)) return write_known(*found, columns);
  const Term term = terms_.in_authors_order(id);
  switch (term.kind) {
    case Kind::constant: return ir::make_scalar(term.dtype, term.value);
    case Kind::access: return write_read(term.tensor, term.dtype, term.indices, columns);
    case Kind::index: {
      Linear sum = linear(term.indices[0], terms_.ranges);
      const auto column = sum.parts.find(kColumnName);
      if (column != sum.parts.end() && column->second.coefficient == 1 && !mentions(term.indices[0], kRowName)) {
        sum.parts.erase(column);
        const IndexExpr begin = to_index(sum);
        if (mentions(begin, kColumnName))
          throw NotWritable{
              fmt::format("a value is computed from the index {}, and the optimizer computes with the numbers of columns alone; "
                          "give the numbers as an input",
                          shown(term.indices[0]))};
        return ir::make_iota(columns, begin);
      }
      if (mentions(term.indices[0], kRowName) || mentions(term.indices[0], kColumnName))
        throw NotWritable{
            fmt::format("a value is computed from the index {}, and the optimizer computes with the numbers of columns alone; "
                        "give the numbers as an input",
                        shown(term.indices[0]))};
      return ir::make_index(term.indices[0]);
    }
    case Kind::operation: {
      std::vector<ir::ExprPtr> args;
      for (TermId arg : term.args) args.push_back(write(arg, columns));
      const ir::Written written{{}, use(id)};
      if (term.op == Op::cast) return ir::make_cast(args[0], term.dtype, term.mode, written);
      if (term.op == Op::select) return ir::make_select(args[0], args[1], args[2], written);
      return args.size() == 1 ? ir::make_unary(term.op, args[0], written) : ir::make_binary(term.op, args[0], args[1], written);
    }
    case Kind::reference:
      throw NotWritable{
          "a value needs a sum that no tile of its scope holds; store the sum in a tensor, in a scope with @no_fusion"};
    case Kind::choice:
      throw NotWritable{
          "an operand of a reduction has parts with expressions of their own (of a concat, interleave or tensor), and the "
          "optimizer "
          "writes one for all; reduce each part by itself, or store the operand in a scope with @no_fusion"};
  }
  throw InternalError("unknown term kind");
}

ir::Statement TileWriter::let(const std::string& name, TermId term, const IndexExpr& columns, ir::ExprPtr value) {
  const bool wide = depends_on(term, kColumnName);
  known_.push_back({term, false, name, value->dtype, {}, wide ? columns : ir::constant(1)});
  const int origin = use(term);
  return {ir::Assign{name, std::move(value), true}, {}, origin, terms_.sources(taken())};
}

}  // namespace imbrex::optimize
