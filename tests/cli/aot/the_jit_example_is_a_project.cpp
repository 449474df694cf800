// examples/jit as it stands: a project that finds an installed Imbrex, or has its tree, and compiles a kernel when it runs.
#include "cli/aot/clang.h"
#include "cli/aot/host_project.h"

namespace imbrex::tests {
namespace {

class JitExample : public HostProject {
 protected:
  void SetUp() override {
    HostProject::SetUp();
    std::filesystem::copy(IMBREX_SOURCE_DIR "/examples/jit", path("host"));
  }
  // What it prints where the kernel is compiled anew, and from the cache.
  void expect_run(const std::string& compiler = "") const {
    const std::string run = fmt::format("IMBREX_CACHE='{}' IMBREX_ISA=scalar {} '{}'", path("cache" + compiler),
                                        compiler.empty() ? "" : "IMBREX_CXX=" + compiler, path("build/jit"));
    EXPECT_EQ(succeed(run).out, "jit: normalized_product, scalar, as expected\n");
    EXPECT_EQ(succeed("PATH=/usr/bin:/bin " + run).out, "jit: normalized_product, scalar, as expected\n");
  }
};

TEST_F(JitExample, FindsAnInstalledImbrex) {
  configure_and_build();
  expect_run();
}

TEST_F(JitExample, HasTheTreeOfImbrex) { expect_success(configure("-DIMBREX_TREE='" IMBREX_SOURCE_DIR "'")); }

TEST_F(JitExample, IsCompiledByClang) {
  const std::string clang = clang_here();
  if (clang.empty()) GTEST_SKIP() << no_clang;
  configure_and_build("-DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=" + clang);
  expect_run(clang);
}

}  // namespace
}  // namespace imbrex::tests
