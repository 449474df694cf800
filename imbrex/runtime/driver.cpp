#include "imbrex/runtime/driver.h"

#include <chrono>
#include <optional>
#include <span>
#include <utility>

#include "imbrex/codegen/generate.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/optimize/check_annotations.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/plan/make_plan.h"
#include "imbrex/prove/tile_limits.h"
#include "imbrex/runtime/verdicts.h"

namespace imbrex::runtime {
namespace {

// What is wrong that the prover does not say: the errors of the first check that finds any.
std::vector<Diagnostic> other_errors(const ir::Program& program, bool is_proven) {
  try {
    optimize::check_annotations(program);
    prove::check_tile_limits(program);
    // The author's loops have a plan on any machine; a program that may leave its tensors needs none. Taps are in, so that asking
    // for them changes no verdict.
    if (!is_proven) return {};
    plan::make_plan(optimize::as_written(program), target::targets().front(), true);
    optimize::check_effects(program);
  } catch (const UserError& error) {
    return error.diagnostics();
  }
  return {};
}

optimize::Optimized as_written(const ir::Program& program, std::string reason) {
  optimize::Optimized result;
  result.program = optimize::as_written(program, nullptr, &result.defects);
  result.reason = std::move(reason);
  return result;
}

}  // namespace

prove::Report judge(const ir::Program& program, const prove::Options& options) {
  ir::verify_or_throw(program);
  prove::Report report = prove::prove(program, options);
  const std::vector<Diagnostic> others = other_errors(program, report.proven);
  report.diagnostics.insert(report.diagnostics.end(), others.begin(), others.end());
  report.proven = report.proven && others.empty();
  return report;
}

Proof require_accepted(const ir::Program& program, const CacheOptions& cache) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  const Verdict verdict(program, cache);
  if (verdict.is_kept()) return {true, seconds()};
  std::vector<Diagnostic> errors = judge(program).diagnostics;
  std::erase_if(errors, [](const Diagnostic& d) { return d.is_warning; });
  if (!errors.empty()) throw UserError(std::move(errors));
  verdict.keep();
  return {false, seconds()};
}

void require_accepted_unproven(const ir::Program& program) {
  ir::verify_or_throw(program);
  std::vector<Diagnostic> errors = other_errors(program, true);
  if (!errors.empty()) throw UserError(std::move(errors));
}

Translation translate(const ir::Program& program, const TranslateOptions& options) {
  // Verified, its annotations and tiles checked, proven.
  Proof proof, optimized_proof;
  if (options.prove)
    proof = require_accepted(program, options.cache);
  else
    require_accepted_unproven(program);

  // Optimized, and proven again.
  const auto prover = [&](const ir::Program& made) -> std::optional<std::string> {
    try {
      optimized_proof = require_accepted(made, options.cache);
      return std::nullopt;
    } catch (const UserError& refused) {
      return refused.diagnostics().at(0).message;
    }
  };
  optimize::Optimized optimized = !options.optimize ? as_written(program, "optimizing was not asked for")
                                  : options.taps    ? as_written(program, "its taps show the tiles that its author wrote")
                                                    : optimize::optimize(program, options.machine, prover);

  // Planned. The author's loops have a plan, or were not accepted.
  std::optional<plan::Plan> plan;
  try {
    plan.emplace(plan::make_plan(optimized.program, options.machine, options.taps));
  } catch (const UserError& error) {
    if (!optimized.is_scheduled) throw;
    optimized = as_written(program, "optimized, it takes " + error.diagnostics().front().message);
    plan.emplace(plan::make_plan(optimized.program, options.machine, options.taps));
  }
  if (!optimized.is_scheduled) optimized_proof = {};

  // Printed.
  std::string source = codegen::generate(*plan, options.machine);
  return {proof, optimized_proof, std::move(optimized), std::move(*plan), std::move(source)};
}

// A program that is read from its text has that text's lines for origins, and the same plan.
std::vector<GeneratedLine> generated_lines(const Translation& translation, const target::Machine& machine) {
  const ir::Program read = ir::parse(ir::print(translation.program()), "");
  const plan::Plan plan = plan::make_plan(read, machine, false);
  std::vector<GeneratedLine> lines;
  std::string text;
  for (const codegen::Line& line : codegen::generated_lines(std::span(&plan, 1), machine)) {
    GeneratedLine& to = lines.emplace_back(GeneratedLine{line.text, {}});
    for (const int origin : line.origins)
      if (const int number = plan.program->where(origin).line; number > 0) to.program_lines.push_back(number);
    text += line.text + "\n";
  }
  require(text == translation.source, "a program that is printed and read has the same code");
  return lines;
}

}  // namespace imbrex::runtime
