// Kernels that `imbrex aot` writes for aarch64 here, compiled for it and run by an emulator: each of its targets gives the bits
// of the interpreter, whatever the floating-point mode of the threads that call it.
#include "correct/aarch64/emulator.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/tools/subject.h"
#include "imbrex/tools/subject_inputs.h"

namespace imbrex::test {
namespace {

// What driver.c runs: kernels of some headers, by the functions of their names.
std::string list_of(const std::string& symbol) {
  return fmt::format(
      "#include \"kernels.h\"\n"
      "static const struct {{\n  const char* name;\n  const imbrex_kernel* (*get)(const char* isa);\n}} kernels_to_run[] = {{\n"
      "    {{\"{0}\", {0}}}, {{NULL, NULL}}}};\n",
      symbol);
}

class Kernels : public OnAarch64 {
 protected:
  static std::string in_cache(const std::string& arguments) {
    return fmt::format("IMBREX_CACHE='{}/test-cache' '{}' {}", IMBREX_BINARY_DIR, IMBREX_COMMAND, arguments);
  }

  static void expect_bits(const std::string& name) {
    const tools::Subject subject = tools::subject_of({name, "", "demo", {}});
    const std::vector<const target::Target*> targets = target::targets_of(IMBREX_AARCH64);
    EmulatedRuns runs;
    const std::string folder = runs.folder().path();
    std::string isas;
    for (const target::Target* target : targets) isas += (isas.empty() ? "" : ",") + target->name;
    const tests::CommandResult written =
        run_command(in_cache(fmt::format("aot {} --preset demo --isa {} --symbol tested -o '{}'", name, isas, folder)));
    ASSERT_EQ(written.status, 0) << written.err;
    for (const target::Target* target : targets)
      expect_success(fmt::format(
          "cd '{0}' && {1} -Wall -Wextra -Werror '@source/tested_{2}.flags' -Isource -c source/tested_{2}.cpp -o {2}.o", folder,
          kCompiler, target->name));
    expect_success(fmt::format("cd '{}' && {} -std=c++20 -Wall -Wextra -Werror -Isource -c source/tested.cpp -o dispatch.o",
                               folder, kCompiler));
    std::ofstream(folder + "/kernels_to_run.h") << list_of("tested");
    expect_success(link_driver(runs, "-Iinclude *.o"));
    if (HasFailure()) return;
    for (const int64_t T : {1, 2, 3, 17, 33}) {
      const Dims dims = tools::dims_of(subject.program, {{"T", T}});
      const Tensors inputs = tools::made_inputs(subject, dims, 5);
      Tensors expected = inputs;
      interpret::run(subject.program, dims, expected);
      runs.add(subject.program, "tested", dims, inputs, std::move(expected));
    }
    for (const target::Target* target : targets)
      for (const int threads : {1, 2, 3}) EXPECT_EQ(runs.differences(*target, threads), "");
  }
};

TEST_F(Kernels, of_the_attention_front) { expect_bits("deepseek_v4/qkv_proj_rope"); }
TEST_F(Kernels, of_norms) { expect_bits("nn/rms_norm"), expect_bits("nn/layer_norm"); }
TEST_F(Kernels, of_softmax) { expect_bits("nn/softmax"); }
TEST_F(Kernels, of_products) { expect_bits("nn/matmul"), expect_bits("nn/gemm_bias_silu"); }
TEST_F(Kernels, of_rotations_and_quantized_rows) { expect_bits("nn/rope_interleaved"), expect_bits("nn/quantize_rows"); }

}  // namespace
}  // namespace imbrex::test
