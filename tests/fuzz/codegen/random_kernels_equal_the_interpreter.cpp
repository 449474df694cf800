// Random kernels give the interpreter's bits on every instruction set of this CPU. IMBREX_SEED=n replays one case, and IMBREX_CASES
// says how many there are (1,000).
#include <gtest/gtest.h>

#include "random/random_kernel.h"
#include "support/generated_code.h"

namespace imbrex::test {
namespace {

int64_t number_from(const char* variable, int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

TEST(RandomKernels, equal_the_interpreter) {
  constexpr int64_t kBatch = 50;
  const int64_t seed = number_from("IMBREX_SEED", -1), cases = seed >= 0 ? 1 : number_from("IMBREX_CASES", 1000);
  for (int64_t begin = 0; begin < cases; begin += kBatch) {
    std::vector<RandomCase> batch;
    std::vector<ir::Program> programs;
    for (int64_t i = begin; i < std::min(begin + kBatch, cases); ++i) {
      batch.push_back(random_case(static_cast<uint64_t>(seed >= 0 ? seed : i)));
      batch.back().program.name = fmt::format("random_{}", batch.back().seed);
      programs.push_back(batch.back().program);
    }
    for (const target::Isa isa : target::supported_isas()) {
      const GeneratedCode code(programs, isa);
      ASSERT_EQ(code.error(), "") << target::name_of(isa);
      for (const RandomCase& each : batch) {
        const int threads = 1 + static_cast<int>(each.seed % 3);
        const auto difference = difference_from_interpreter(each.program, code.kernel(each.program), each.dims, each.inputs, threads,
                                                            static_cast<int64_t>(each.seed % 2) * 3);
        ASSERT_FALSE(difference) << "IMBREX_SEED=" << each.seed << ", " << target::name_of(isa) << ", " << *difference;
      }
    }
  }
}

}  // namespace
}  // namespace imbrex::test
