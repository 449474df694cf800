#include "imbrex/runtime/accept.h"

#include <fmt/format.h>

#include <chrono>
#include <functional>

#include "imbrex/base/checked.h"
#include "imbrex/codegen/generate.h"
#include "imbrex/ir/hash.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "imbrex/optimize/check_annotations.h"
#include "imbrex/optimize/pipeline.h"

namespace imbrex::runtime {
namespace {

// Of one tile: as many as the interpreter, which defines what a program means, can hold.
constexpr int64_t kMostElements = int64_t{1} << 31;

// A verdict with its own checksum: a file that was cut off or changed is none.
std::string verdict_of(const std::string& hash) {
  const std::string text =
      fmt::format("imbrex verdict\nprogram {}\nprover {}\njudge {}\naccepted\n", hash, prove::revision(), IMBREX_JUDGE_REVISION);
  return text + ir::sha256_hex(text) + "\n";
}

// Tiles that are too large whatever the dimensions.
void check_tiles(const ir::Program& program) {
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    ir::for_each_expr(statement, [&](const ir::Expr& e) {
      const auto rows = ir::constant_value(e.rows), columns = ir::constant_value(e.columns);
      if (!rows || !columns || *rows < 1 || *columns < 1) return;
      const auto elements = checked_mul(*rows, *columns);
      if (elements && *elements <= kMostElements) return;
      throw UserError(Diagnostic{"tile-too-large",
                                 program.where(e.origin >= 0 ? e.origin : statement.origin),
                                 fmt::format("a tile of {} x {} elements: a tile has at most 2^31", *rows, *columns),
                                 "a loop over tiles(...) of its rows or columns",
                                 {}});
    });
    return true;
  });
}

// Taps are in, so that asking for them changes no verdict.
void check_code(const ir::Program& program) {
  codegen::generate(optimize::as_written(program), {target::targets().front(), true});
}

// What the checks say that are not the prover's: the errors of the first that finds any.
std::vector<Diagnostic> other_errors(const ir::Program& program, bool is_proven) {
  try {
    optimize::check_annotations(program);
    check_tiles(program);
    if (is_proven) check_code(program);  // of what may leave its tensors, no code is of use
  } catch (const UserError& error) {
    return error.diagnostics();
  }
  return {};
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

void require_accepted_unproven(const ir::Program& program) {
  ir::verify_or_throw(program);
  std::vector<Diagnostic> errors = other_errors(program, true);
  if (!errors.empty()) throw UserError(std::move(errors));
}

Proof require_accepted(const ir::Program& program, const CacheOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  const std::string hash = ir::content_hash(program), verdict = verdict_of(hash);
  const Cache cache(options);
  const std::string key = ir::sha256_hex(verdict);
  if (cache.kept("proofs", key) == verdict) return {true, seconds()};
  std::vector<Diagnostic> errors = judge(program).diagnostics;
  std::erase_if(errors, [](const Diagnostic& d) { return d.is_warning; });
  if (!errors.empty()) throw UserError(std::move(errors));
  cache.keep("proofs", key, verdict);
  return {false, seconds()};
}

}  // namespace imbrex::runtime
