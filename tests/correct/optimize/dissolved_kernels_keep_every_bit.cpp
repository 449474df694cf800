// Every kernel of the library, and random ones: what dissolves and is scheduled computes the same bits, without a fault.
#include <cstdlib>

#include "correct/optimize/optimized.h"
#include "random/random_kernel.h"

namespace imbrex::optimize {
namespace {

TEST(DissolvedKernels, OfTheLibraryKeepEveryBit) {
  int scheduled = 0;
  for (const kernels::Entry& entry : kernels::registry()) {
    if (!entry.name.starts_with("nn/")) continue;
    for (const std::string& variant : entry.variants) {
      const kernels::Built built = kernels::build(entry.name, variant, "", {});
      const Optimized after = test::optimized(built.program);
      expect_round_trip(after.program);
      if (!after.is_scheduled) {
        EXPECT_FALSE(after.reason.empty()) << entry.name;
        continue;
      }
      ++scheduled;
      expect_proven(after.program);
      for (int64_t T : {1, 2, 3, 7, 8, 15, 16, 17, 31}) {
        std::map<std::string, int64_t> dims;
        for (const ir::Dim& dim : built.program.dims) dims[dim.name] = T;
        const auto inputs =
            inputs::synthetic_inputs(tools::shapes_of(built.program, dims, {ir::Role::input, ir::Role::inout}), 3);
        auto expected = inputs, actual = inputs;
        interpret::run(built.program, dims, expected);
        interpret::run(after.program, dims, actual, {.checked = true, .tap = {}});
        expect_same_outputs(built.program, expected, actual, fmt::format("{} {}, T = {}", entry.name, variant, T));
      }
    }
  }
  EXPECT_GE(scheduled, 3);
}

TEST(DissolvedKernels, AtRandomKeepEveryBit) {
  const char* wanted = std::getenv("IMBREX_OPTIMIZE_SEEDS");
  const uint64_t seeds = wanted ? std::strtoull(wanted, nullptr, 10) : 400;
  int dissolved = 0, scheduled = 0, partly = 0;
  for (uint64_t seed = 0; seed < seeds && !testing::Test::HasFailure(); ++seed) {
    test::Limits limits;
    limits.stages = 1 + static_cast<int>(seed % 3);
    limits.depth = 1 + static_cast<int>(seed / 3 % 4);
    const test::RandomCase random = test::random_case(seed, limits);
    dissolved += std::holds_alternative<Dissolved>(dissolve(as_written(random.program)));
    const Optimized after = test::optimized(random.program);
    if (!after.is_scheduled) {
      EXPECT_FALSE(after.reason.empty());
      continue;
    }
    ++scheduled;
    partly += !after.exclusions.empty();
    expect_round_trip(after.program);
    expect_proven(after.program);
    auto expected = random.inputs, actual = random.inputs;
    interpret::run(random.program, random.dims, expected);
    interpret::run(after.program, random.dims, actual, {.checked = true, .tap = {}});
    expect_same_outputs(random.program, expected, actual,
                        fmt::format("seed {}\n{}\n{}", seed, ir::print(random.program), ir::print(after.program)));
  }
  RecordProperty("dissolved", dissolved);
  RecordProperty("scheduled", scheduled);
  RecordProperty("partly", partly);
  fmt::print("{} of {} random kernels dissolve, {} are scheduled, {} of them in part\n", dissolved, seeds, scheduled, partly);
  EXPECT_GE(dissolved, static_cast<int>(seeds) / 20);
  EXPECT_GE(partly, static_cast<int>(seeds) / 20);
}

}  // namespace
}  // namespace imbrex::optimize
