// A project of somebody else, which finds an installed Imbrex.
#pragma once

#include <gtest/gtest.h>

#include "support/command.h"

namespace imbrex::tests {

class HostProject : public testing::Test {
 protected:
  void SetUp() override {
    succeed(fmt::format("cmake --install '{}' --prefix '{}'", IMBREX_BINARY_DIR, path("prefix")));
    std::filesystem::create_directories(path("host"));
  }

  // host/CMakeLists.txt, behind its first lines.
  void write_project(const std::string& text, const std::string& languages = "C CXX") const {
    write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.22)\nproject(host LANGUAGES " + languages +
                                ")\nfind_package(imbrex REQUIRED)\n" + text);
  }
  void write(const std::string& name, const std::string& text) const { write_text(path("host/" + name), text); }

  CommandResult configure(const std::string& options = "") const {
    const std::string sanitizer = *IMBREX_SANITIZE == 0 ? ""
                                                        : "-DCMAKE_C_FLAGS=-fsanitize=" IMBREX_SANITIZE
                                                          " -DCMAKE_CXX_FLAGS=-fsanitize=" IMBREX_SANITIZE;
    return run_command(fmt::format("cmake -S '{0}/host' -B '{0}/build' -DCMAKE_PREFIX_PATH='{0}/prefix' {1} {2}", folder_.path(),
                                   sanitizer, options));
  }
  CommandResult build() const { return run_command(fmt::format("cmake --build '{}'", path("build"))); }
  void configure_and_build(const std::string& options = "-DCMAKE_BUILD_TYPE=Release") const {
    expect_success(configure(options));
    expect_success(build());
  }

  static void expect_success(const CommandResult& result) { EXPECT_EQ(result.status, 0) << result.out << result.err; }
  static CommandResult succeed(const std::string& command) {
    const CommandResult result = run_command(command);
    EXPECT_EQ(result.status, 0) << command << "\n" << result.out << result.err;
    return result;
  }
  std::string path(const std::string& name) const { return folder_.file(name); }

 private:
  TemporaryFolder folder_;
};

}  // namespace imbrex::tests
