// Code generation decides nothing: it sees a plan, not the optimizer that made the program, and does not read what it has written.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "support/command.h"

namespace imbrex::tests {
namespace {

TEST(CodeGeneration, prints_plans) {
  int files = 0;
  const std::regex included("#include \"(imbrex/[a-z]+)/[^\"]*\"");
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(IMBREX_SOURCE_DIR) / "imbrex/codegen")) {
    const std::string text = read_text(entry.path());
    ++files;
    for (std::sregex_iterator it(text.begin(), text.end(), included), end; it != end; ++it) {
      const std::string folder = (*it)[1];
      const bool is_below = folder == "imbrex/base" || folder == "imbrex/ir" || folder == "imbrex/target" ||
                            folder == "imbrex/plan" || folder == "imbrex/codegen" || folder == "imbrex/runtime";
      EXPECT_TRUE(is_below) << entry.path() << " includes " << (*it)[0];
      if (folder == "imbrex/runtime") {
        EXPECT_NE((*it)[0].str().find("runtime/abi.h"), std::string::npos) << entry.path();
      }
    }
    // A writer's text is taken once, for all of a kernel.
    const bool takes_text = text.find(".text()") != std::string::npos;
    EXPECT_TRUE(!takes_text || entry.path().filename() == "generate.cpp") << entry.path() << " reads what it has written";
  }
  EXPECT_GT(files, 10);
}

}  // namespace
}  // namespace imbrex::tests
