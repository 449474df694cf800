// From a program to C++ there is one way, runtime/driver.cpp: no other file of the command or of the runtime takes a step of it by
// itself, and the headers that driver.h names are there.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;
const fs::path kImbrex = fs::path(IMBREX_SOURCE_DIR) / "imbrex";

TEST(Driver, IsTheOnlyOne) {
  const std::regex step(
      R"((optimize::optimize|plan::make_plan|codegen::generate|codegen::generate_many|optimize::check_annotations|prove::prove)\()");
  std::vector<std::string> taken;
  for (const char* folder : {"tools", "runtime"})
    for (const auto& entry : fs::directory_iterator(kImbrex / folder)) {
      const std::string text = read_text(entry.path());
      if (entry.path().filename() != "driver.cpp") {
        EXPECT_FALSE(std::regex_search(text, step)) << entry.path() << " takes a step of runtime/driver.cpp by itself";
        continue;
      }
      for (std::sregex_iterator it(text.begin(), text.end(), step), end; it != end; ++it) taken.push_back((*it)[1]);
    }
  for (const char* each :
       {"optimize::check_annotations", "prove::prove", "optimize::optimize", "plan::make_plan", "codegen::generate"})
    EXPECT_NE(std::find(taken.begin(), taken.end(), each), taken.end()) << each;
}

TEST(Driver, NamesHeadersThatAreThere) {
  const std::string text = read_text(kImbrex / "runtime/driver.h"), comment = text.substr(0, text.find("#pragma once"));
  const std::regex header(R"(\b([a-z_]+/)?([a-z_]+\.h)\b)");
  int found = 0;
  for (std::sregex_iterator it(comment.begin(), comment.end(), header), end; it != end; ++it, ++found) {
    const std::string folder = (*it)[1].matched ? (*it)[1].str() : "runtime/";
    EXPECT_TRUE(fs::exists(kImbrex / (folder + (*it)[2].str()))) << (*it)[0];
  }
  EXPECT_GE(found, 10);
}

}  // namespace
}  // namespace imbrex::tests
