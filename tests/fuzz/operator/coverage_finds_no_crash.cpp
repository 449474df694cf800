// libFuzzer on imbrex/deepseek_v4.h: for some seconds here, for IMBREX_FUZZ_SECONDS where that is set. What it finds is a file to be
// put into corpus/, whose files are tried without it, too.
#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/operator/coverage/one_input.h"
#include "support/run_fuzzer.h"

namespace imbrex::test {
namespace {

const std::string kFolder = std::string(IMBREX_SOURCE_DIR) + "/tests/fuzz/operator";

std::string tried(OperatorUnderAttack& library, const std::string& input) {
  return library.try_input(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

TEST(OperatorAttack, good_arguments_are_taken_and_those_found_are_survived) {
  OperatorUnderAttack library;
  for (char what = 0; what < 3; ++what)
    for (char front = 0; front < 9; ++front) EXPECT_EQ(tried(library, {what, front}), "") << int{what} << " " << int{front};
  for (const auto& entry : std::filesystem::directory_iterator(kFolder + "/corpus"))
    EXPECT_EQ(tried(library, tests::read_text(entry.path().string())), "") << entry.path();
}

TEST(OperatorAttack, with_coverage) {
#ifndef IMBREX_OPERATOR_FUZZER
  GTEST_SKIP() << "no clang with libFuzzer, or a build with sanitizers of its own";
#else
  const tests::TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("inputs"));
  for (char what = 0; what < 3; ++what) tests::write_text(folder.file(fmt::format("inputs/{}", int{what})), {what, 0, 0, 0, 0});
  tests::expect_no_finding(IMBREX_OPERATOR_FUZZER, "-max_len=200", {folder.file("inputs"), kFolder + "/corpus"}, kFolder);
#endif
}

}  // namespace
}  // namespace imbrex::test
