// A project that adds the tree with add_subdirectory(): its own targets are compiled as without, and ours with our flags.
#include <gtest/gtest.h>

#include <sstream>

#include "support/command.h"

namespace imbrex::tests {
namespace {

// What `file` is compiled with, in a compile_commands.json.
std::string command_of(const std::string& commands, const std::string& file) {
  std::istringstream lines(commands);
  std::string command;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"command\":") != std::string::npos) command = line;
    if (line.find("\"file\":") != std::string::npos && line.find(file) != std::string::npos) return command;
  }
  return "";
}

class AddedProject : public testing::Test {
 protected:
  CommandResult configure(const std::string& languages, const std::string& rest, const std::string& options) const {
    write_text(folder_.file("CMakeLists.txt"), fmt::format("cmake_minimum_required(VERSION 3.22)\nproject(host LANGUAGES {})\n"
                                                           "add_subdirectory(\"{}\" imbrex EXCLUDE_FROM_ALL)\n{}",
                                                           languages, IMBREX_SOURCE_DIR, rest));
    write_text(folder_.file("host.cpp"), "int main() { return 0; }\n");
    return run_command(
        fmt::format("cmake -S '{0}' -B '{0}/build' -DCMAKE_EXPORT_COMPILE_COMMANDS=ON {1}", folder_.path(), options));
  }
  std::string flags_of(const std::string& file) const {
    return command_of(read_text(folder_.file("build/compile_commands.json")), file) + " ";
  }

  TemporaryFolder folder_;
};

TEST_F(AddedProject, ChangesNoFlagOfItsHost) {
  const CommandResult result =
      configure("C CXX", "add_executable(host host.cpp)\nmessage(STATUS \"flags: ${CMAKE_CXX_FLAGS_RELEASE}.\")\n",
                "-DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS=-ffast-math");
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("flags: -O3 -DNDEBUG."), std::string::npos) << result.out;
  const std::string host = flags_of("/host.cpp"), ours = flags_of("imbrex/interpret/scalar.cpp");
  EXPECT_NE(host.find(" -ffast-math -O3 -DNDEBUG "), std::string::npos) << host;
  for (const char* flag : {"-O1", "-Wall", "-ffp-contract", "-fno-fast-math", "-std=", "-fPIC"})
    EXPECT_EQ(host.find(flag), std::string::npos) << host;
  EXPECT_LT(ours.find(" -ffast-math "), ours.find(" -fno-fast-math ")) << ours;
  EXPECT_LT(ours.find(" -fno-fast-math "), ours.find(" -ffp-contract=off ")) << ours;
  EXPECT_NE(ours.find(" -std=c++20 "), std::string::npos) << ours;
}

// The tree itself, with flags from the environment that would change results: those of the tree come last, also for the driver.
TEST(OwnProject, UndoesFlagsThatWouldChangeItsResults) {
  const TemporaryFolder folder;
  const CommandResult result =
      run_command(fmt::format("CXXFLAGS=-ffast-math cmake -G 'Unix Makefiles' -S '{}' -B '{}' -DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
                              IMBREX_SOURCE_DIR, folder.path()));
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  const std::string compiles = command_of(read_text(folder.file("compile_commands.json")), "imbrex/interpret/scalar.cpp");
  const std::string links = read_text(folder.file("libraries/tools/CMakeFiles/imbrex.dir/link.txt"));
  for (const std::string& command : {compiles, links}) {
    EXPECT_NE(command.find(" -ffast-math "), std::string::npos) << command;
    EXPECT_LT(command.find(" -ffast-math "), command.find(" -fno-fast-math ")) << command;
    EXPECT_NE(command.find(" -fno-fast-math "), std::string::npos) << command;
  }
}

TEST_F(AddedProject, LeavesTheBuildTypeToItsHost) {
  const CommandResult result =
      configure("C CXX", "add_executable(host host.cpp)\nmessage(STATUS \"type: '${CMAKE_BUILD_TYPE}'\")\n", "");
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("type: ''"), std::string::npos) << result.out;
}

// Its `cmake --install` is its own; nothing of Imbrex need be built for it.
TEST_F(AddedProject, IsNotInstalledWithItsHost) {
  const std::string host = "install(FILES host.cpp DESTINATION share)\n";
  const auto installed = [&](const std::string& options) {
    write_text(folder_.file("CMakeLists.txt"), fmt::format("cmake_minimum_required(VERSION 3.22)\nproject(host LANGUAGES CXX)\n"
                                                           "add_subdirectory(\"{}\" imbrex)\n{}",
                                                           IMBREX_SOURCE_DIR, host));
    write_text(folder_.file("host.cpp"), "int main() { return 0; }\n");
    const CommandResult made = run_command(fmt::format("cmake -S '{0}' -B '{0}/build' {1}", folder_.path(), options));
    EXPECT_EQ(made.status, 0) << made.out << made.err;
    return run_command(fmt::format("cmake --install '{0}/build' --prefix '{0}/prefix'", folder_.path()));
  };
  const CommandResult alone = installed("");
  EXPECT_EQ(alone.status, 0) << alone.out << alone.err;
  EXPECT_TRUE(std::filesystem::exists(folder_.file("prefix/share/host.cpp")));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("prefix/include/imbrex"))) << alone.out;
  const CommandResult asked = installed("-DIMBREX_INSTALL=ON");
  EXPECT_NE(asked.status, 0);  // its libraries, which were not built
  EXPECT_NE(asked.err.find("libimbrex_base.a"), std::string::npos) << asked.err;
}

// As after find_package(), whose targets ask for the language that their headers are written in.
TEST_F(AddedProject, HasTheTargetsOfAnInstalledOne) {
  const CommandResult result = configure(
      "C CXX",
      "add_executable(host host.cpp)\ntarget_link_libraries(host PRIVATE imbrex::runtime imbrex::language imbrex::kernels)\n",
      "-DCMAKE_CXX_STANDARD=11");
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  const std::string host = flags_of("/host.cpp");
  EXPECT_NE(host.find("++20 "), std::string::npos) << host;
}

}  // namespace
}  // namespace imbrex::tests
