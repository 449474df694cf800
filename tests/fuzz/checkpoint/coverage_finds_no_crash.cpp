// libFuzzer on the files of a checkpoint: for some seconds here, for IMBREX_FUZZ_SECONDS where that is set. What it finds is a file to
// be put into corpus/, whose files are tried without it, too.
#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/checkpoint/coverage/one_input.h"
#include "support/run_fuzzer.h"

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
  expect_no_finding(IMBREX_FUZZER, "-max_len=20000 -dict='" + kFolder + "/coverage/tokens.dict'",
                    {folder.file("inputs"), kFolder + "/corpus"}, kFolder);
#endif
}

}  // namespace
}  // namespace imbrex::tests
