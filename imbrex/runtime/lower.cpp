#include "imbrex/runtime/lower.h"

#include <utility>

#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/optimize/pipeline.h"

namespace imbrex::runtime {
namespace {

int assumptions_in(const ir::Program& program) {
  int count = 0;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    count += std::holds_alternative<ir::Assume>(statement.node) || std::holds_alternative<ir::AssumeDistinct>(statement.node);
    return true;
  });
  return count;
}

}  // namespace

Lowered lower(const ir::Program& program, const LowerOptions& options) {
  ir::verify_or_throw(program);
  const Proof proof = options.prove ? require_proof(program, options.cache) : Proof{};
  const auto as_written = [&](std::string reason, SourceLine where = {}) {
    return Lowered{optimize::as_written(program), false, std::move(reason), std::move(where), proof};
  };
  if (!options.optimize) return as_written("optimizing was not asked for");
  if (options.taps) return as_written("its taps show the tiles that its author wrote");
  optimize::Optimized optimized = optimize::optimize(program);
  if (!optimized.is_scheduled) return as_written(std::move(optimized.reason), std::move(optimized.where));
  // An assumption is checked when the kernel runs, so it must be there.
  if (assumptions_in(optimized.program) != assumptions_in(program)) return as_written("it checks assumptions when it runs");
  return {std::move(optimized.program), true, {}, {}, proof};
}

}  // namespace imbrex::runtime
