// `cmake --install`, then a project of its own that says find_package(imbrex): a C program on a kernel of imbrex_add_kernels().
#include "cli/aot/host_project.h"
#include "imbrex/runtime/abi.h"

namespace imbrex::tests {
namespace {

constexpr const char* kProject = R"(imbrex_add_kernels(norms KERNEL nn/rms_norm ISAS scalar avx2 SYMBOL norm HEADER norms.h)
add_executable(consumer main.c)
target_link_libraries(consumer PRIVATE norms)
set_target_properties(consumer PROPERTIES LINKER_LANGUAGE C)
)";

constexpr const char* kProgram = R"(#include <stdio.h>
#include <stdlib.h>
#include "norms.h"

int main(void) {
  const imbrex_kernel* kernel = norm("scalar");
  char text[200];
  imbrex_call call = {0};
  call.nth = 1;
  if (kernel == NULL || norm("sse9") != NULL || norm("avx512") != NULL) return 1;
  if (imbrex_check_call(kernel, &call, text, sizeof text) != IMBREX_NULL_POINTER) return 2;
  if (kernel->semantics != IMBREX_SEMANTICS || kernel->version[0] == 0) return 4;
  printf("%s %s %d tensors, %s; Imbrex %s\n", kernel->name, kernel->isa, NORM_TENSOR_COUNT, text, kernel->version);
  return kernel->tensor_count == NORM_TENSOR_COUNT && kernel->dim_count == NORM_DIM_COUNT ? 0 : 3;
}
)";

using InstalledImbrex = HostProject;

TEST_F(InstalledImbrex, ServesAnotherProject) {
  write_project(kProject);
  write("main.c", kProgram);
  configure_and_build();
  const CommandResult result = succeed(path("build/consumer"));
  EXPECT_NE(result.out.find("scalar"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("Imbrex " IMBREX_VERSION "\n"), std::string::npos) << result.out;
}

// An engine's own build of the operator, installed: another project finds it by pkg-config and needs no Imbrex.
TEST_F(InstalledImbrex, MakesAnOperatorThatNeedsNone) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "linked without the sanitizers' libraries";
  write_project(
      "imbrex_add_deepseek_v4(my_front MODELS 512/256/1e-6/128/1 512/256/1e-6/32/1 HEADS 2 1 CACHES bf16/1 ISAS "
      "scalar OPTIONS --machine zen5)\nimbrex_install_deepseek_v4(my_front)\n"
      "add_executable(consumer main.c)\ntarget_link_libraries(consumer PRIVATE my_front)\n");
  write("main.c",
        "#include <stdio.h>\n#include \"imbrex/deepseek_v4.h\"\nint main(void) { return puts(imbrex_v4_instance(0)) < 0; }\n");
  configure_and_build();
  const std::string expected = "W8A8, hidden 512, heads 1, q_lora 256, eps 1e-6, bf16/bf16, extra 0\n";
  EXPECT_EQ(succeed("'" + path("build/consumer") + "'").out, expected);
  // The front, whose products fetch so, is made for the machine that OPTIONS names.
  EXPECT_EQ(succeed("grep -rl 'FetchingAhead<16384>' --include='*scalar.cpp' '" + path("build") + "' | wc -l").out, "1\n");
  succeed("cmake --install '" + path("build") + "' --prefix '" + path("engine") + "'");
  if (run_command("pkg-config --version").status != 0) GTEST_SKIP() << "no pkg-config";
  // Moved after it was installed: with another prefix than was configured.
  for (const char* library : {"my_front", "my_front_static"}) {
    succeed("cd '" + path("") +
            "' && export PKG_CONFIG_PATH=\"$(dirname \"$(find \"$PWD/engine\" -name my_front.pc)\")\" && cc host/main.c -o "
            "engine/program $(pkg-config --cflags --libs " +
            library + ") -Wl,-rpath,\"$(pkg-config --variable=libdir " + library + ")\"");
    EXPECT_EQ(succeed("'" + path("engine/program") + "'").out, expected);
    const bool is_shared = succeed("ldd '" + path("engine/program") + "'").out.find("libmy_front") != std::string::npos;
    EXPECT_EQ(is_shared, std::string(library) == "my_front");
  }
}

TEST_F(InstalledImbrex, RefusesAModelThatWouldHaveNoFront) {
  write_project("imbrex_add_deepseek_v4(my_front MODELS 512/256/1e-6/128/4 HEADS 16 8)\n");
  const CommandResult result = configure();
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("HEADS 16;8"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("has 4"), std::string::npos) << result.err;
}

// Where CMake compiles for another processor, kernels are of that processor's instruction sets.
TEST_F(InstalledImbrex, ServesAProjectThatIsCompiledForAarch64) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers do not run in an emulator";
  for (const char* program : {"aarch64-linux-gnu-g++", "qemu-aarch64"})
    if (run_command(std::string(program) + " --version").status != 0) GTEST_SKIP() << "no " << program;
  write_project(
      "imbrex_add_kernels(norms KERNEL nn/rms_norm)\nadd_executable(consumer main.c)\n"
      "target_link_libraries(consumer PRIVATE norms -static)\n");
  write("main.c",
        "#include <stdio.h>\n#include \"nn_rms_norm.h\"\n"
        "int main(void) { return printf(\"%s %s\\n\", nn_rms_norm(NULL)->isa, nn_rms_norm(\"scalar\")->isa) < 0; }\n");
  configure_and_build(
      "-DCMAKE_BUILD_TYPE=Release -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 "
      "-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++");
  EXPECT_EQ(succeed("qemu-aarch64 '" + path("build/consumer") + "'").out, "neon scalar\n");
}

}  // namespace
}  // namespace imbrex::tests
