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
    codegen::generate(optimized, {target::targets().front(), false});
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
  const auto as_written = [&](std::string reason) {
    optimize::Defects defects;
    ir::Program lowered = optimize::as_written(program, nullptr, &defects);
    return Lowered{std::move(lowered), false, std::move(reason), {}, {}, proof, {}, std::move(defects)};
  };
  if (!options.optimize) return as_written("optimizing was not asked for");
  if (options.taps) return as_written("its taps show the tiles that its author wrote");
  Proof optimized_proof;
  const auto prover = [&](const ir::Program& made) -> std::optional<std::string> {
    try {
      optimized_proof = require_accepted(made, options.cache);
      return std::nullopt;
    } catch (const UserError& refused) {
      return refused.diagnostics().at(0).message;
    }
  };
  optimize::Optimized optimized = optimize::optimize(program, options.machine, prover);
  const bool is_optimized = optimized.is_scheduled;
  if (is_optimized)
    if (std::string reason = refusal_of_code(optimized.program); !reason.empty()) return as_written(std::move(reason));
  Lowered lowered{std::move(optimized.program),
                  is_optimized,
                  std::move(optimized.reason),
                  std::move(optimized.where),
                  {},
                  proof,
                  is_optimized ? optimized_proof : Proof{},
                  std::move(optimized.defects)};
  if (!is_optimized) return lowered;
  for (const optimize::Exclusion& exclusion : optimized.exclusions)
    if (exclusion.kind == optimize::Exclusion::Kind::as_written)
      lowered.kept.push_back({exclusion.where, fmt::format("{} stays as written: {}", exclusion.what, exclusion.reason)});
  return lowered;
}

}  // namespace imbrex::runtime
