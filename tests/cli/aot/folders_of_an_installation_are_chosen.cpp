// CMAKE_INSTALL_INCLUDEDIR and CMAKE_INSTALL_LIBDIR: Imbrex and what it makes are found wherever distributions put libraries and headers.
#include <gtest/gtest.h>

#include <filesystem>

#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// A build of Imbrex with other folders, whose files are those of the build under test.
class Folders : public testing::Test {
 protected:
  void SetUp() override {
    if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "linked without the sanitizers' libraries";
    fs::create_directories(path("host"));
    write_text(
        path("host/main.c"),
        "#include <stdio.h>\n#include \"imbrex/deepseek_v4.h\"\nint main(void) { return puts(imbrex_v4_instance(0)) < 0; }\n");
    write_text(
        path("host/base.cpp"),
        "#include \"imbrex/base/digest.h\"\nint main() { return imbrex::digest_of(\"a\", 1) == imbrex::digest_of(\"b\", 1); }\n");
    write_text(path("host/compiler.c"), "#include \"imbrex/imbrex.h\"\nint main(void) { return imbrex_error_text(0) == 0; }\n");
    write_text(path("host/CMakeLists.txt"),
               "cmake_minimum_required(VERSION 3.22)\nproject(host LANGUAGES C CXX)\nfind_package(imbrex REQUIRED)\n"
               "add_executable(base base.cpp)\ntarget_link_libraries(base PRIVATE imbrex::base)\n"
               "add_executable(compiler compiler.c)\ntarget_link_libraries(compiler PRIVATE imbrex::shared)\n"
               "imbrex_add_deepseek_v4(front MODELS 512/256/1e-6 HEADS 1 CACHES bf16/1 ISAS scalar)\n"
               "add_executable(main main.c)\ntarget_link_libraries(main PRIVATE front)\n"
               "imbrex_install_deepseek_v4(front)\n");
  }
  std::string path(const std::string& name) const { return folder_.file(name); }
  static std::string succeed(const std::string& command) {
    const CommandResult result = run_command(command);
    EXPECT_EQ(result.status, 0) << command << "\n" << result.out << result.err;
    return result.out;
  }

  // Installs Imbrex, from which a project then makes the operator and installs it, into folders of the same names.
  void install(const std::string& folders, const std::string& package) const {
    const auto configure = [&](const std::string& source, const std::string& build, const std::string& prefix,
                               const std::string& more) {
      succeed(fmt::format("cmake -S '{}' -B '{}' -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX='{}' {} {}", source,
                          path(build), path(prefix), folders, more));
    };
    configure(IMBREX_SOURCE_DIR, "imbrex", "prefix", "");
    succeed(fmt::format(
        "cd '{}' && for file in imbrex imbrex-mpi libraries/lib*; do if [ -f $file ]; then cp -P $file '{}'/$file; fi; done",
        IMBREX_BINARY_DIR, path("imbrex")));
    succeed(fmt::format("cmake --install '{}'", path("imbrex")));
    configure(path("host"), "build", "engine", fmt::format("-Dimbrex_DIR='{}'", path(package)));
    succeed(fmt::format("cmake --build '{}'", path("build")));
    for (const char* program : {"base", "compiler", "main"}) succeed(fmt::format("'{}/{}'", path("build"), program));
    succeed(fmt::format("cmake --install '{}'", path("build")));
  }

  // What pkg-config says of the operator in `libraries`.
  std::string said(const std::string& libraries, const std::string& what) const {
    std::string text = succeed(fmt::format("PKG_CONFIG_PATH='{}/pkgconfig' pkg-config {} front", path(libraries), what));
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
  }
  // A program of these files, by pkg-config alone.
  void expect_program(const std::string& libraries) const {
    succeed(fmt::format(
        "cd '{}' && cc host/main.c -o program $(PKG_CONFIG_PATH='{}/pkgconfig' pkg-config --cflags --libs front_static)",
        path(""), path(libraries)));
    succeed(fmt::format("'{}'", path("program")));
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(Folders, BelowThePrefix) {
  install("-DCMAKE_INSTALL_INCLUDEDIR=inc/v1 -DCMAKE_INSTALL_LIBDIR=lib/some", "prefix/lib/some/cmake/imbrex");
  EXPECT_TRUE(fs::exists(path("prefix/inc/v1/imbrex/base/digest.h")));
  EXPECT_TRUE(fs::exists(path("engine/inc/v1/imbrex/deepseek_v4.h")));
  if (run_command("pkg-config --version").status != 0) GTEST_SKIP() << "no pkg-config";
  expect_program("engine/lib/some");
  fs::rename(path("engine"), path("moved"));
  expect_program("moved/lib/some");
}

// As absolute paths, which need not be below the prefix.
TEST_F(Folders, AnywhereElse) {
  install(fmt::format("-DCMAKE_INSTALL_INCLUDEDIR='{}' -DCMAKE_INSTALL_LIBDIR='{}'", path("inc"), path("lib")),
          "lib/cmake/imbrex");
  EXPECT_TRUE(fs::exists(path("inc/imbrex/base/digest.h")));
  if (run_command("pkg-config --version").status != 0) GTEST_SKIP() << "no pkg-config";
  expect_program("lib");
  EXPECT_EQ(said("lib", "--variable=prefix"), path("engine"));
  EXPECT_EQ(said("lib", "--variable=libdir"), path("lib"));
  EXPECT_EQ(said("lib", "--variable=includedir"), path("inc"));
}

// Headers alone elsewhere.
TEST_F(Folders, OfWhichOneIsBelowThePrefix) {
  install(fmt::format("-DCMAKE_INSTALL_INCLUDEDIR='{}' -DCMAKE_INSTALL_LIBDIR=lib", path("inc")), "prefix/lib/cmake/imbrex");
  if (run_command("pkg-config --version").status != 0) GTEST_SKIP() << "no pkg-config";
  expect_program("engine/lib");
  EXPECT_EQ(said("engine/lib", "--variable=includedir"), path("inc"));
}

}  // namespace
}  // namespace imbrex::tests
