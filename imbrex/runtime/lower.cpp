#include "imbrex/runtime/lower.h"

#include <utility>

#include "imbrex/ir/verify.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/optimize/pipeline.h"

namespace imbrex::runtime {

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
  return {std::move(optimized.program), true, {}, {}, proof};
}

}  // namespace imbrex::runtime
