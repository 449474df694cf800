#include "judge.h"

#include <algorithm>

#include "data.h"
#include "imbrex/base/numbers.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"
#include "imbrex/runtime/driver.h"
#include "support/faults.h"
#include "support/generated_code.h"

namespace imbrex::attack {
namespace {

constexpr size_t kSizes = 7, kDataOfEach = 4, kRunsKept = 6;
constexpr int kSearches = 80;
constexpr size_t kMostWorkspace = size_t{1} << 26;

std::string sizes_text(const Dims& dims) {
  std::string text;
  for (const auto& [name, size] : dims) text += fmt::format(" {}={}", name, size);
  return text;
}

std::string data_text(const ir::Program& program, const Tensors& tensors) {
  std::string text;
  for (const ir::Tensor& tensor : program.tensors) {
    if (!holds_indices(tensor.dtype) || tensor.role == ir::Role::output) continue;
    const Array& array = tensors.at(tensor.name);
    text += "\n  " + tensor.name + " =";
    for (int64_t k = 0; k < std::min<int64_t>(array.size(), 40); ++k) text += fmt::format(" {}", index_at(array, k));
  }
  return text;
}

// How a run of the interpreter's checked mode ended.
struct Ending {
  enum class Kind : uint8_t { done, not_allowed, too_large, fault } kind = Kind::done;
  std::string id, message;
};

Ending run_checked(const ir::Program& program, const Dims& dims, Tensors& tensors) {
  try {
    const std::optional<Diagnostic> fault = test::fault_of(program, dims, tensors);
    if (!fault) return {};
    const Ending::Kind kind = fault->id == "assumption-failed"                                ? Ending::Kind::not_allowed
                              : fault->id == "tile-too-large" || fault->id == "out-of-memory" ? Ending::Kind::too_large
                                                                                              : Ending::Kind::fault;
    return {kind, fault->id, render(*fault)};
  } catch (const interpret::OutOfWork&) {
    return {Ending::Kind::too_large, "", ""};
  }
}

// Looks for the fault that a refusal foretells.
enum class Found : uint8_t { fault, none, untried };
Found find_fault(const ir::Program& program, const Diagnostic& error, uint64_t seed) {
  const std::vector<int64_t> numbers = numbers_in(error.message + ir::print(program));
  test::Random random(seed);
  Found found = Found::untried;
  for (const int64_t otherwise : {3, 1, 17}) {
    const Dims dims = test::sizes_in(program, error.message, otherwise);
    if (!is_small(program, dims)) continue;
    for (int tries = reads_integers(program) ? kSearches : 1; tries > 0; --tries) {
      Tensors tensors = draw_data(program, dims, numbers, random);
      const Ending ending = run_checked(program, dims, tensors);
      if (ending.kind == Ending::Kind::fault) return Found::fault;
      if (ending.kind != Ending::Kind::too_large) found = Found::none;
    }
  }
  return found;
}

// What does not depend on the machine.
std::vector<std::string> of_memory(const std::vector<Diagnostic>& errors) {
  std::vector<std::string> messages;
  for (const Diagnostic& error : errors)
    if (test::is_about_memory(error.id)) messages.push_back(error.message);
  return messages;
}

void judge_refused(Judged& judged, const ir::Program& program, const std::vector<Diagnostic>& errors, uint64_t seed) {
  bool is_refuted = false;
  for (const Diagnostic& error : errors) {
    if (!test::is_about_memory(error.id)) continue;
    is_refuted = true;
    switch (find_fault(program, error, seed)) {
      case Found::fault: ++judged.counts.counterexamples; break;
      case Found::untried: ++judged.counts.untried; break;
      case Found::none:
        // Where a run of the prover's own showed the fault, its data were not found here.
        if (error.message.find("data that the assumptions allow") == std::string::npos) {
          judged.failure = {"untrue counterexample: " + error.id, render(error)};
          return;
        }
        ++judged.counts.untried;
        break;
    }
  }
  ++(is_refuted ? judged.counts.refused : judged.counts.undecided);
}

// Runs a proven program; keeps runs for the kernels made of it.
void run_proven(Judged& judged, const ir::Program& program, uint64_t seed) {
  const std::vector<int64_t> numbers = numbers_in(ir::print(program));
  test::Random random(seed);
  std::vector<Run> runs;
  for (const Dims& dims : sizes_to_try(program, kSizes, seed)) {
    for (size_t tries = 0; tries < (reads_integers(program) ? kDataOfEach : 1); ++tries) {
      Run run{dims, draw_data(program, dims, numbers, random), {}};
      run.expected = run.inputs;
      const Ending ending = run_checked(program, dims, run.expected);
      if (ending.kind == Ending::Kind::fault) {
        judged.failure = {"proven, yet " + ending.id, sizes_text(dims) + data_text(program, run.inputs) + "\n" + ending.message};
        return;
      }
      if (ending.kind == Ending::Kind::not_allowed && judged.not_allowed.empty()) judged.not_allowed.push_back(run);
      if (ending.kind != Ending::Kind::done) continue;
      ++judged.counts.runs;
      runs.push_back(std::move(run));
    }
  }
  while (!runs.empty() && judged.runs.size() < kRunsKept) {
    const auto at = runs.begin() + random.below(static_cast<int64_t>(runs.size()));
    judged.runs.push_back(std::move(*at));
    runs.erase(at);
  }
}

// The same bits from what the optimizer made, interpreted.
void run_lowered(Judged& judged, const ir::Program& program, const char* how) {
  for (const Run& run : judged.runs) {
    Tensors actual = run.inputs;
    const Ending ending = run_checked(program, run.dims, actual);
    if (ending.kind == Ending::Kind::too_large) continue;
    std::string wrong = ending.kind == Ending::Kind::done ? "" : ending.message;
    for (const auto& [name, expected] : run.expected)
      if (const auto difference = wrong.empty() ? test::first_difference(actual.at(name), expected) : std::nullopt)
        wrong = name + *difference;
    if (wrong.empty()) continue;
    judged.failure = {fmt::format("{}, interpreted: {}", how, ending.kind == Ending::Kind::done ? "other bits" : ending.id),
                      sizes_text(run.dims) + data_text(program, run.inputs) + "\n" + wrong + "\n" + ir::print(program)};
    return;
  }
}

std::string first_id(const UserError& error) { return error.diagnostics().empty() ? "" : error.diagnostics()[0].id; }

void lower(Judged& judged, const ir::Program& program, uint64_t seed, const std::function<void(Phase)>& enter) {
  const std::vector<const target::Target*> targets = target::targets_with_code();
  const target::Machine machine = *targets[seed % targets.size()];
  for (const bool optimized : {true, false}) {
    const char* how = optimized ? "optimized" : "as written";
    try {
      enter(Phase::lower);
      runtime::Translation translation =
          runtime::translate(program, {.machine = machine, .optimize = optimized, .taps = false, .prove = false, .cache = {}});
      optimize::Optimized& result = translation.optimized;
      if (!result.defects.empty() || result.reason.starts_with("optimized, it takes")) {
        judged.failure = {"optimizer failed", result.defects.empty() ? result.reason : optimize::text_of(result.defects[0])};
        return;
      }
      ir::Program lowered = std::move(result.program);
      if (!judged.kernels.empty() && ir::print(lowered) == ir::print(judged.kernels[0])) return;
      ir::verify_or_throw(lowered);
      enter(Phase::interpret);
      run_lowered(judged, lowered, how);
      if (judged.failure) return;
      judged.kernels.push_back(std::move(lowered));
    } catch (const UserError& error) {
      judged.failure = {fmt::format("{}: {}", how, first_id(error)), error.what()};
      return;
    }
  }
  // Compiling takes most of the time: every other program is compiled as written, too.
  if (seed % 2 == 0)
    judged.kernels.pop_back();
  else
    judged.kernels[1].name += "_as_written";  // for a symbol of its own
}

}  // namespace

Judged judge(const Case& of, const std::string& name, const std::function<void(Phase)>& enter) {
  Judged judged;
  judged.counts.programs = 1;
  try {
    ir::Program program;
    std::vector<Diagnostic> errors;
    enter(Phase::parse);
    try {
      program = ir::parse(of.text, "attack.tile");
      enter(Phase::prove);
      errors = test::errors_of(runtime::judge(program));
      if (of.seed % 4 == 0 &&
          of_memory(errors) != of_memory(test::errors_of(runtime::judge(program, {.target = "a2a3", .dims = {}}))))
        judged.failure = {"another verdict for another machine", ""};
    } catch (const UserError& error) {
      judged.counts.invalid = 1;
      if (of.is_right) judged.failure = {"right, but " + first_id(error), error.what()};
      if (first_id(error).empty()) judged.failure = {"an error without an id", error.what()};
      return judged;
    }
    if (!errors.empty()) {
      enter(Phase::search);
      judge_refused(judged, program, errors, of.seed);
      if (of.is_right && judged.counts.refused > 0) judged.failure = {"right, but " + errors[0].id, render(errors[0])};
      return judged;
    }
    judged.counts.proven = 1;
    enter(Phase::interpret);
    run_proven(judged, program, of.seed);
    if (judged.failure) return judged;
    program.name = name + program.name;
    lower(judged, program, of.seed, enter);
  } catch (const std::exception& error) {
    judged.failure = {fmt::format("exception: {}", error.what()).substr(0, 100), error.what()};
  }
  return judged;
}

namespace {

// Elements between the rows of arguments: none where a view looks at them as one, which it says it needs.
int64_t padding_for(const ir::Program& program, int threads) {
  bool has_views = false;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    has_views = has_views || std::holds_alternative<ir::View>(statement.node);
    return true;
  });
  return has_views || threads == 2 ? 0 : 3;
}

