// Random kernels give the interpreter's bits on every instruction set of this CPU: as they are, as written after its passes, and
// optimized. IMBREX_SEED=n replays one case, and IMBREX_CASES says how many there are (1,000).
#include <gtest/gtest.h>

#include <future>

#include "imbrex/optimize/optimize.h"
#include "imbrex/optimize/pipeline.h"
#include "random/random_kernel.h"
#include "support/generated_code.h"
#include "support/optimized.h"

namespace imbrex::test {
namespace {

constexpr int64_t kBatch = 50;    // kernels to a compiled file
constexpr size_t kReported = 10;  // failures, and then the test ends
// As large as the vector's length asks for: what is compiled three times has to stay small. For the same reason only one of the
// instruction sets is optimized as usual here; those that the optimizer takes longest for are not, and have tests of their own.
constexpr Limits kLimits{.extent = 40, .stages = 2, .depth = 3};

const char* optimization(const target::Target* target) { return target->vector_bits == 256 ? "-O1" : "-Og"; }

struct Lowered {
  RandomCase original;
  const char* how = "as it is";
  ir::Program program;  // what is compiled
};

int64_t number_from(const char* variable, int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

std::string replay(uint64_t seed) { return fmt::format("IMBREX_SEED={} {}/tests/fuzz_codegen\n", seed, IMBREX_BINARY_DIR); }

// Half of the cases go through the passes of as-written kernels, one of eight through the optimizer, for the last target: layouts
// that only it has say nothing to others.
Lowered lowered(uint64_t seed) {
  Lowered result{random_case(seed, kLimits), "as it is", {}};
  result.original.program.name = fmt::format("random_{}", seed);
  result.program = result.original.program;
  if (seed % 8 == 7) {
    result.how = "optimized";
    result.program = optimized(result.original.program, machine_by(seed / 8, *target::targets_with_code().back())).program;
  } else if (seed % 2 == 1 || seed % 8 == 0) {
    result.how = "as written";
    result.program = optimize::as_written(result.original.program);
  }
  return result;
}

// In the suite each batch is compiled for two targets, all of them by turns; on demand, for all.
std::vector<const target::Target*> targets_for(const std::vector<uint64_t>& seeds) {
  const std::vector<const target::Target*> all = test::runnable_targets();
  if (std::getenv("IMBREX_SEED") || std::getenv("IMBREX_CASES")) return all;
  return test::by_turns(all, static_cast<uint64_t>(seeds.at(0)) / kBatch);
}

// The failures of one batch: of lowering, of compiling, of running.
std::vector<std::string> failures_of(const std::vector<uint64_t>& seeds) {
  std::vector<std::string> failures;
  std::vector<Lowered> batch;
  std::vector<ir::Program> programs;
  std::vector<Tensors> expected;
  for (const uint64_t seed : seeds) {
    try {
      Lowered each = lowered(seed);
      plan::make_plan(each.program, target::targets().front(), false);
      Tensors tensors = each.original.inputs;
      interpret::run(each.original.program, each.original.dims, tensors);
      programs.push_back(each.program);
      expected.push_back(std::move(tensors));
      batch.push_back(std::move(each));
    } catch (const std::exception& error) {
      failures.push_back(replay(seed) + error.what() + "\n" + ir::print(random_case(seed, kLimits).program));
    }
  }
  std::map<const target::Target*, std::future<std::unique_ptr<GeneratedCode>>> compiled;
  for (const target::Target* target : targets_for(seeds))
    compiled[target] = std::async(std::launch::async, [&programs, &seeds, target] {
      return std::make_unique<GeneratedCode>(programs, machine_by(seeds.at(0), *target), optimization(target));
    });
  for (auto& [target, future] : compiled) {
    const std::unique_ptr<GeneratedCode> code = future.get();
    if (!code->error().empty()) {
      failures.push_back(fmt::format("{}: {}", target->name, code->error()));
      continue;
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      const uint64_t seed = batch[i].original.seed;
      const int threads = 1 + static_cast<int>(seed % 3);
      const auto difference =
          difference_between(expected[i], batch[i].program, code->kernel(batch[i].program), batch[i].original.dims,
                             batch[i].original.inputs, threads, static_cast<int64_t>(seed % 2) * 3);
      if (!difference) continue;
      failures.push_back(fmt::format("{}{}, {}, {}", replay(seed), target->name, batch[i].how, *difference));
      if (std::strcmp(batch[i].how, "as it is") != 0) failures.back() += "\nmade of\n" + ir::print(batch[i].original.program);
    }
  }
  return failures;
}

TEST(RandomKernels, equal_the_interpreter) {
  const int64_t seed = number_from("IMBREX_SEED", -1), cases = number_from("IMBREX_CASES", 1000);
  std::vector<uint64_t> seeds;
  if (seed >= 0)
    seeds.push_back(static_cast<uint64_t>(seed));
  else
    for (int64_t i = 0; i < cases; ++i) seeds.push_back(static_cast<uint64_t>(i));
  std::printf("%zu random kernels\n", seeds.size());
  size_t reported = 0;
  for (size_t begin = 0; begin < seeds.size() && reported < kReported; begin += kBatch) {
    const size_t end = std::min(seeds.size(), begin + static_cast<size_t>(kBatch));
    for (const std::string& each : failures_of({seeds.begin() + begin, seeds.begin() + end})) {
      ADD_FAILURE() << each;
      ++reported;
    }
  }
}

}  // namespace
}  // namespace imbrex::test
