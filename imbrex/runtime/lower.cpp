#include "imbrex/runtime/lower.h"

#include <fmt/format.h>

#include <utility>

#include "imbrex/codegen/generate.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/optimize/pipeline.h"

namespace imbrex::runtime {
namespace {

// Why no code is generated for what the optimizer made, if that is so: the loops as written have code, or were not accepted.
std::string refusal_of_code(const ir::Program& optimized) {
  try {
    codegen::generate(optimized, {.isa = target::Isa::scalar, .taps = false});
  } catch (const UserError& error) {
    return "optimized, it takes " + error.diagnostics().front().message;
  }
  return "";
}

}  // namespace

Lowered lower(const ir::Program& program, const LowerOptions& options) {
  Proof proof;
  if (options.prove)
    proof = require_accepted(program, options.cache);
  else
    require_accepted_unproven(program);
  const auto as_written = [&](std::string reason, SourceLine where = {}) {
    return Lowered{optimize::as_written(program), false, std::move(reason), std::move(where), {}, proof};
  };
  if (!options.optimize) return as_written("optimizing was not asked for");
  if (options.taps) return as_written("its taps show the tiles that its author wrote");
  optimize::Optimized optimized = optimize::optimize(program);
  if (!optimized.is_scheduled) return as_written(std::move(optimized.reason), std::move(optimized.where));
  if (std::string reason = refusal_of_code(optimized.program); !reason.empty()) return as_written(std::move(reason));
  Lowered lowered{std::move(optimized.program), true, {}, {}, {}, proof};
  for (const optimize::Apart& apart : optimized.apart)
    if (apart.kind == optimize::Apart::Kind::kept)
      lowered.kept.push_back({apart.where, fmt::format("{} stays as written: {}", apart.what, apart.reason)});
  return lowered;
}

}  // namespace imbrex::runtime
