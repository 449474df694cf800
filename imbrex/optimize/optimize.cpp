#include "imbrex/optimize/optimize.h"

#include <algorithm>
#include <set>

#include "imbrex/ir/visit.h"
#include "imbrex/optimize/pins.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/optimize/rows_in_tiles.h"
#include "imbrex/optimize/segments.h"
#include "imbrex/optimize/stream_stores.h"
#include "imbrex/prove/prove.h"

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

// With the annotations that go last. A pass that fails is left out.
ir::Program annotated(ir::Program program, const Machine& machine, Defects& defects) {
  const auto takes_tiles = [&](DType left, DType) {
    return target::fastest_kernel(machine, target::product_of(left)).takes_tiles;
  };
  without_defect("streaming stores", defects, [&] { program = verified(stream_stores(program)); });
  without_defect("rows in tiles", defects, [&] { program = verified(rows_in_tiles(program, takes_tiles)); });
  return program;
}

}  // namespace

std::optional<std::string> proven_now(const ir::Program& program) {
  const prove::Report report = prove::prove(program);
  for (const Diagnostic& diagnostic : report.diagnostics)
    if (!diagnostic.is_warning) return diagnostic.message;
  return std::nullopt;
}

Optimized optimize(const ir::Program& program, const Machine& machine, const Prover& prover) {
  Optimized result;
  const Pins pins = read_pins(program, result.exclusions);
  const ir::Program lowered = as_written(pins.program, nullptr, &result.defects);
  result.program = lowered;
  remove_marks(result.program);
  result.scopes_before = result.scopes_after = count_scopes(program);
  if (find(program.annotations, "as_written")) {
    result.reason = "its author pinned it with @as_written";
    return result;
  }
  Segmented segmented;
  const bool has_ended = without_defect("cutting into segments", result.defects, [&] {
    const Budget budget(kStepsOfProgram);
    const Judge judge{[&](const ir::Program& made) { return annotated(made, machine, result.defects); }, prover};
    segmented = optimize_segments(lowered, pins.tiles, machine, judge, result.exclusions, result.defects);
    result.steps = budget.spent();
  });
  if (!segmented.is_scheduled) {
    if (!has_ended) {
      result.reason = text_of(result.defects.back());
    } else if (!segmented.reason.empty()) {
      result.where = segmented.where;
      result.reason = segmented.reason;
    } else if (!result.exclusions.empty()) {
      result.where = result.exclusions[0].where;
      result.reason = result.exclusions[0].reason;
    } else {
      result.reason = "it stores nothing";
    }
    // What stays as written lies in memory as what is scheduled does.
    if (has_ended)
      without_defect("laying out what stays as written", result.defects, [&] {
        const ir::Program laid_out = annotated(result.program, machine, result.defects);
        if (!ir::equal(laid_out, result.program) && !prover(laid_out)) result.program = laid_out;
      });
    return result;
  }
  result.is_scheduled = true;
  result.choices = std::move(segmented.choices);
  result.program = std::move(segmented.program);
  std::stable_sort(result.exclusions.begin(), result.exclusions.end(),
                   [](const Exclusion& a, const Exclusion& b) { return a.where.line < b.where.line; });
  result.scopes_after = count_scopes(result.program);
  std::set<std::string> kept;
  for (const ir::Tensor& tensor : temporaries(result.program)) kept.insert(tensor.name);
  for (const ir::Tensor& tensor : temporaries(program))
    if (!kept.contains(tensor.name)) result.dropped.push_back(tensor);
  return result;
}

}  // namespace imbrex::optimize
