#include "imbrex/prove/prove.h"

#include <fmt/format.h>
#include <isl/ctx.h>
#include <isl/options.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "imbrex/ir/hash.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/spelling.h"
#include "imbrex/prove/bounds.h"
#include "imbrex/prove/capacity.h"
#include "imbrex/prove/counterexample.h"
#include "imbrex/prove/coverage.h"
#include "imbrex/prove/decidable.h"
#include "imbrex/prove/extents.h"
#include "imbrex/prove/integers.h"
#include "imbrex/prove/order.h"
#include "imbrex/prove/races.h"
#include "imbrex/prove/traffic.h"

namespace imbrex::prove {
namespace {

struct FreeContext {
  void operator()(isl_ctx* ctx) const { isl_ctx_free(ctx); }
};
using Context = std::unique_ptr<isl_ctx, FreeContext>;

size_t divisions_in(const ir::IndexExpr& e) {
  if (!e || !e->a) return 0;
  const bool is_one = e->kind == ir::Index::Kind::floor_div || e->kind == ir::Index::Kind::mod;
  return divisions_in(e->a) + divisions_in(e->b) + (is_one ? 1 : 0);
}

// A step takes time that grows with the square of the number of coordinates, of which each division adds one: there are fewer
// steps where nests are deep and conditions many.
constexpr size_t kUsualCoordinates = 12;
uint64_t operations_for(const Accesses& accesses, const ir::Program& program, uint64_t operations) {
  size_t most = kUsualCoordinates;
  std::map<const ir::Comparison*, size_t> known;  // of a condition, which many accesses have in common
  const auto divisions_of = [&](const Guard& guard) {
    const auto [entry, is_new] = known.try_emplace(guard.condition.data(), 0);
    if (is_new)
      for (const ir::Comparison& comparison : guard.condition)
        entry->second += divisions_in(comparison.left) + divisions_in(comparison.right);
    return entry->second;
  };
  for (const Access& access : accesses.all) {
    size_t coordinates = program.dims.size() + access.binders.size() + access.shape.size();
    for (const Guard& guard : access.guards) coordinates += divisions_of(guard);
    most = std::max(most, coordinates);
  }
  const double relative = static_cast<double>(most) / kUsualCoordinates;
  return std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(operations) / (relative * relative)));
}

// What is left of the steps once a check has spent them: each check behind it may find that it needs few.
uint64_t after_a_spent_check(uint64_t operations) { return std::max<uint64_t>(1, operations / 10); }
// Of the graph, whose sets are of two accesses, so that a step takes longer.
uint64_t for_graphs(uint64_t operations) { return std::max<uint64_t>(1, operations / 4); }
// Of a check that only warns.
uint64_t for_warnings(uint64_t operations) { return std::max<uint64_t>(1, operations / 4); }

Context make_context(uint64_t operations) {
  Context ctx(isl_ctx_alloc());
  isl_options_set_on_error(ctx.get(), ISL_ON_ERROR_CONTINUE);  // the C++ interface throws
  isl_ctx_set_max_operations(ctx.get(), operations);
  return ctx;
}

constexpr const char* kOutOfBudget = "undecided-budget";

Diagnostic out_of_budget(isl_ctx* ctx, const isl::exception& problem, const std::string& check, const Relations& relations) {
  // A spent budget shows as an exception of its own from the C++ part, and as null pointers from the C part; any other error is
  // a defect here.
  const bool is_spent = dynamic_cast<const isl::exception_quota*>(&problem) || isl_ctx_last_error(ctx) == isl_error_quota;
  if (!is_spent) throw InternalError(std::string("isl: ") + problem.what());
  const ir::Program& program = relations.program();
  Diagnostic told{kOutOfBudget,
                  SourceLine{},
                  fmt::format("the check of {} of {} did not finish within its budget", check, program.name),
                  "simplify the index arithmetic: fewer of `//`, `%`, `min` and `max` in slices, loops and conditions",
                  {},
                  false};
  if (const Binder* loop = relations.most_expanded()) {
    const ir::Spelling say(program);
    told.where = program.where(loop->origin);
    told.message +=
        fmt::format("; the {} iterations of `{}` are looked at one by one", *constant_trips(*loop->loop), say.name(loop->name));
    told.hint = fmt::format("let `{}` make fewer iterations; or make its spans by `{}`, which is decided for any number of them",
                            say.name(loop->name), say.call("tiles", "EXTENT, 16"));
  }
  return told;
}

