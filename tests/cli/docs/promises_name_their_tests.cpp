// Each promise of docs/promises.md names tests that are there.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// SUITE.NAME of each test, and SUITE.* of each suite.
std::set<std::string> all_tests() {
  std::set<std::string> tests;
  const std::regex pattern(R"re(\nTEST(?:_F|_P)?\((\w+), (\w+)\))re");
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(IMBREX_SOURCE_DIR) / "tests")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string text = read_text(entry.path().string());
    for (std::sregex_iterator found(text.begin(), text.end(), pattern), end; found != end; ++found) {
      tests.insert((*found)[1].str() + "." + (*found)[2].str());
      tests.insert((*found)[1].str() + ".*");
    }
  }
  return tests;
}

TEST(Promises, name_their_tests) {
  const std::set<std::string> tests = all_tests();
  std::istringstream lines(read_text(std::string(IMBREX_SOURCE_DIR) + "/docs/promises.md"));
  const std::regex name(R"re(`(\w+\.(?:\w+|\*))`)re");
  int promises = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| ") || line.starts_with("| promise ")) continue;
    ++promises;
    const std::string last = line.substr(line.rfind(" | "));
    std::sregex_iterator found(last.begin(), last.end(), name), end;
    EXPECT_NE(found, end) << "no test: " << line;
    for (; found != end; ++found) EXPECT_TRUE(tests.contains((*found)[1])) << "there is no test " << (*found)[1];
  }
  EXPECT_GE(promises, 20);
}

}  // namespace
}  // namespace imbrex::tests
