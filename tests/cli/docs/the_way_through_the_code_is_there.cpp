// CONTRIBUTING.md walks one kernel from C++ to a call: each function that it names is in the file that it names, and so is each file.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "support/command.h"

namespace imbrex::tests {
namespace {

TEST(TheWay, names_functions_where_they_are) {
  const std::string root = std::string(IMBREX_SOURCE_DIR) + "/", text = read_text(root + "CONTRIBUTING.md");
  const std::regex place(R"(`([a-z_]+)\(\)` in[ \n]`(imbrex/[a-z0-9_/]+\.cpp)`)");
  int found = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), place), end; it != end; ++it, ++found) {
    const std::string function = (*it)[1], file = (*it)[2];
    ASSERT_TRUE(std::filesystem::exists(root + file)) << file;
    // At the begin of a line, as definitions are, maybe as a member.
    const std::regex definition("\n[A-Za-z][A-Za-z0-9_:<>&, ]* ([A-Za-z]+::)*" + function + "\\(");
    EXPECT_TRUE(std::regex_search(read_text(root + file), definition)) << function << "() is not defined in " << file;
  }
  EXPECT_GE(found, 15);
}

TEST(TheWay, names_files_that_are_there) {
  const std::string root = std::string(IMBREX_SOURCE_DIR) + "/", text = read_text(root + "CONTRIBUTING.md");
  const std::regex file(R"(`((?:imbrex|docs|tests|scripts)/[A-Za-z0-9_./-]+)`)");
  int found = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), file), end; it != end; ++it, ++found)
    EXPECT_TRUE(std::filesystem::exists(root + (*it)[1].str())) << (*it)[1];
  EXPECT_GE(found, 20);
}

}  // namespace
}  // namespace imbrex::tests
