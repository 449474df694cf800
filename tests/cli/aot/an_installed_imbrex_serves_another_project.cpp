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

}  // namespace
}  // namespace imbrex::tests
