// Kernels of one request have files and constants of their own.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/runtime/aot.h"
#include "tests/support/temporary_folder.h"

namespace imbrex::runtime {
namespace {

// What is wrong with a request for kernels of these symbols.
std::string outcome(const std::vector<std::string>& symbols) {
  const tests::TemporaryFolder folder;
  AotRequest request;
  request.directory = folder.path();
  request.targets = {target::target_named("scalar"), target::target_named("avx2")};
  for (const std::string& symbol : symbols)
    request.kernels.push_back(
        {ir::parse("imbrex 1\nkernel \"k\" {\ndim T\noutput y: f32[T, 4]\ny[:, :] = full(f32, [T, 4], 1.0)\n}\n", "k.tile"),
         symbol, symbol});
  try {
    write_ahead_of_time(request);
  } catch (const UserError& error) {
    EXPECT_EQ(folder.entries(), 0u);
    return error.diagnostics().at(0).id + ": " + error.diagnostics().at(0).message;
  }
  return "";
}

TEST(AheadOfTimeNames, DoNotCollide) {
  EXPECT_EQ(outcome({"front", "back"}), "");
  EXPECT_EQ(outcome({"front", "front"}), "bad-symbol: two kernels would have files or constants called FRONT");
  EXPECT_EQ(outcome({"front", "Front"}), "bad-symbol: two kernels would have files or constants called FRONT");
  EXPECT_EQ(outcome({"front", "front_avx2"}), "bad-symbol: two kernels would have files or constants called FRONT_AVX2");
  EXPECT_EQ(outcome({"imbrex_call"}), "bad-symbol: `imbrex_call` is not the name of a C function, or one of Imbrex's own");
}

}  // namespace
}  // namespace imbrex::runtime
