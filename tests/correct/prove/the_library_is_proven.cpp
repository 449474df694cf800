// Every kernel of the library in every variant, preset and split of its rows, for every target, and what the optimizer makes of
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "imbrex/kernels/registry.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/prove/prove.h"
#include "support/optimized.h"

namespace imbrex::prove {
namespace {

struct Kernel {
  std::string name;
  ir::Program program;
};

// The most that the option takes: each number that it takes is proven.
int64_t most_splits(const kernels::Entry& entry) {
  for (const kernels::OptionInfo& option : entry.options)
    if (option.name == "row_splits") return std::get<int64_t>(option.most);
  return 1;
}

std::vector<Kernel> kernels_of_the_library() {
  std::vector<Kernel> all;
  for (const kernels::Entry& entry : kernels::registry())
    for (const std::string& variant : entry.variants)
      for (const kernels::Preset& preset : entry.presets) {
        const bool splits_rows = variant == "fused" && preset.options.count("row_splits");
        for (const int64_t splits : splits_rows ? std::vector<int64_t>{1, 2, 3, most_splits(entry)} : std::vector<int64_t>{0}) {
          kernels::Options options;
          if (splits > 0) options["row_splits"] = splits;
          all.push_back({entry.name + " " + variant + " " + preset.name + " " + std::to_string(splits),
                         kernels::build(entry.name, variant, preset.name, options).program});
        }
      }
  return all;
}

void expect_proven(const std::string& name, const ir::Program& program, const std::string& target) {
  Options options;
  options.target = target;
  // A second of work, in a measure that does not depend on the machine.
  options.operations = 1500000;  // three quarters of the default
  const Report report = prove(program, options);
  EXPECT_TRUE(report.proven) << name << " on " << target << "\n" << report.text();
  EXPECT_TRUE(std::any_of(report.checks.begin(), report.checks.end(), [](const auto& check) { return check.examined > 0; }))
      << name;
}

TEST(TheLibrary, IsProvenForEveryTarget) {
  int proofs = 0;
  for (const Kernel& kernel : kernels_of_the_library())
    for (const char* target : {"host", "a2a3", "a5"}) {
      expect_proven(kernel.name, kernel.program, target);
      ++proofs;
    }
  std::cout << proofs << " proofs of kernels of the library, none refused\n";
}

TEST(TheLibrary, IsProvenAfterItIsOptimized) {
  int proofs = 0;
  for (const Kernel& kernel : kernels_of_the_library()) {
    expect_proven(kernel.name + ", optimized", test::optimized(kernel.program).program, "host");
    ++proofs;
  }
  std::cout << proofs << " proofs of optimized kernels, none refused\n";
}

}  // namespace
}  // namespace imbrex::prove
