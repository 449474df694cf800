#include <gtest/gtest.h>

#include <filesystem>

#include "support/command.h"
#include "support/temporary_folder.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

int status_of(const std::string& arguments, const std::string& streams) {
  return run_command(fmt::format("exec '{}' {} {}", IMBREX_COMMAND, arguments, streams)).status;
}

TEST(ClosedStreams, AreAFailureAndFilesAreWrittenAllTheSame) {
  const TemporaryFolder open, closed;
  const std::string kernel = "aot nn/softmax -o '";
  ASSERT_EQ(status_of(kernel + open.path() + "'", ""), 0);
  EXPECT_EQ(status_of(kernel + closed.path() + "'", ">&- 2>&- <&-"), 1);
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(open.path())) {
    const fs::path same = fs::path(closed.path()) / fs::relative(entry.path(), open.path());
    ASSERT_TRUE(fs::exists(same)) << same;
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(read_text(same.string()), read_text(entry.path().string())) << same;
    ++files;
  }
  EXPECT_GT(files, 3u);
}

TEST(ClosedStreams, FailWhateverIsPrinted) {
  for (const char* arguments : {"list", "run nn/softmax --dim T=4", "show deepseek_v4/qkv_proj_rope", "no-such-command"}) {
    EXPECT_NE(status_of(arguments, ">&-"), 0) << arguments;
    EXPECT_LT(status_of(arguments, ">&- 2>&-"), 128) << arguments;
  }
  EXPECT_EQ(status_of("list", "2>&- >/dev/null"), 0);
}

// Files that may not grow are no reason to be ended by a signal. In units of 512 or 1024 bytes.
TEST(LimitedFiles, AreAsThoseOfAFullDisk) {
  const TemporaryFolder folder;
  const CommandResult result = run_command(
      fmt::format("ulimit -f 1; exec '{}' aot nn/softmax -o '{}' 2> /dev/null", IMBREX_COMMAND, folder.file("kernels")));
  EXPECT_EQ(result.status, 1) << result.out;
}

TEST(ClosedStreams, AreAsThoseOfAFullDisk) {
  EXPECT_EQ(status_of("show deepseek_v4/qkv_proj_rope", "> /dev/full"), 1);
  EXPECT_EQ(status_of("list", "> /dev/full 2>&1"), 1);
  for (const char* arguments : {"--help", "run --help", "cache path --help"}) {
    EXPECT_EQ(status_of(arguments, "> /dev/full"), 1) << arguments;
    EXPECT_EQ(status_of(arguments, ">&-"), 1) << arguments;
    EXPECT_EQ(status_of(arguments, "> /dev/null"), 0) << arguments;
  }
}

}  // namespace
}  // namespace imbrex::tests
