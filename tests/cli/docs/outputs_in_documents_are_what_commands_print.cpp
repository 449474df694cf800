// CONTRIBUTING.md, docs/pull-request.md, docs/optimizing.md and docs/plan.md show commands and what they print. `scripts/update-docs` puts the output there;
// here it is compared.
#include <gtest/gtest.h>

#include <sstream>

#include "support/command.h"

namespace imbrex::tests {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}

// The number of outputs compared.
int compare_outputs_of(const std::string& document) {
  const std::string root = IMBREX_SOURCE_DIR;
  std::istringstream lines(read_text(root + "/" + document));
  const std::string begin = "<!-- output of: ", end = "<!-- end of output -->";
  int compared = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(begin, 0) != 0) continue;
    const std::string command = line.substr(begin.size(), line.size() - begin.size() - std::string(" -->").size());
    std::string shown, printed;
    while (std::getline(lines, line) && line != end)
      if (line != "```" && !line.empty()) shown += line + "\n";
    const CommandResult result = run_command("cd '" + root + "' && " + replaced(command, "build/imbrex", IMBREX_COMMAND));
    std::istringstream output(replaced(result.out, root + "/", ""));
    for (std::string each; std::getline(output, each);)
      if (!each.empty()) printed += each + "\n";
    EXPECT_EQ(result.err, "") << command;
    EXPECT_NE(printed, "") << command;
    EXPECT_EQ(printed, shown) << command;
    ++compared;
  }
  return compared;
}

TEST(PullRequest, every_output_is_what_the_command_prints) { EXPECT_GE(compare_outputs_of("docs/pull-request.md"), 20); }
TEST(Contributing, every_output_is_what_the_command_prints) { EXPECT_GE(compare_outputs_of("CONTRIBUTING.md"), 4); }
TEST(Plan, every_output_is_what_the_command_prints) { EXPECT_GE(compare_outputs_of("docs/plan.md"), 2); }
TEST(Optimizing, every_output_is_what_the_command_prints) { EXPECT_GE(compare_outputs_of("docs/optimizing.md"), 3); }

}  // namespace
}  // namespace imbrex::tests
