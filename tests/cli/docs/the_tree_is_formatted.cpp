#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "support/command.h"

namespace imbrex::tests {
namespace {

TEST(Tree, is_formatted_as_clang_format_would) {
  if (run_command("command -v clang-format").status != 0) GTEST_SKIP() << "clang-format is not installed";
  const CommandResult result =
      run_command(fmt::format("find '{0}/imbrex' '{0}/tests' '{0}/examples' -not -path '*/golden/*' \\( -name '*.h' -o -name "
                              "'*.cpp' -o -name '*.c' \\) -print0 2>/dev/null"
                              " | xargs -0 clang-format --dry-run --Werror",
                              IMBREX_SOURCE_DIR));
  EXPECT_EQ(result.status, 0) << result.err;
}

// Lists, tables and grammars in comments are lines that their authors made. What reflow once did to them: a line of dashes that lost
// its heading, and an entry's second line of a word or two before its third, which is indented.
TEST(Tree, has_comments_as_they_were_written) {
  namespace fs = std::filesystem;
  const fs::path root = IMBREX_SOURCE_DIR;
  EXPECT_NE(read_text((root / ".clang-format").string()).find("\nReflowComments: false"), std::string::npos);
  const auto text_of = [](const std::string& line) {  // of a comment, its indentation kept
    const size_t at = line.find_first_not_of(' ');
    return at != std::string::npos && line.compare(at, 2, "//") == 0 ? line.substr(at + 2) : std::string();
  };
  for (const char* folder : {"imbrex", "tests", "examples"})
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string file = entry.path().string();
      if (entry.path().extension() != ".h" && entry.path().extension() != ".cpp") continue;
      if (file.find("/golden/") != std::string::npos) continue;
      std::istringstream lines(read_text(file));
      std::string before, line;
      for (size_t before_that = 0, number = 1; std::getline(lines, line); ++number) {
        const std::string last = text_of(before), now = text_of(line);
        const bool is_rule = now.size() > 12 && now.find_first_not_of(" -") == std::string::npos;
        EXPECT_FALSE(is_rule) << file << ":" << number << ": a heading's dashes";
        const bool is_left_over = last.size() > 1 && last.size() < 12 && last[1] != ' ' && before_that > 100;
        EXPECT_FALSE(is_left_over && now.starts_with("            ")) << file << ":" << number << ": " << before << "\n" << line;
        before_that = before.size();
        before = line;
      }
    }
}

// Text files of any kind: scripts skip lines that they do not know, documents show them.
TEST(Tree, has_no_marks_of_a_merge) {
  const char* const command =
      "cd '{}' && grep -rnIE '^(<{{7}}|={{7}}|>{{7}}|[|]{{7}})( |$)' *.md *.txt run test bench cmake docs examples imbrex "
      "scripts tests";
  const CommandResult found = run_command(fmt::format(fmt::runtime(command), IMBREX_SOURCE_DIR));
  EXPECT_EQ(found.status, 1) << found.out << found.err;  // no such line
}

}  // namespace
}  // namespace imbrex::tests
