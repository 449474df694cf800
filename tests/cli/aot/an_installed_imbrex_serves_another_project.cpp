// `cmake --install`, then a project of its own that says find_package(imbrex): a C program on a kernel of imbrex_add_kernels().
#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "cli/aot/clang.h"
#include "cli/aot/host_project.h"
#include "imbrex/runtime/abi.h"
#include "imbrex/target/target.h"

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

constexpr const char* kInstanceProgram =
    "#include <stdio.h>\n#include \"imbrex/deepseek_v4.h\"\nint main(void) { return puts(imbrex_v4_instance(0)) < 0; }\n";

using InstalledImbrex = HostProject;

// A target with code that no machine like this one runs.
const target::Target& of_another_processor() {
  for (const target::Target* target : target::targets_with_code())
    if (!imbrex_is_of_this_architecture(&target->needs)) return *target;
  throw std::logic_error("code is generated for one architecture alone");
}

// A message of CMake's, which breaks its lines.
std::string in_one_line(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

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
  write("main.c", kInstanceProgram);
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

// clang's linker is lld where that is installed, which cannot join the library's objects; of objects for optimization when they are
// linked nobody can hide a function.
TEST_F(InstalledImbrex, MakesAnOperatorWithWhateverLinkerAndFlagsTheProjectHas) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "linked without the sanitizers' libraries";
  write_project(
      "imbrex_add_deepseek_v4(my_front MODELS 512/256/1e-6 HEADS 1 CACHES bf16/1 ISAS scalar)\n"
      "foreach(library my_front my_front_static)\n  add_executable(with_${library} main.c)\n"
      "  target_link_libraries(with_${library} PRIVATE ${library})\nendforeach()\n");
  write("main.c", kInstanceProgram);
  std::vector<std::string> projects = {
      "-DCMAKE_BUILD_TYPE=Release -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON -DCMAKE_INTERPROCEDURAL_OPTIMIZATION_RELEASE=ON",
      "-DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS=-flto -DCMAKE_CXX_FLAGS=-flto"};
  if (run_command("clang --version").status == 0 && clang_here() == "clang++")
    projects.emplace_back("-DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++");
  for (const std::string& project : projects) {
    SCOPED_TRACE(project);
    std::filesystem::remove_all(path("build"));
    configure_and_build(project);
    for (const char* library : {"my_front", "my_front_static"})
      EXPECT_EQ(succeed(fmt::format("'{}/with_{}'", path("build"), library)).out,
                "W8A8, hidden 512, heads 1, q_lora 256, eps 1e-6, bf16/bf16, extra 0\n");
  }
}

TEST_F(InstalledImbrex, SaysAtConfigureThatItNeedsGnuLd) {
  write_project("imbrex_add_deepseek_v4(my_front MODELS 512/256/1e-6 HEADS 1 ISAS scalar)\n");
  const CommandResult result = configure("-DIMBREX_JOINING_LINKER=/bin/true");
  EXPECT_NE(result.status, 0);
  const std::string said = in_one_line(result.err);
  EXPECT_NE(said.find("needs GNU ld, which has --force-group-allocation"), std::string::npos) << result.err;
  EXPECT_NE(said.find("None of these does: /bin/true."), std::string::npos) << result.err;
}

TEST_F(InstalledImbrex, RefusesAModelThatWouldHaveNoFront) {
  write_project("imbrex_add_deepseek_v4(my_front MODELS 512/256/1e-6/128/4 HEADS 16 8)\n");
  const CommandResult result = configure();
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("HEADS 16;8"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("has 4"), std::string::npos) << result.err;
}

TEST_F(InstalledImbrex, RefusesInstructionSetsThatItCannotBuildAtConfigure) {
  struct Case {
    const char *isas, *expected;
  };
  for (const auto& [isas, expected] : {Case{of_another_processor().name.c_str(), "expected some of scalar "},
                                       {"scalar scalar", "ISAS scalar is given twice"},
                                       {"scalar,avx2", "ISAS scalar,avx2: "},
                                       {"sse9", "ISAS sse9: "}})
    for (const char* call : {"imbrex_add_kernels(mine KERNEL nn/rms_norm ISAS {})\n",
                             "imbrex_add_deepseek_v4(mine MODELS 512/256/1e-6 HEADS 2 ISAS {})\n"}) {
      write_project(fmt::format(fmt::runtime(call), isas));
      const CommandResult result = configure();
      EXPECT_NE(result.status, 0) << isas;
      EXPECT_NE(in_one_line(result.err).find(expected), std::string::npos) << result.err;
    }
  const CommandResult twice =
      run_command(fmt::format("'{}' aot nn/rms_norm --isa scalar,scalar -o '{}'", IMBREX_COMMAND, path("twice")));
  EXPECT_EQ(twice.status, 1);
  EXPECT_NE(twice.err.find("error [option-value]: the instruction set scalar is given twice"), std::string::npos) << twice.err;
}

// The operator's own code is in the installed library, which is of this processor.
TEST_F(InstalledImbrex, RefusesToMakeAnOperatorForAnotherProcessor) {
  std::string another = target::name_of(of_another_processor().needs.architecture);
  std::replace(another.begin(), another.end(), '-', '_');  // as CMake has it
  write_project("imbrex_add_deepseek_v4(mine MODELS 512/256/1e-6 HEADS 2)\n");
  const CommandResult result = configure(fmt::format(
      "-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR={} -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY", another));
  EXPECT_NE(result.status, 0);
  EXPECT_NE(in_one_line(result.err).find(fmt::format("Use an Imbrex that was built for {}", another)), std::string::npos)
      << result.err;
}

TEST_F(InstalledImbrex, SaysHowTheMissingComponentIsBuilt) {
  write("CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.22)\nproject(host)\nfind_package(imbrex REQUIRED COMPONENTS deepseek_v4)\n");
  const CommandResult result = configure();
  if (result.status == 0) GTEST_SKIP() << "this Imbrex has the component";
  EXPECT_NE(in_one_line(result.err).find("build it with -DIMBREX_DEEPSEEK_V4=ON"), std::string::npos) << result.err;
}

TEST_F(InstalledImbrex, HasTheHeadersThatItsHeadersInclude) {
  const std::filesystem::path root = path("prefix/include");
  int includes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_directory()) continue;
    std::istringstream lines(read_text(entry.path().string()));
    for (std::string line; std::getline(lines, line);) {
      const std::string begin = "#include \"imbrex/";
      if (line.rfind(begin, 0) != 0) continue;
      const std::string name = line.substr(10, line.find('"', 10) - 10);
      EXPECT_TRUE(std::filesystem::exists(root / name)) << entry.path() << " includes " << name;
      ++includes;
    }
  }
  EXPECT_GE(includes, 100);
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
