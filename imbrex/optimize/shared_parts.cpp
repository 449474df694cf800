#include "imbrex/optimize/shared_parts.h"

#include <algorithm>

#include "imbrex/optimize/budget.h"
#include "imbrex/optimize/stored_values.h"

namespace imbrex::optimize {
namespace {

using Kind = Term::Kind;

int own_operations(const Term& term) {
  constexpr int kSeveral = 2;
  if (term.kind != Kind::operation) return 0;
  if (term.op == ir::Op::cast) return term.mode == ir::CastMode::exact ? 0 : term.dtype == DType::e4m3 ? kSeveral : 1;
  return ir::operation(term.op).cost == ir::Cost::function ? kSeveral : 1;
}

class Collector {
 public:
  Collector(const Terms& terms, std::string column) : terms_(terms), counts_(terms), column_(std::move(column)) {}

  // Whether a term depends on the column.
  bool collect(TermId id) {
    if (const auto found = known_.find(id); found != known_.end()) return found->second;
    Budget::spend();
    const Term& term = terms_.at(id);
    bool depends = std::any_of(term.indices.begin(), term.indices.end(),
                               [&](const ir::IndexExpr& index) { return ir::names_in(index).contains(column_); });
    for (const TermId arg : term.args) depends = collect(arg) || depends;
    if (depends && counts_.of(id) >= kOperationsWorthHolding) parts.insert(id);
    return known_[id] = depends;
  }

  std::set<TermId> parts;

 private:
  const Terms& terms_;
  OperationCounts counts_;
  std::string column_;
  std::map<TermId, bool> known_;
};

}  // namespace

int OperationCounts::of(TermId id) const {
  if (const auto found = known_.find(id); found != known_.end()) return found->second;
  Budget::spend();
  const Term& term = terms_.at(id);
  int64_t count = own_operations(term);
  for (const TermId arg : term.args) count += of(arg);
  return known_[id] = static_cast<int>(std::min<int64_t>(count, Terms::kManyNodes));
}

std::set<TermId> parts_worth_holding(Terms& terms, const std::vector<ir::IndexExpr>& shape,
                                     const std::vector<OutputPiece>& pieces, const std::set<int>& definitions) {
  const size_t column = shape.size() - 1;
  const Ranges before = terms.ranges;
  for (size_t d = 0; d < shape.size(); ++d) terms.ranges[coordinate_name(d)] = counter_range(shape[d], terms.ranges);
  Collector collector(terms, coordinate_name(column));
  if (pieces.size() == 1) collector.collect(pieces[0].term);
  Substitution by{{kReducedName, ir::named(coordinate_name(column))}};
  for (size_t d = 0; d < column; ++d) by[axis_name(d)] = ir::named(coordinate_name(d));
  for (const int id : definitions) {
    const Definition& definition = terms.definition(id);
    if (definition.axes != static_cast<int>(column) || definition.body.size() != 1 || !ir::same(definition.extent, shape[column]))
      continue;
    collector.collect(terms.substitute(definition.body[0], by));
  }
  terms.ranges = before;
  return std::move(collector.parts);
}

}  // namespace imbrex::optimize
