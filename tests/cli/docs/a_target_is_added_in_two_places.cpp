// Targets are an entry of a table and a header each: no other source lists them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <sstream>

#include "imbrex/target/target.h"
#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// Names of targets with vectors; that of the scalar one is a word of English. Long ones first: some begin with another.
std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const target::Target* target : target::targets_with_code())
    if (target->vector_bits > 0) result.push_back(target->name);
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return result;
}

// Whether a word is there; it then no longer is.
bool take_word(std::string& text, const std::string& word) {
  bool found = false;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const auto is_part = [&](size_t place) {
      return place < text.size() && std::isalnum(static_cast<unsigned char>(text[place]));
    };
    if ((at > 0 && is_part(at - 1)) || is_part(at + word.size())) continue;
    found = true;
    text.replace(at, word.size(), " ");
  }
  return found;
}

// Of files that `folder` holds, those that name two targets: anywhere, or in one line.
std::string that_list(const std::string& folder, bool in_one_line) {
  const fs::path root = IMBREX_SOURCE_DIR;
  const std::set<std::string> kinds = {".cpp", ".h", ".c", ".txt", ".cmake", ".in", ".py"};
  std::string found;
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
    const std::string path = fs::relative(entry.path(), root).string();
    if (!entry.is_regular_file() || !kinds.contains(entry.path().extension())) continue;
    const bool is_the_table = path == "imbrex/target/targets.cpp" || path == "imbrex/target/machine_classes.cpp";
    if (is_the_table || path.rfind("imbrex/target/isa/", 0) == 0) continue;
    ++files;
    std::istringstream text(read_text(entry.path()));
    bool is_list = false;
    for (std::string part; std::getline(text, part, in_one_line ? '\n' : '\0');) {
      int count = 0;
      for (const std::string& name : names()) count += take_word(part, name);
      is_list = is_list || count > 1;
    }
    if (is_list) found += path + "\n";
  }
  EXPECT_GT(files, 0) << folder;
  return found;
}

TEST(Targets, are_listed_by_the_table_alone) {
  ASSERT_GE(names().size(), 2u);
  EXPECT_EQ(that_list("imbrex", false), "");
  EXPECT_EQ(that_list("cmake", false), "");
  EXPECT_EQ(that_list("tests", true), "");
  EXPECT_EQ(that_list("examples", true), "");
}

}  // namespace
}  // namespace imbrex::tests
