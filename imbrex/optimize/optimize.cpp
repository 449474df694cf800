#include "imbrex/optimize/optimize.h"

#include <algorithm>
#include <set>

#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/packed_weights.h"
#include "imbrex/optimize/pins.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/optimize/segments.h"
#include "imbrex/optimize/stream_stores.h"

namespace imbrex::optimize {
namespace {

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

void remove_marks(ir::Program& program) {
  ir::for_each_statement(program.body, [](ir::Statement& statement) {
    unmark(statement);
    return true;
  });
}

}  // namespace

Optimized optimize(const ir::Program& program, const Machine& machine) {
  Optimized result;
  const Pins pins = read_pins(program, result.apart);
  const ir::Program lowered = as_written(pins.program);
  result.program = lowered;
  remove_marks(result.program);
  result.scopes_before = result.scopes_after = count_scopes(program);
  if (find(program.annotations, "as_written")) {
    result.reason = "its author pinned it";
    return result;
  }
  Segmented segmented = optimize_segments(lowered, pins.tiles, machine, result.apart);
  if (!segmented.is_scheduled) {
    if (!result.apart.empty()) {
      result.where = result.apart[0].where;
      result.reason = result.apart[0].reason;
    } else {
      result.reason = "it stores nothing";
    }
    return result;
  }
  ir::verify_or_throw(segmented.program);
  result.is_scheduled = true;
  result.choices = std::move(segmented.choices);
  result.program = pack_weights(stream_stores(segmented.program));
  std::stable_sort(result.apart.begin(), result.apart.end(),
                   [](const Apart& a, const Apart& b) { return a.where.line < b.where.line; });
  result.scopes_after = count_scopes(result.program);
  std::set<std::string> kept;
  for (const ir::Tensor& tensor : temporaries(result.program)) kept.insert(tensor.name);
  for (const ir::Tensor& tensor : temporaries(program))
    if (!kept.contains(tensor.name)) result.dropped.push_back(tensor);
  return result;
}

}  // namespace imbrex::optimize
