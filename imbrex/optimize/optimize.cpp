#include "imbrex/optimize/optimize.h"

#include <set>

#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/optimize/stream_stores.h"

namespace imbrex::optimize {
namespace {

// A pin anywhere keeps the author's loops.
bool is_pinned(const ir::Program& program) {
  bool pinned = find(program.annotations, "as_written") != nullptr;
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    for (const char* pin : {"as_written", "no_fusion", "tile"}) pinned = pinned || find(s.annotations, pin);
    return !pinned;
  });
  return pinned;
}

int count_scopes(const ir::Program& program) {
  int scopes = 0;
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    scopes += std::holds_alternative<ir::At>(s.node);
    return true;
  });
  return scopes;
}

std::vector<ir::Tensor> temporaries(const ir::Program& program) {
  std::vector<ir::Tensor> found;
  ir::for_each_statement(program.body, [&](const ir::Statement& s) {
    if (const auto* create = std::get_if<ir::CreateTensor>(&s.node)) found.push_back(create->tensor);
    return true;
  });
  return found;
}

}  // namespace

Optimized optimize(const ir::Program& program, const Machine& machine) {
  Optimized result;
  result.program = as_written(program);
  result.scopes_before = result.scopes_after = count_scopes(program);
  if (is_pinned(program)) {
    result.reason = "its author pinned it";
    return result;
  }
  auto dissolved = dissolve(result.program);
  if (const auto* refused = std::get_if<NotDissolved>(&dissolved)) {
    result.where = refused->where;
    result.reason = refused->reason;
    return result;
  }
  auto scheduled = schedule(program, std::move(std::get<Dissolved>(dissolved)), machine);
  if (const auto* refused = std::get_if<NotDissolved>(&scheduled)) {
    result.reason = refused->reason;
    return result;
  }
  Scheduled& schedule = std::get<Scheduled>(scheduled);
  ir::verify_or_throw(schedule.program);
  result.is_scheduled = true;
  result.choices = std::move(schedule.choices);
  result.program = stream_stores(schedule.program);
  result.scopes_after = count_scopes(result.program);
  std::set<std::string> kept;
  for (const ir::Tensor& tensor : temporaries(result.program)) kept.insert(tensor.name);
  for (const ir::Tensor& tensor : temporaries(program))
    if (!kept.contains(tensor.name)) result.dropped.push_back(tensor);
  return result;
}

}  // namespace imbrex::optimize
