// The example of a front end, and the library that it links.
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "support/command.h"

namespace imbrex::tests {
namespace {

TEST(FrontEnd, BuildsRunsAndIsToldWhatIsWrong) {
  const CommandResult result = run_command(IMBREX_FRONT_END);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("let row = x[t, :]"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("y[4][7] = 1\n"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("norm.toy:3: out-of-bounds: "), std::string::npos) << result.out;
}

std::set<std::string> declared() {
  const std::string header = read_text(IMBREX_SOURCE_DIR "/imbrex/imbrex.h");
  std::set<std::string> names;
  for (size_t at = header.find("\nIMBREX_API"); at != std::string::npos; at = header.find("\nIMBREX_API", at + 1)) {
    const size_t end = header.find('(', at);
    const size_t begin = header.find_last_of(" *", end - 1) + 1;
    names.insert(header.substr(begin, end - begin));
  }
  return names;
}

TEST(SharedLibrary, ExportsTheHeaderAlone) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers export functions of theirs";
  const CommandResult listed = run_command("nm --portability --dynamic --extern-only --defined-only '" IMBREX_SHARED "'");
  ASSERT_EQ(listed.status, 0) << listed.err;
  std::set<std::string> exported, expected = {"IMBREX_1"};
  std::istringstream lines(listed.out);
  for (std::string line; std::getline(lines, line);) exported.insert(line.substr(0, line.find(' ')));
  for (const std::string& name : declared()) expected.insert(name + "@@IMBREX_1");
  EXPECT_GE(expected.size(), 60u);
  EXPECT_EQ(exported, expected);
}

}  // namespace
}  // namespace imbrex::tests
