#include <gtest/gtest.h>

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

}  // namespace
}  // namespace imbrex::tests
