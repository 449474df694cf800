// Libraries with unlike kernels under one name, such as the presets of one: the order in which they are linked never decides
// which is called.
#include "cli/aot/host_project.h"
#include "imbrex/target/target.h"

namespace imbrex::tests {
namespace {

class TwoKernels : public HostProject {
 protected:
  void SetUp() override {
    HostProject::SetUp();
    for (const char* size : {"small", "large"})
      write(fmt::format("{}.c", size), fmt::format(R"(#include "nn_rms_norm.h"
int columns_of_{}(void) {{
  const int64_t dims[1] = {{1}};
  return (int)nn_rms_norm(0)->extent(NN_RMS_NORM_TENSOR_X, 1, dims);
}}
)",
                                                   size));
    write("main.c", R"(#include <stdio.h>
int columns_of_small(void);
int columns_of_large(void);
int main(void) {
  printf("%d %d\n", columns_of_small(), columns_of_large());
  return 0;
}
)");
  }

  // A library of this kind for each kernel, and a program of both in this order.
  static std::string project(const std::string& kind, const std::string& order) {
    return R"(set(CMAKE_POSITION_INDEPENDENT_CODE ON)
imbrex_add_kernels(small_kernels KERNEL nn/rms_norm ISAS scalar SET hidden=64)
imbrex_add_kernels(large_kernels KERNEL nn/rms_norm ISAS scalar SET hidden=128)
foreach(size small large)
  add_library(${size} )" +
           kind + R"( ${size}.c)
  target_link_libraries(${size} PRIVATE ${size}_kernels)
endforeach()
add_executable(main main.c)
target_link_libraries(main PRIVATE )" +
           order + ")\n";
  }
};

TEST_F(TwoKernels, AreEachTheirOwnInWhateverOrder) {
  for (const char* kind : {"STATIC", "SHARED"})
    for (const char* order : {"small large", "large small"}) {
      write_project(project(kind, order));
      configure_and_build();
      EXPECT_EQ(succeed(path("build/main")).out, "64 128\n") << kind << " " << order;
    }
}

// Whoever asks for it would get that of the library which comes first.
TEST_F(TwoKernels, HaveNoFunctionUnderTheNameAlone) {
  write("called.c", "const void* nn_rms_norm(const char* isa);\nint main(void) { return nn_rms_norm(0) == 0; }\n");
  write_project(project("STATIC", "small large") +
                "add_executable(called EXCLUDE_FROM_ALL called.c)\n"
                "target_link_libraries(called PRIVATE small_kernels large)\n");
  configure_and_build();
  const CommandResult result = run_command(fmt::format("cmake --build '{}' --target called", path("build")));
  EXPECT_NE(result.status, 0);
  EXPECT_NE((result.out + result.err).find("undefined reference to `nn_rms_norm'"), std::string::npos) << result.out;
}

TEST_F(TwoKernels, AreFoundInLoadedLibrariesUnderTheirConstants) {
  write_project(project("SHARED", "small large") +
                "add_executable(loader loader.c)\ntarget_link_libraries(loader PRIVATE ${CMAKE_DL_LIBS})\n"
                "target_include_directories(loader PRIVATE ${CMAKE_BINARY_DIR}/small_kernels/include)\n"
                "add_dependencies(loader small large)\n");
  write("loader.c", R"(#include <dlfcn.h>
#include "nn_rms_norm.h"
int main(int count, char** paths) {
  void* library = dlopen(paths[1], RTLD_NOW | RTLD_GLOBAL);
  if (count != 2 || library == 0 || dlsym(library, "nn_rms_norm") != 0) return 2;
  return dlsym(library, NN_RMS_NORM_FUNCTION) == 0;
}
)");
  configure_and_build();
  for (const auto& [size, status] : {std::pair{"small", 0}, {"large", 1}})
    EXPECT_EQ(run_command(fmt::format("'{0}/loader' '{0}/lib{1}.so'", path("build"), size)).status, status) << size;
}

// One of the two headers would hide the other.
TEST_F(TwoKernels, OfOneHeaderAreNotForOneTarget) {
  write_project(project("STATIC", "small_kernels large_kernels"));
  const CommandResult result = configure();
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("IMBREX_KERNEL_OF_nn_rms_norm_h"), std::string::npos) << result.err;
}

// One of the two would silently serve both.
TEST_F(TwoKernels, OfUnlikeInstructionSetsAreNotForOneTarget) {
  write("tile.tile", "imbrex 1\nkernel \"tile\" {\ndim T\noutput y: f32[T, 4]\ny[:, :] = full(f32, [T, 4], 1.0)\n}\n");
  const auto project_of = [](const char* first, const char* second) {
    return fmt::format(
        "imbrex_add_kernels(one KERNEL tile.tile ISAS {})\nimbrex_add_kernels(other KERNEL tile.tile ISAS {})\n"
        "add_executable(main main.c)\ntarget_link_libraries(main PRIVATE one other)\n",
        first, second);
  };
  write_project(project_of("scalar", target::targets_of(IMBREX_THIS_ARCHITECTURE).at(1)->name.c_str()));
  const CommandResult result = configure();
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("IMBREX_KERNEL_OF_tile_h"), std::string::npos) << result.err;
  write_project(project_of("scalar", "scalar"));
  expect_success(configure());
}

// As `imbrex aot` calls them by default, in a folder for each.
TEST_F(TwoKernels, HaveHeadersThatDoNotHideEachOther) {
  for (const char* kernel : {"softmax", "rms_norm"})
    succeed(fmt::format("'{}' aot nn/{} --isa scalar -o '{}'", IMBREX_COMMAND, kernel, path(kernel)));
  write("both.c",
        fmt::format("#include \"{}\"\n#include \"{}\"\nint counts[] = {{NN_SOFTMAX_TENSOR_COUNT, NN_RMS_NORM_TENSOR_COUNT}};\n",
                    path("softmax/include/kernels.h"), path("rms_norm/include/kernels.h")));
  succeed(fmt::format("cc -fsyntax-only -I '{}' '{}'", path("softmax/include"), path("host/both.c")));
}

TEST_F(TwoKernels, LinkUnderTwoNames) {
  write_project(
      "imbrex_add_kernels(small KERNEL nn/rms_norm ISAS scalar SYMBOL small SET hidden=64 eps=1e-20)\n"
      "imbrex_add_kernels(large KERNEL nn/rms_norm ISAS scalar SYMBOL large SET hidden=128)\n"
      "add_executable(main both.c)\ntarget_link_libraries(main PRIVATE small large)\n");
  write("both.c", R"(#include "large.h"
#include "small.h"
int main(void) {
  const int64_t dims[1] = {1};
  return small(0)->extent(0, 1, dims) == 64 && large(0)->extent(0, 1, dims) == 128 ? 0 : 1;
}
)");
  configure_and_build();
  EXPECT_NE(read_text(path("build/small/include/small.h")).find("eps=1e-20 hidden=64"), std::string::npos);
  succeed(path("build/main"));
}

}  // namespace
}  // namespace imbrex::tests
