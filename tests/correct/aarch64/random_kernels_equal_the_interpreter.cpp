// Random kernels give the interpreter's bits on aarch64, run by an emulator: a few; IMBREX_CASES says how many, and IMBREX_SEED
// which one alone. tests/fuzz/codegen runs many of them on this machine's targets.
#include <cstdlib>

#include "correct/aarch64/emulator.h"
#include "imbrex/codegen/generate.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/print.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/plan/make_plan.h"
#include "random/random_kernel.h"
#include "support/optimized.h"

namespace imbrex::test {
namespace {

constexpr uint64_t kBatch = 50;  // kernels to a compiled file
constexpr Limits kLimits{.extent = 40, .stages = 2, .depth = 3};

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// As it is, as written after its passes, or optimized.
ir::Program lowered(const ir::Program& program, uint64_t seed, const target::Target& target) {
  if (seed % 4 == 3) return optimized(program, target).program;
  return seed % 2 == 1 ? optimize::as_written(program) : program;
}

// What driver.c runs: each kernel as a function of its own.
std::string list_of(std::span<const ir::Program> programs) {
  std::string functions, entries;
  for (const ir::Program& program : programs) {
    functions += fmt::format(
        "const imbrex_kernel* imbrex_kernel_{0}(void);\n"
        "static const imbrex_kernel* get_{0}(const char* isa) {{ return isa ? imbrex_kernel_{0}() : NULL; }}\n",
        codegen::symbol_of(program));
    entries += fmt::format("    {{\"{0}\", get_{0}}},\n", codegen::symbol_of(program));
  }
  return "#include \"imbrex/runtime/abi.h\"\n#include \"imbrex/runtime/check_call.h\"\n" + functions +
         "static const struct {\n  const char* name;\n  const imbrex_kernel* (*get)(const char* isa);\n} kernels_to_run[] = {\n" +
         entries + "    {NULL, NULL}};\n";
}

std::string differences_of(const std::vector<RandomCase>& cases, const target::Target& target) {
  std::vector<ir::Program> programs;
  for (const RandomCase& each : cases) programs.push_back(lowered(each.program, each.seed, target));
  EmulatedRuns runs;
  std::vector<plan::Plan> plans;
  for (const ir::Program& program : programs) plans.push_back(plan::make_plan(program, target, false));
  tests::write_text(runs.folder().file("kernels.cpp"), codegen::generate_many(plans, target));
  tests::write_text(runs.folder().file("kernels_to_run.h"), list_of(programs));
  std::string flags;
  for (const std::string& flag : target::compiler_flags(target)) flags += flag + " ";
  expect_success(
      fmt::format("cd '{}' && {} -std=c++20 -Wall -Wextra -Werror {} -O1 -fno-exceptions -fno-rtti -I'{}' -c kernels.cpp",
                  runs.folder().path(), kCompiler, flags, IMBREX_SOURCE_DIR));
  expect_success(link_driver(runs, fmt::format("-I'{}' kernels.o", IMBREX_SOURCE_DIR)));
  if (testing::Test::HasFailure()) return "not compiled";
  for (size_t i = 0; i < cases.size(); ++i) {
    Tensors expected = cases[i].inputs;
    interpret::run(cases[i].program, cases[i].dims, expected);
    runs.add(programs[i], codegen::symbol_of(programs[i]), cases[i].dims, cases[i].inputs, std::move(expected));
  }
  std::string found;
  for (const int threads : {1, 3}) found += runs.differences(target, threads);
  return found;
}

TEST_F(OnAarch64, RandomKernelsEqualTheInterpreter) {
  const bool on_demand = std::getenv("IMBREX_CASES") != nullptr || std::getenv("IMBREX_SEED") != nullptr;
  const uint64_t first = number_from("IMBREX_SEED", 0),
                 end = std::getenv("IMBREX_SEED") ? first + 1 : number_from("IMBREX_CASES", 24);
  std::vector<const target::Target*> targets = target::targets_of(IMBREX_AARCH64);
  if (!on_demand) targets.erase(targets.begin(), targets.end() - 1);  // scalar is the same text for every architecture
  for (uint64_t begin = first; begin < end; begin += kBatch) {
    std::vector<RandomCase> cases;
    for (uint64_t seed = begin; seed < std::min(end, begin + kBatch); ++seed) {
      cases.push_back(random_case(seed, kLimits));
      cases.back().program.name = fmt::format("random_{}", seed);
    }
    for (const target::Target* target : targets) EXPECT_EQ(differences_of(cases, *target), "");
  }
}

}  // namespace
}  // namespace imbrex::test
