// The folders below imbrex/ depend on each other without a circle, and CONTRIBUTING.md's map has them all.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

const fs::path kImbrex = fs::path(IMBREX_SOURCE_DIR) / "imbrex";

// Each folder, and the others that it includes headers of, each with one source that does. runtime/abi.h, the interface of compiled
// kernels in C, is for all.
std::map<std::string, std::map<std::string, std::string>> included_folders() {
  const std::regex include("#include \"imbrex/([a-z]+)/([^\"]+)\"");
  std::map<std::string, std::map<std::string, std::string>> included;
  for (const auto& entry : fs::recursive_directory_iterator(kImbrex)) {
    const fs::path path = fs::relative(entry.path(), kImbrex);
    const std::string folder = path.begin()->string();
    if (entry.is_directory()) included[folder];
    if (!entry.is_regular_file() || !path.has_parent_path() || (path.extension() != ".cpp" && path.extension() != ".h")) continue;
    const std::string text = read_text(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), include), end; it != end; ++it)
      if ((*it)[1] != folder && (*it)[0].str().find("runtime/abi.h") == std::string::npos)
        included[folder][(*it)[1]] = path.string();
  }
  return included;
}

TEST(Folders, include_each_other_in_one_direction) {
  auto left = included_folders();
  ASSERT_GT(left.size(), 15u);
  EXPECT_TRUE(left.at("plan").contains("prove"));
  // Those go first that include none of the others that are left, or that none of these includes; a circle stays.
  const auto goes = [&](const auto& folder) {
    const auto is_included = [&](const auto& other) { return other.second.contains(folder.first); };
    return std::none_of(folder.second.begin(), folder.second.end(),
                        [&](const auto& other) { return left.contains(other.first); }) ||
           std::none_of(left.begin(), left.end(), is_included);
  };
  for (auto it = left.begin(); it != left.end();) it = goes(*it) ? (left.erase(it), left.begin()) : std::next(it);
  for (const auto& [folder, others] : left)
    for (const auto& [other, source] : others)
      if (left.contains(other)) ADD_FAILURE() << folder << "/ and " << other << "/ are in a circle: imbrex/" << source;
}

TEST(Folders, are_all_in_the_map) {
  const std::string document = read_text(std::string(IMBREX_SOURCE_DIR) + "/CONTRIBUTING.md");
  for (const auto& [folder, others] : included_folders())
    EXPECT_NE(document.find("\n| `" + folder + "/` | "), std::string::npos) << folder;
}

}  // namespace
}  // namespace imbrex::tests