// Runs one check within what is left of the budget and writes its line of the report.
template <class Function>
void run_check(Report& report, std::vector<Fault>& faults, isl_ctx* ctx, const Relations& relations, const std::string& name,
               const std::string& unit, const Function& function) {
  isl_ctx_reset_error(ctx);
  const auto start = std::chrono::steady_clock::now();
  Findings findings;
  const auto is_spent = [](const Diagnostic& d) { return d.id == kOutOfBudget; };
  const bool is_first_to_spend = std::none_of(report.diagnostics.begin(), report.diagnostics.end(), is_spent);
  try {
    findings = function();
  } catch (const isl::exception& problem) {
    findings.diagnostics.push_back(out_of_budget(ctx, problem, name, relations));
    isl_ctx_reset_operations(ctx);
    if (is_first_to_spend) isl_ctx_set_max_operations(ctx, after_a_spent_check(isl_ctx_get_max_operations(ctx)));
  } catch (const NotAffine& problem) {
    findings.diagnostics.push_back({"undecidable",
                                    SourceLine{},
                                    fmt::format("the check of {} of {} cannot be decided: `{}` is not affine", name,
                                                report.program, ir::to_text(problem.culprit)),
                                    "give the kernel one dimension for a product of dimensions, and divide by constants",
                                    {},
                                    false});
  }
  Check check{name, findings.examined, unit, 0, 0};
  check.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  for (size_t i = 0; i < findings.diagnostics.size(); ++i) {
    Diagnostic& diagnostic = findings.diagnostics[i];
    // One line may touch an element several times, with one fault.
    const bool is_told = std::any_of(report.diagnostics.begin(), report.diagnostics.end(), [&](const Diagnostic& told) {
      return told.id == diagnostic.id && told.where == diagnostic.where && told.message == diagnostic.message;
    });
    if (is_told) continue;
    check.errors += diagnostic.is_warning ? 0 : 1;
    for (Fault& fault : findings.faults) {
      if (fault.diagnostic != i) continue;
      faults.push_back(fault);
      faults.back().diagnostic = report.diagnostics.size();
    }
    report.diagnostics.push_back(std::move(diagnostic));
  }
  report.checks.push_back(std::move(check));
}

// A fault whose numbers would take too long has none.
std::vector<Counterexample> numbers_of(isl_ctx* ctx, const Subject& subject, const std::vector<Fault>& faults) {
  std::vector<Counterexample> all;
  for (const Fault& fault : faults) try {
      isl_ctx_reset_error(ctx);
      isl_ctx_reset_operations(ctx);
      for (Counterexample& each : counterexamples_of(subject, fault)) all.push_back(std::move(each));
    } catch (const isl::exception&) {
    }
  return all;
}

void make_warning(Report& report, Diagnostic& diagnostic) {
  if (!diagnostic.is_warning) --report.checks.back().errors;
  diagnostic.is_warning = true;
}

std::string text_of(const ir::Condition& condition) {
  std::string text;
  for (const ir::Comparison& c : condition)
    text +=
        fmt::format("{}{} {} {}", text.empty() ? "" : " and ", ir::to_text(c.left), ir::text_of(c.compare), ir::to_text(c.right));
  return text;
}

}  // namespace

