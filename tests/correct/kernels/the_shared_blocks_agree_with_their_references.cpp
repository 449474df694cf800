#include <gtest/gtest.h>

#include "imbrex/kernels/compare.h"
#include "tests/correct/kernels/interpret_kernel.h"

namespace imbrex::test {
namespace {

// The bound is that of compare_values: one rounding of the result, and f32 roundings on the way to it.
TEST(SharedBlocks, AgreeWithTheirReferences) {
  for (const kernels::Entry& entry : kernels::registry()) {
    if (entry.name.rfind("nn/", 0) != 0) continue;
    const kernels::Built built = kernels::build(entry.name, "", "", {});
    for (const int64_t T : {1, 2, 15, 16, 17, 65}) {
      const kernels::Tensors inputs = inputs_of(built.program, T, 11, false);
      const kernels::Tensors results = interpreted(built.program, T, inputs, true);
      for (const auto& [name, expected] : built.reference(inputs))
        EXPECT_TRUE(kernels::compare_values(name, results.at(name), expected).pass()) << entry.name << " " << name << " T=" << T;
    }
  }
}

}  // namespace
}  // namespace imbrex::test
