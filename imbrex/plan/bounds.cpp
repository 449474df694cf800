#include "imbrex/plan/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "imbrex/base/error.h"
#include "imbrex/ir/loops.h"
#include "imbrex/ir/never_empty.h"
#include "imbrex/ir/spelling.h"

namespace imbrex::plan {
namespace {

constexpr int64_t kAlignment = 64;

// Of an expression over dimensions that is never below zero: itself.
ir::IndexExpr at_least_zero(const ir::Program& program, const ir::IndexExpr& e) {
  if (ir::is_never_empty(program, e) || ir::Ranges(program, {}).of(e).least >= 0) return e;
  if (const auto value = ir::constant_value(e)) return ir::constant(std::max<int64_t>(*value, 0));
  return ir::max(ir::constant(0), e);
}

}  // namespace

Bounds::Bounds(const ir::Program& program) : program_(program) {
  ir::for_each_place(program, [this](const ir::Statement& s, const ir::Place& place) { places_.emplace(&s, place); });
}

ir::Ranges Bounds::ranges_at(const ir::Statement& statement, const std::vector<const ir::Loop*>& inside) const {
  const auto found = places_.find(&statement);
  require(found != places_.end(), "a statement of the program");
  ir::Place place = found->second;
  const auto add = [&](const ir::Loop& loop) { place.binders.push_back({loop.variable, &loop, nullptr, statement.origin}); };
  for (const auto& [name, loop] : own_loops_) add(*loop);
  for (const ir::Loop* loop : inside)
    if (!own_loops_.contains(loop->variable)) add(*loop);
  return ir::Ranges(program_, place);
}

ir::Range Bounds::range_of(const ir::IndexExpr& extent, const ir::Statement& statement) const {
  if (ir::is_never_empty(program_, extent)) return {1, std::numeric_limits<int64_t>::max()};
  return ranges_at(statement).of(extent);
}

ir::IndexExpr Bounds::elements_along(const ir::IndexExpr& extent, const ir::Statement& statement) const {
  return range_of(extent, statement).least < 0 ? at_least_zero(program_, extent) : extent;
}

std::optional<ir::IndexExpr> Bounds::upper(const ir::IndexExpr& e, const ir::Statement& statement) const {
  return ranges_at(statement).upper(e);
}

bool Bounds::always(const ir::Comparison& comparison, const ir::Statement& statement,
                    const std::vector<const ir::Loop*>& inside) const {
  return ranges_at(statement, inside).always(comparison.left, comparison.compare, comparison.right);
}

namespace {

// An upper bound for each index in it that data gives.
std::string bound_of_data(const ir::Program& program, const ir::IndexExpr& elements) {
  const std::set<std::string> names = ir::names_in(elements);
  const ir::IndexExpr most = program.dims.empty() ? ir::constant(1024) : ir::named(program.dims.front().name);
  ir::Condition bounds;
  ir::for_each_place(program, [&](const ir::Statement& statement, const ir::Place&) {
    const auto* read = std::get_if<ir::ReadIndex>(&statement.node);
    if (read && names.count(read->name)) bounds.push_back({ir::named(read->name), ir::Compare::le, most});
  });
  if (bounds.empty()) return "make the tile smaller";
  const ir::Spelling say(program);
  const std::string to_bind = say.unnamed_reads(names);
  return fmt::format("{}bound what is read from data, as `{}` does",
                     to_bind.empty() ? "" : "give what is read a name, " + to_bind + ", and ", say.assume(bounds));
}

}  // namespace

ir::IndexExpr Bounds::most_bytes(const ir::IndexExpr& elements, int64_t element_bytes, const ir::Statement& statement) const {
  const auto bound = upper(elements, statement);
  if (!bound)
    throw UserError(Diagnostic{"unbounded-tile",
                               program_.where(statement.origin),
                               fmt::format("a tile of {} elements, which no dimension bounds", ir::to_text(elements)),
                               bound_of_data(program_, elements),
                               {}});
  const ir::IndexExpr bytes = ir::mul(at_least_zero(program_, *bound), ir::constant(element_bytes));
  const auto line = ir::constant(kAlignment);
  return ir::is_multiple(bytes, kAlignment, {}) ? bytes : ir::mul(ir::ceil_div(bytes, line), line);
}

}  // namespace imbrex::plan