bool has_memory_for(const ir::Program& program, const imbrex_kernel& kernel, const Dims& dims, int threads) {
  std::vector<int64_t> values;
  for (const ir::Dim& dim : program.dims) values.push_back(dims.at(dim.name));
  return kernel.workspace_bytes(values.data(), threads) <= kMostWorkspace;
}

}  // namespace

std::optional<Failure> judge_kernel(const ir::Program& program, const imbrex_kernel* kernel, const Judged& judged) {
  if (!kernel) return Failure{"no kernel of that name", program.name};
  for (const Run& run : judged.runs)
    for (const int threads : {1, 2, 3}) {
      if (!has_memory_for(program, *kernel, run.dims, threads)) continue;
      const auto difference =
          test::difference_between(run.expected, program, kernel, run.dims, run.inputs, threads, padding_for(program, threads));
      if (difference) return Failure{"compiled: other bits", data_text(program, run.inputs) + "\n" + *difference};
    }
  for (const Run& run : judged.not_allowed) {
    if (!has_memory_for(program, *kernel, run.dims, 2)) continue;
    const test::RunResult result = test::run_generated(program, kernel, run.dims, run.inputs, 2, 0);
    const std::string data = sizes_text(run.dims) + data_text(program, run.inputs) + "\n" + ir::print(program);
    if (!result.error.empty()) return Failure{"compiled, its assumption broken: memory overwritten", data + result.error};
    if (!result.failed_assumption) return Failure{"compiled, its assumption broken: not noticed", data};
  }
  return std::nullopt;
}

}  // namespace imbrex::attack
