// `cmake --install`, then a project of its own that says find_package(imbrex): a C program on a kernel of imbrex_add_kernels(),
// and a C++ program that compiles a kernel when it runs.
#include <gtest/gtest.h>

#include "support/command.h"

namespace imbrex::tests {
namespace {

constexpr const char* kProject = R"(cmake_minimum_required(VERSION 3.22)
project(consumer LANGUAGES C CXX)
find_package(imbrex REQUIRED)
imbrex_add_kernels(norms KERNEL nn/rms_norm ISAS scalar avx2 SYMBOL norm HEADER norms.h)
add_executable(consumer main.c)
target_link_libraries(consumer PRIVATE norms)
set_target_properties(consumer PROPERTIES LINKER_LANGUAGE C)
add_executable(author author.cpp)
target_link_libraries(author PRIVATE imbrex::runtime imbrex::language)
)";

constexpr const char* kProgram = R"(#include <stdio.h>
#include <stdlib.h>
#include "norms.h"

int main(void) {
  const imbrex_kernel* kernel = norm("scalar");
  char text[200];
  imbrex_call call = {0};
  call.nth = 1;
  if (kernel == NULL || norm("neon") != NULL || norm("avx512") != NULL) return 1;
  if (imbrex_check_call(kernel, &call, text, sizeof text) != IMBREX_NULL_POINTER) return 2;
  printf("%s %s %d tensors, %s\n", kernel->name, kernel->isa, NORM_TENSOR_COUNT, text);
  return kernel->tensor_count == NORM_TENSOR_COUNT && kernel->dim_count == NORM_DIM_COUNT ? 0 : 3;
}
)";

constexpr const char* kAuthor = R"(#include <cstdio>

#include "imbrex/language/language.h"
#include "imbrex/runtime/kernel.h"
using namespace imbrex;

int main() {
  const Kernel twice = kernel("twice", [](Builder& k) {
    Dim T = k.dim("T");
    Tensor x = k.input("x", f32, {T, 8}), y = k.output("y", f32, {T, 8});
    parallel(tiles(T, 16), [&](Span t) { y(t, all) = x(t, all) * 2.0f; });
  });
  float input[3][8] = {{1, 2, 3}}, output[3][8];
  runtime::Call call(runtime::compile(twice.program()));
  call.bind("x", {input, f32, {3, 8}, {}}).bind("y", {output, f32, {3, 8}, {}});
  call.run();
  std::printf("twice %g\n", output[0][2]);
}
)";

TEST(InstalledImbrex, ServesAnotherProject) {
  const TemporaryFolder folder;
  const auto run = [&](const std::string& command) {
    const CommandResult result = run_command(command);
    EXPECT_EQ(result.status, 0) << command << "\n" << result.out << result.err;
    return result;
  };
  const std::string sanitizer =
      *IMBREX_SANITIZE == 0 ? "" : "-DCMAKE_C_FLAGS=-fsanitize=" IMBREX_SANITIZE " -DCMAKE_CXX_FLAGS=-fsanitize=" IMBREX_SANITIZE;
  run(fmt::format("cmake --install '{}' --prefix '{}'", IMBREX_BINARY_DIR, folder.file("prefix")));
  std::filesystem::create_directories(folder.file("consumer"));
  write_text(folder.file("consumer/CMakeLists.txt"), kProject);
  write_text(folder.file("consumer/main.c"), kProgram);
  write_text(folder.file("consumer/author.cpp"), kAuthor);
  run(fmt::format("cmake -S '{0}/consumer' -B '{0}/build' -DCMAKE_PREFIX_PATH='{0}/prefix' -DCMAKE_BUILD_TYPE=Release {1}",
                  folder.path(), sanitizer));
  run(fmt::format("cmake --build '{}/build'", folder.path()));
  const CommandResult result = run(fmt::format("'{}/build/consumer'", folder.path()));
  EXPECT_NE(result.out.find("scalar"), std::string::npos) << result.out;
  EXPECT_EQ(run(fmt::format("IMBREX_CACHE='{0}/cache' '{0}/build/author'", folder.path())).out, "twice 6\n");
}

}  // namespace
}  // namespace imbrex::tests
