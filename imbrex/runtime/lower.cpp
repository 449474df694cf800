#include "imbrex/runtime/lower.h"

#include <fmt/format.h>

#include <utility>

#include "imbrex/ir/verify.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/optimize/pipeline.h"

namespace imbrex::runtime {

Lowered lower(const ir::Program& program, const LowerOptions& options) {
  ir::verify_or_throw(program);
  const Proof proof = options.prove ? require_proof(program, options.cache) : Proof{};
  const auto as_written = [&](std::string reason, SourceLine where = {}) {
    return Lowered{optimize::as_written(program), false, std::move(reason), std::move(where), {}, proof};
  };
  if (!options.optimize) return as_written("optimizing was not asked for");
  if (options.taps) return as_written("its taps show the tiles that its author wrote");
  optimize::Optimized optimized = optimize::optimize(program);
  if (!optimized.is_scheduled) return as_written(std::move(optimized.reason), std::move(optimized.where));
  Lowered lowered{std::move(optimized.program), true, {}, {}, {}, proof};
  for (const optimize::Apart& apart : optimized.apart)
    if (apart.kind == optimize::Apart::Kind::kept)
      lowered.kept.push_back({apart.where, fmt::format("{} stays as written: {}", apart.what, apart.reason)});
  return lowered;
}

}  // namespace imbrex::runtime
