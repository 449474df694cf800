#include "imbrex/optimize/scope_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "imbrex/optimize/budget.h"
#include "imbrex/plan/plan.h"

namespace imbrex::optimize {
namespace {

using ir::IndexExpr;
using ir::Op;
using Kind = Term::Kind;

std::optional<Op> row_operation(Reduction reduction) {
  switch (reduction) {
    case Reduction::row_sum: return Op::row_sum;
    case Reduction::max: return Op::row_max;
    case Reduction::min: return Op::row_min;
    default: return std::nullopt;
  }
}

}  // namespace

ScopeWriter::ScopeWriter(Terms& terms, Rows rows, std::vector<Known> known, EnclosingProgram around)
    : terms_(terms),
      operations_(terms),
      writer_(terms, rows, std::move(known), around),
      rows_(std::move(rows)),
      unique_(std::move(around.unique)),
      in_vectors_(around.in_vectors) {}

void ScopeWriter::set_columns(const IndexExpr& columns) {
  const auto n = ir::constant_value(columns);
  terms_.ranges[kColumnName] = {0, n ? std::optional(*n - 1) : std::nullopt};
  terms_.ranges[kRowName] = {0, std::nullopt};
}

void ScopeWriter::hold(const std::string& name, TermId term, const IndexExpr& columns, ir::ExprPtr value) {
  set_columns(columns);
  if (terms_.at(term).kind == Kind::reference) unite(writer_.within, terms_.history_of_definition(terms_.at(term).definition));
  block_.push_back(writer_.let(unique_(name), term, columns, std::move(value)));
}

void ScopeWriter::add(const std::string& tensor, const OutputPiece& piece, const std::vector<std::string>& coordinates,
                      const std::optional<ir::Axis>& tile) {
  Root root{tensor, kNoTerm, ir::constant(1), {}, -1, 1, piece.store};
  unite(writer_.within, piece.history);
  Substitution by;
  for (size_t d = 0; d < coordinates.size(); ++d) {
    const std::string name = coordinate_name(d);
    if (coordinates[d] == kRowName) {
      if (!is_whole(piece, d, rows_.extent))
        throw NotWritable{fmt::format(
            "one expression holds for some rows of {} alone, and the optimizer writes one for all; make them an output of "
            "their own",
            tensor)};
      root.slice.push_back({ir::Axis::Kind::range, ir::span_begin(rows_.span), ir::span_size(rows_.span), {}});
    } else if (coordinates[d] == kColumnName) {
      root.column_axis = static_cast<int>(d);
      if (tile && (ir::constant_value(piece.least[d]) != 0 || piece.step[d] != 1))
        throw NotWritable{fmt::format(
            "one expression of a matmul holds for some columns of {} alone, and the optimizer writes one for all; make them "
            "an output of their own",
            tensor)};
      root.step = piece.step[d];
      root.columns = tile ? tile->size : piece.count[d];
      root.slice.push_back({ir::Axis::Kind::range, tile ? tile->begin : piece.least[d], root.columns, {}});
    } else {
      const IndexExpr at = coordinates[d].empty() ? ir::constant(0) : ir::named(coordinates[d]);
      root.slice.push_back({ir::Axis::Kind::point, ir::add(piece.least[d], at), ir::constant(1), {}});
    }
    by[name] = coordinates[d].empty() ? ir::constant(0) : ir::named(coordinates[d]);
    if (tile && coordinates[d] == kColumnName) by[name] = ir::add(tile->begin, ir::named(kColumnName));
  }
  set_columns(root.columns);
  root.term = terms_.substitute(piece.term, by);
  roots_.push_back(std::move(root));
}

bool ScopeWriter::is_whole(const OutputPiece& piece, size_t axis, const IndexExpr& extent) const {
  return ir::constant_value(piece.least[axis]) == 0 && piece.step[axis] == 1 &&
         ir::constant_value(simplify(ir::sub(piece.count[axis], extent), terms_.ranges)) == 0;
}

ir::Block ScopeWriter::finish() {
  for (size_t i = 0; i < roots_.size(); ++i)
    if (roots_[i].term != kNoTerm) prepare(roots_[i].term, roots_[i].columns, roots_[i].tensor);
  share_between_stores();
  for (size_t i = 0; i < roots_.size(); ++i)
    if (roots_[i].term != kNoTerm) store(i);
  return std::move(block_);
}

// Reductions that a term needs become tiles before it, and what does not vary along columns is computed once for each row.
void ScopeWriter::prepare(TermId term, const IndexExpr& columns, const std::string& base) {
  std::vector<TermId> references;
  set_columns(columns);
  writer_.for_each_unknown(term, [&](TermId id) {
    if (terms_.at(id).kind == Kind::reference) references.push_back(id);
    return true;
  });
  for (TermId id : references)
    if (!writer_.is_known(id)) reduce(id, base);
  set_columns(columns);
  if (!writer_.depends_on(term, kColumnName)) return;
  std::vector<TermId> of_rows;
  writer_.for_each_unknown(term, [&](TermId id) {
    if (writer_.depends_on(id, kColumnName)) return true;
    if (operations_.of(id) > 0 && writer_.depends_on(id, kRowName)) of_rows.push_back(id);
    return false;
  });
  for (TermId id : of_rows)
    if (!writer_.is_known(id)) let(row_name(id, base), id, ir::constant(1));
}

void ScopeWriter::reduce(TermId reference, const std::string& base) {
  const Term use = terms_.at(reference);
  const Definition definition = terms_.definition(use.definition);
  const auto operation = row_operation(definition.reduction);
  if (!operation)
    throw NotWritable{
        definition.reduction == Reduction::col_sum
            ? fmt::format(
                  "{} needs a col_sum, and the optimizer sums along rows; store the col_sum in a tensor, in a scope of its own",
                  base)
            : fmt::format("{} needs the result of a matmul that no earlier phase stores; store it in a tensor", base)};
  if (writer_.depends_on(reference, kColumnName))
    throw NotWritable{
        fmt::format("{} needs another {} for each of its columns, and the optimizer reduces along rows; store the results "
                    "in a tensor, in a scope of its own",
                    base, definition.reduction == Reduction::row_sum ? "sum" : name_of(definition.reduction))};
  set_columns(definition.extent);
  Substitution by{{kReducedName, ir::named(kColumnName)}};
  for (size_t a = 0; a < use.indices.size(); ++a) by[axis_name(a)] = use.indices[a];
  const TermId body = terms_.substitute(definition.body[0], by);
  prepare(body, definition.extent, base);
  share_with_stores(body, definition.extent, base);
  set_columns(definition.extent);
  const char* suffix = definition.reduction == Reduction::row_sum ? "_sum"
                       : definition.reduction == Reduction::max   ? "_max"
                                                                  : "_min";
  // A value that is the same in all columns is summed as often as there are columns.
  ir::ExprPtr row = writer_.write(body, definition.extent);
  if (!ir::same(row->columns, definition.extent)) row = spread(row, row->rows, definition.extent);
  const ir::ExprPtr value = ir::make_unary(*operation, row);
  block_.push_back(writer_.let(unique_(base + suffix), reference, ir::constant(1), value));
}

// The largest part of a reduction's body that a store needs too is computed once, as a tile that both take.
void ScopeWriter::share_with_stores(TermId body, const IndexExpr& columns, const std::string& base) {
  std::vector<TermId> shared;
  writer_.for_each_unknown(body, [&](TermId id) {
    if (!writer_.depends_on(id, kColumnName)) return false;
    if (!is_worth_holding(id, columns)) return true;
    for (const Root& root : roots_) {
      if (root.term == kNoTerm) continue;
      bool found = false;
      writer_.for_each_unknown(root.term, [&](TermId part) {
        const auto at = match(terms_, id, part, {kRowName, kColumnName});
        found = found || (at && at->contains(kRowName) && ir::to_text(at->at(kRowName)) == kRowName);
        return !found;
      });
      if (!found) continue;
      shared.push_back(id);
      return false;
    }
    return true;
  });
  for (TermId id : shared) {
    // What is stored as it is is a tile, too, from which the rest is computed.
    std::vector<TermId> stored;
    set_columns(columns);
    writer_.for_each_unknown(id, [&](TermId part) {
      const bool is_stored = std::any_of(roots_.begin(), roots_.end(), [&](const Root& root) { return root.term == part; });
      if (!is_stored || !is_worth_holding(part, columns)) return true;
      stored.push_back(part);
      return false;
    });
    for (const TermId part : stored) hold_and_store(part, columns);
    if (!writer_.is_known(id)) set_columns(columns), let(shared_name(id, base), id, columns);
  }
}

// In one pass over the rows.
void ScopeWriter::hold_and_store(TermId term, const IndexExpr& columns) {
  for (size_t i = 0; i < roots_.size(); ++i) {
    if (roots_[i].term != term) continue;
    set_columns(columns);
    if (!writer_.is_known(term)) let(shared_name(term, roots_[i].tensor), term, columns);
    if (roots_[i].step == 1 && ir::same(roots_[i].columns, columns)) store(i);
  }
}

// Equal parts of stores over equal columns are computed once.
void ScopeWriter::share_between_stores() {
  for (size_t i = 0; i < roots_.size(); ++i) {
    if (roots_[i].term == kNoTerm) continue;
    std::vector<TermId> shared;
    set_columns(roots_[i].columns);
    writer_.for_each_unknown(roots_[i].term, [&](TermId id) {
      int uses = 0;
      for (const Root& other : roots_)
        if (ir::same(other.columns, roots_[i].columns)) uses += occurrences(id, other.term);
      if ((operations_.of(id) == 0 && !is_conversion(id)) || id == roots_[i].term || uses < 2) return true;
      shared.push_back(id);
      return false;
    });
    for (TermId id : shared)
      if (!writer_.is_known(id)) let(shared_name(id, roots_[i].tensor), id, roots_[i].columns);
  }
}

void ScopeWriter::store(size_t i) {
  Root& root = roots_[i];
  set_columns(root.columns);
  ir::ExprPtr value = writer_.write(root.term, root.columns);
  Making other = root.store;
  std::vector<ir::Axis> slice = root.slice;
  if (root.step == 2) {
    // Every second column, and its partner the columns between: interleaved they are one store.
    ir::Axis& columns = slice[static_cast<size_t>(root.column_axis)];
    const auto partner = std::find_if(roots_.begin() + static_cast<std::ptrdiff_t>(i) + 1, roots_.end(), [&](const Root& other) {
      if (other.term == kNoTerm || other.tensor != root.tensor || other.step != 2 || !ir::same(other.columns, root.columns))
        return false;
      const IndexExpr apart = ir::sub(other.slice[static_cast<size_t>(root.column_axis)].begin, columns.begin);
      return ir::constant_value(simplify(apart, terms_.ranges)) == 1;
    });
    if (partner == roots_.end())
      throw NotWritable{
          fmt::format("every second column of {} is stored by itself, and the optimizer stores both; store them together, with "
                      "interleave(even, odd)",
                      root.tensor)};
    value = ir::make_binary(Op::interleave, value, writer_.write(partner->term, root.columns));
    partner->term = kNoTerm;
    other = partner->store;
    columns.size = simplify(ir::mul(ir::constant(2), root.columns), terms_.ranges);
  } else if (root.step != 1) {
    throw NotWritable{
        fmt::format("every {0}th column of {1} is stored by itself, and the optimizer stores columns side by side; give {1} "
                    "an axis of {0}, as [rows, columns, {0}]",
                    root.step, root.tensor)};
  }
  // A value that does not vary along the rows or columns it fills is spread over them.
  const ir::TileShape shape = ir::shape_of_slice(slice);
  if (!ir::same(value->rows, shape.rows) || !ir::same(value->columns, shape.columns)) {
    value = spread(value, shape.rows, shape.columns);
  }
  // Where nothing is computed, all that it is made of is moved.
  Makings made = writer_.taken();
  if (root.store.origin >= 0)
    note(made, root.store), note(made, other);
  else if (made.empty())
    made = writer_.within;
  unite(writer_.all, made);
  const int origin = made.empty() || root.store.origin >= 0 ? root.store.origin : made[0].origin;
  block_.push_back({ir::Store{root.tensor, std::move(slice), std::move(value)}, {}, origin, terms_.sources(made)});
  root.term = kNoTerm;
}

void ScopeWriter::let(const std::string& name, TermId term, const IndexExpr& columns) {
  ir::ExprPtr value = writer_.write(term, columns);
  block_.push_back(writer_.let(unique_(name), term, columns, std::move(value)));
}

// Whether a pass over the rows stores the value for a later one: where it takes two operations or more, and of a conversion alone
// where vectors are converted (a single number takes one instruction), and the rows of a stage, as f32, fit in half of the smallest
// L1 cache that is met, 32 KiB. Wider rows are converted again: narrow as they are, more of them stay in the cache.
bool ScopeWriter::is_worth_holding(TermId id, const IndexExpr& columns) const {
  constexpr int64_t kMostColumns = 32 * 1024 / 2 / (plan::kRowsOfStage * static_cast<int64_t>(sizeof(float)));
  const auto n = ir::constant_value(columns);
  return operations_.of(id) >= kOperationsWorthHolding || (in_vectors_ && is_conversion(id) && n && *n <= kMostColumns);
}

bool ScopeWriter::is_conversion(TermId id) const {
  const Term& term = terms_.at(id);
  return term.kind == Kind::operation && term.op == Op::cast && terms_.at(term.args[0]).kind == Kind::access;
}

// What is shared is counted at each use.
int ScopeWriter::occurrences(TermId wanted, TermId in) const {
  if (in == kNoTerm) return 0;
  std::map<TermId, int> counts{{wanted, 1}};
  const std::function<int(TermId)> count = [&](TermId at) -> int {
    if (const auto found = counts.find(at); found != counts.end()) return found->second;
    Budget::spend();
    int64_t sum = 0;
    for (TermId arg : terms_.at(at).args) sum += count(arg);
    return counts[at] = static_cast<int>(std::min<int64_t>(sum, Terms::kManyNodes));
  };
  return count(in);
}

std::string ScopeWriter::row_name(TermId id, const std::string& base) const {
  const Term& term = terms_.at(id);
  const bool is_inverse =
      term.op == Op::rsqrt || term.op == Op::recip || (term.op == Op::div && terms_.at(term.args[1]).op == Op::sqrt);
  return base + (term.kind == Kind::operation && is_inverse ? "_inv" : "_factor");
}

// Even or odd columns say so, and what is only converted names its tensor; anything else is a value.
std::string ScopeWriter::shared_name(TermId id, const std::string& base) const {
  const std::string columns = every_second_column(id);
  if (!is_conversion(id)) return base + (columns.empty() ? "_value" : columns);
  const std::string type(name_of(terms_.at(id).dtype));
  return terms_.at(terms_.at(id).args[0]).tensor + (columns.empty() ? "_" + type : columns);
}

// "_even" or "_odd" of a value that takes every second column of something; "" of others.
std::string ScopeWriter::every_second_column(TermId id) const {
  const Term& term = terms_.at(id);
  for (const IndexExpr& index : term.indices) {
    const Linear sum = linear(index, terms_.ranges);
    const auto column = sum.parts.find(kColumnName);
    if (column != sum.parts.end() && column->second.coefficient == 2) return sum.constant % 2 ? "_odd" : "_even";
  }
  for (TermId arg : term.args)
    if (std::string columns = every_second_column(arg); !columns.empty()) return columns;
  return "";
}

}  // namespace imbrex::optimize
