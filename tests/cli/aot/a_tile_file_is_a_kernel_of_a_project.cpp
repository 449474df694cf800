// imbrex_add_kernels() of a .tile file in a project's source folder.
#include "cli/aot/host_project.h"

namespace imbrex::tests {
namespace {

class TileFile : public HostProject {
 protected:
  void write_tile(const std::string& path, const std::string& factor) const {
    write(path, fmt::format(R"(imbrex 1
kernel "scale rows" {{
  dim T typical 128
  input x: f32[T, 4]
  output y: f32[T, 4]

  parallel i in 0 .. (T + 3) // 4 {{
    y[i * 4 +: min(T, i * 4 + 4) - i * 4, :] = x[i * 4 +: min(T, i * 4 + 4) - i * 4, :] * {}
  }}
}}
)",
                            factor));
  }
  void write_program() const {
    write("main.c", R"(#include <stdio.h>
#include "scale_rows.h"

int main(void) {
  static const float x[4] = {1, 2, 3, 4};
  static float y[4];
  const int64_t dims[1] = {1}, strides[2] = {4, 1};
  const imbrex_tensor tensors[2] = {{x, NULL, strides}, {NULL, y, strides}};
  const imbrex_kernel* kernel = scale_rows("scalar");
  _Alignas(64) static char workspace[4096];
  imbrex_call call = {0};
  call.dims = dims, call.tensors = tensors, call.nth = 1, call.workspace = workspace;
  call.workspace_bytes = sizeof workspace;
  if (kernel == NULL || imbrex_check_call(kernel, &call, NULL, 0) != IMBREX_OK) return 1;
  kernel->run(&call);
  printf("%g\n", y[3]);
  return 0;
}
)");
  }
};

constexpr const char* kProject = R"(imbrex_add_kernels(scale KERNEL kernels/scale.tile ISAS scalar)
add_executable(main main.c)
target_link_libraries(main PRIVATE scale)
)";

TEST_F(TileFile, IsFoundInTheSourceFolderAndNamedByItsKernel) {
  std::filesystem::create_directories(path("host/kernels"));
  write_tile("kernels/scale.tile", "2.0");
  write_program();
  write_project(kProject);
  configure_and_build();
  EXPECT_EQ(succeed(path("build/main")).out, "8\n");
  write_tile("kernels/scale.tile", "3.0");  // what was edited is built again
  expect_success(build());
  EXPECT_EQ(succeed(path("build/main")).out, "12\n");
}

TEST_F(TileFile, ThatIsNotThereIsNamed) {
  write_project(kProject);
  const CommandResult result = configure();
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("there is no file"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("/host/kernels/scale.tile"), std::string::npos) << result.err;
}

TEST_F(TileFile, HasAnyPath) {
  std::filesystem::create_directories(path("host/a*"));
  write_tile("a*/b.tile", "2.0");
  const CommandResult result =
      succeed(fmt::format("'{}' aot '{}' --isa scalar -o '{}'", IMBREX_COMMAND, path("host/a*/b.tile"), path("out")));
  EXPECT_NE(result.out.find("/source/scale_rows.cpp\n"), std::string::npos) << result.out;
  succeed(fmt::format("echo '#include \"kernels.h\"' | cc -Wall -Werror -fsyntax-only -I '{}' -x c -", path("out/include")));
  succeed(fmt::format("c++ -Wall -Werror -fsyntax-only -I '{0}/source' '{0}/source/scale_rows.cpp'", path("out")));
}

using ProjectInC = HostProject;

TEST_F(ProjectInC, IsToldToEnableCxx) {
  write_project("imbrex_add_kernels(norms KERNEL nn/rms_norm)\n", "C");
  const CommandResult result = configure();
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("kernels are compiled as C++; enable it"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("CMake Error: "), std::string::npos) << result.err;  // and nothing else
}

using UserOfKernelsAlone = HostProject;

TEST_F(UserOfKernelsAlone, NeedsNoFmt) {
  write_project(
      "imbrex_add_kernels(norms KERNEL nn/rms_norm ISAS scalar)\nadd_executable(main main.c)\n"
      "target_link_libraries(main PRIVATE norms)\n");
  write("main.c", R"(#include <stdio.h>
#include "nn_rms_norm.h"
int main(void) {
  puts(nn_rms_norm(NULL)->name);
  return 0;
}
)");
  configure_and_build("-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON");
  EXPECT_EQ(succeed(path("build/main")).out, "rms_norm\n");
  // Nor does what is built: the program takes from libraries what C programs take.
  EXPECT_EQ(run_command(fmt::format("ldd '{}' | grep -c fmt", path("build/main"))).out, "0\n");
}

}  // namespace
}  // namespace imbrex::tests
