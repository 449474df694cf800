// `cmake --install`, then a project of its own that says find_package(imbrex): a C program on a kernel of imbrex_add_kernels(),
// and a C++ program that compiles a kernel when it runs.
#include "cli/aot/host_project.h"
#include "imbrex/runtime/abi.h"

namespace imbrex::tests {
namespace {

constexpr const char* kProject = R"(imbrex_add_kernels(norms KERNEL nn/rms_norm ISAS scalar avx2 SYMBOL norm HEADER norms.h)
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
  if (kernel->semantics != IMBREX_SEMANTICS || kernel->version[0] == 0) return 4;
  printf("%s %s %d tensors, %s; Imbrex %s\n", kernel->name, kernel->isa, NORM_TENSOR_COUNT, text, kernel->version);
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

using InstalledImbrex = HostProject;

TEST_F(InstalledImbrex, ServesAnotherProject) {
  write_project(kProject);
  write("main.c", kProgram);
  write("author.cpp", kAuthor);
  configure_and_build();
  const CommandResult result = succeed(path("build/consumer"));
  EXPECT_NE(result.out.find("scalar"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("Imbrex " IMBREX_VERSION "\n"), std::string::npos) << result.out;
  EXPECT_EQ(succeed(fmt::format("IMBREX_CACHE='{}' '{}'", path("cache"), path("build/author"))).out, "twice 6\n");
}

}  // namespace
}  // namespace imbrex::tests