Report prove(const ir::Program& program, const Options& options) {
  Report report;
  report.program = program.name;
  report.target = options.target;
  report.hash = ir::content_hash(program);
  const Accesses accesses = accesses_of(program);
  for (const ir::Assume* assume : accesses.assumptions) report.assumptions.push_back(text_of(assume->condition));
  for (const ir::AssumeElements* assume : accesses.of_elements)
    report.assumptions.push_back("the elements of " + assume->tile + " " + ir::what_elements_do(*assume));

  const Context ctx = make_context(operations_for(accesses, program, options.operations));
  const Relations relations(ctx.get(), program, accesses);
  const Confirmer confirmer(program);
  Subject subject{program, accesses, relations, confirmer, {}, {}};
  std::vector<Fault> faults;
  run_check(report, faults, ctx.get(), relations, "integers", "expressions", [&] { return check_integers(subject); });
  // What leaves 64 bits means nothing to the other checks.
  if (!report.diagnostics.empty()) return report;
  run_check(report, faults, ctx.get(), relations, "extents", "extents", [&] { return check_extents(subject); });
  run_check(report, faults, ctx.get(), relations, "accesses", "accesses", [&] { return find_undecidable(subject); });
  if (subject.sets.size() == accesses.all.size()) {
    run_check(report, faults, ctx.get(), relations, "bounds", "accesses", [&] { return check_bounds(subject); });
    run_check(report, faults, ctx.get(), relations, "coverage", "outputs", [&] { return check_outputs_written(subject); });
    run_check(report, faults, ctx.get(), relations, "initialisation", "reads", [&] { return check_initialised(subject); });
    run_check(report, faults, ctx.get(), relations, "independence", "pairs", [&] { return check_races(subject); });
    isl_ctx_reset_operations(ctx.get());
    isl_ctx_set_max_operations(ctx.get(), for_warnings(isl_ctx_get_max_operations(ctx.get())));
    const size_t before = report.diagnostics.size();
    run_check(report, faults, ctx.get(), relations, "overwriting", "stores", [&] { return check_overwritten(subject); });
    for (size_t i = before; i < report.diagnostics.size(); ++i) make_warning(report, report.diagnostics[i]);
  }
  const Simplifier simplified(program);
  run_check(report, faults, ctx.get(), relations, "capacity", "scopes",
            [&] { return check_capacity(program, accesses, options, simplified, report.scopes); });
  measure_traffic(program, options, simplified, report.scopes);
  if (options.counterexamples) report.counterexamples = numbers_of(ctx.get(), subject, faults);
  report.proven =
      std::all_of(report.diagnostics.begin(), report.diagnostics.end(), [](const Diagnostic& d) { return d.is_warning; });
  return report;
}

void prove_or_throw(const ir::Program& program, const Options& options) {
  std::vector<Diagnostic> errors = prove(program, options).diagnostics;
  std::erase_if(errors, [](const Diagnostic& d) { return d.is_warning; });
  if (!errors.empty()) throw UserError(std::move(errors));
}

const char* revision() { return IMBREX_PROVER_REVISION; }

DependenceGraph dependences_of_scopes(const ir::Program& program, const Options& options) {
  const Accesses accesses = accesses_of(program);
  const Context ctx = make_context(for_graphs(operations_for(accesses, program, options.operations)));
  const Relations relations(ctx.get(), program, accesses);
  const Confirmer confirmer(program);
  Subject subject{program, accesses, relations, confirmer, {}, {}};
  try {
    // A graph without some of its edges would be a wrong one.
    const Findings findings = find_undecidable(subject);
    if (!findings.diagnostics.empty()) throw UserError(findings.diagnostics);
    return graph_of_scopes(subject, options.dims);
  } catch (const isl::exception& problem) {
    throw UserError({out_of_budget(ctx.get(), problem, "order", relations)});
  }
}

std::string dependence_graph(const ir::Program& program, const Options& options) {
  return text_of(dependences_of_scopes(program, options), program.name);
}

}  // namespace imbrex::prove
