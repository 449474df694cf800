#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/runtime/kernel.h"
#include "tests/support/temporary_folder.h"

namespace imbrex::runtime {
namespace {

// x is 1 + 2^-12, whose square is rounded to 1 + 2^-11: only a fused multiply-add leaves a difference.
TEST(FlagsOfACaller, LeaveEachOperationRoundedByItself) {
  const ir::Program program = ir::parse(
      "imbrex 1\nkernel \"k\" {\n  dim T\n  input x: f32[T, 64]\n  output y: f32[T, 64]\n"
      "  parallel t in tiles(T, 8) { y[t, :] = x[t, :] * x[t, :] - 1.00048828125 }\n}\n",
      "k.tile");
  const tests::TemporaryFolder folder;
  for (const std::string flag : {"-DNDEBUG", "-ffp-contract=fast", "-ffast-math", "-Ofast"}) {
    CompileOptions options;
    options.cache.directory = folder.path();
    options.flags = {flag};
    const CompiledKernel kernel = compile(program, options);
    Array x = Array::zeros(DType::f32, {3, 64}), y = x;
    std::fill_n(x.as<float>(), x.size(), 1 + 0x1p-12f);
    Executor executor(1);
    Call(kernel).bind("x", TensorView::of(x)).bind("y", TensorView::of(y)).run(executor, 1);
    for (int64_t i = 0; i < y.size(); ++i) ASSERT_EQ(y.as<float>()[i], 0) << flag;
  }
}

}  // namespace
}  // namespace imbrex::runtime
