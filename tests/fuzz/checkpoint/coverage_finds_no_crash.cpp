// libFuzzer on the files of a checkpoint: for some seconds here, for IMBREX_FUZZ_SECONDS where that is set. What it finds is a file to
// be put into corpus/, whose files are tried without it, too.
#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/checkpoint/coverage/one_input.h"
#include "support/command.h"

namespace imbrex::tests {
namespace {

const std::string kFolder = std::string(IMBREX_SOURCE_DIR) + "/tests/fuzz/checkpoint";

TEST(CheckpointAttack, good_files_are_read_and_those_found_are_survived) {
  CheckpointUnderAttack checkpoint;
  for (const std::string& input : checkpoint.seeds()) EXPECT_TRUE(checkpoint.try_input(input)) << "file " << int{input[0]};
  for (const auto& entry : std::filesystem::directory_iterator(kFolder + "/corpus"))
    checkpoint.try_input(read_text(entry.path().string()));
}

TEST(CheckpointAttack, with_coverage) {
#ifndef IMBREX_FUZZER
  GTEST_SKIP() << "no clang with libFuzzer, or a build with sanitizers of its own";
#else
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("inputs"));
  int number = 0;
  for (const std::string& input : CheckpointUnderAttack().seeds())
    write_text(folder.file(fmt::format("inputs/{}", number++)), input);
  const char* seconds = std::getenv("IMBREX_FUZZ_SECONDS");
  const std::string found = std::string(IMBREX_BINARY_DIR) + "/found-";
  // In memory where that is a folder: a disk would take most of the time.
  const CommandResult result = run_command(
      fmt::format("work=$(mktemp -d -p /dev/shm 2> /dev/null || mktemp -d); trap 'rm -rf \"$work\"' EXIT; TMPDIR=\"$work\" '{0}' "
                  "-seed=1 -runs={1} "
                  "-max_total_time={2} -max_len=20000 -malloc_limit_mb=200 -rss_limit_mb=1000 -timeout=10 -print_final_stats=1 "
                  "-artifact_prefix='{3}' -dict='{4}/coverage/tokens.dict' '{5}' '{4}/corpus'",
                  IMBREX_FUZZER, seconds ? -1 : 10000, seconds ? seconds : "20", found, kFolder, folder.file("inputs")));
  EXPECT_EQ(result.status, 0) << result.err.substr(result.err.size() - std::min<size_t>(result.err.size(), 5000)) << "\nput "
                              << found << "* into tests/fuzz/checkpoint/corpus when it is repaired";
  const size_t runs = result.err.find("stat::number_of_executed_units:");
  ASSERT_NE(runs, std::string::npos) << result.err;
  EXPECT_GE(std::atoi(result.err.c_str() + runs + std::strlen("stat::number_of_executed_units:")), 100);
#endif
}

}  // namespace
}  // namespace imbrex::tests
