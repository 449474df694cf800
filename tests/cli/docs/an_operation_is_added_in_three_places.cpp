// CONTRIBUTING.md says where an elementwise operation is written down. These are its files; a pass that had to name each such
// operation would add one, and fail here.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// Each place, and its files.
const std::map<std::string, std::set<std::string>> kPlaces = {
    {"what it is", {"ir/program.cpp", "language/tile.cpp", "language/names.cpp"}},
    {"what it means", {"interpret/interpreter.cpp", "interpret/operations.cpp"}},
    {"how it is computed", {"codegen/operations.cpp"}},
};

// Where more may be said of an operation; what is not there is understood all the same.
const std::set<std::string> kMore = {"prove/tile_values.cpp", "optimize/rewrites.cpp"};

TEST(Contributing, an_elementwise_operation_is_added_in_three_places) {
  EXPECT_EQ(kPlaces.size(), 3u);
  const fs::path imbrex = fs::path(IMBREX_SOURCE_DIR) / "imbrex";
  for (const char* operation : {"abs", "exp", "log"}) {
    const std::regex name(std::string("\\bOp::") + operation + "\\b");
    for (const auto& entry : fs::recursive_directory_iterator(imbrex)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
      if (!std::regex_search(read_text(entry.path().string()), name)) continue;
      const std::string file = fs::relative(entry.path(), imbrex).string();
      bool is_known = kMore.contains(file);
      for (const auto& [place, files] : kPlaces) is_known = is_known || files.contains(file);
      EXPECT_TRUE(is_known) << "imbrex/" << file << " has to know of " << operation;
    }
  }
  const std::string document = read_text(std::string(IMBREX_SOURCE_DIR) + "/CONTRIBUTING.md");
  EXPECT_NE(document.find("**an operation** touches three places"), std::string::npos);
  for (const auto& [place, files] : kPlaces)
    for (const std::string& file : files) EXPECT_NE(document.find('`' + file + '`'), std::string::npos) << file;
}

}  // namespace
}  // namespace imbrex::tests
