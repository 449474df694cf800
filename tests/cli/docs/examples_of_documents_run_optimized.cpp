// docs/examples/ holds kernels that are right and kernels that are wrong, and so do the documents' own ```tile blocks: the right
// ones run optimized and as written, at several sizes, and equal the interpreter; the wrong ones are refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "support/command.h"
#include "support/temporary_folder.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// What is wrong with them, by the diagnostic's id.
const std::map<std::string, std::string> kWrong = {{"lost_row.tile", "output-not-written"},
                                                   {"lost_row_clamped.tile", "output-not-written"},
                                                   {"rebound_output.tile", "output-not-stored"},
                                                   {"shared_scratch.tile", "parallel-conflict"}};

CommandResult imbrex(const std::string& arguments) { return run_command(IMBREX_COMMAND + std::string(" ") + arguments); }

void expect_right(const std::string& path) {
  for (const char* how : {"", " --as-written"})
    for (const char* size : {"1", "5", "64", "129"}) {
      const CommandResult run = imbrex("run '" + path + "' --repeat 1 --verbose --tokens " + size + how);
      EXPECT_EQ(run.status, 0) << path << how << " at " << size << "\n" << run.out << run.err;
      EXPECT_EQ(run.out.find("FAIL"), std::string::npos) << run.out;
      EXPECT_NE(run.out.find("PASS"), std::string::npos) << run.out;
      EXPECT_EQ(run.out.find("defect"), std::string::npos) << run.out;
    }
  EXPECT_EQ(imbrex("explain '" + path + "'").status, 0) << path;
}

TEST(Examples, that_are_right_run_and_that_are_wrong_are_refused) {
  size_t wrong = 0, right = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(fs::path(IMBREX_SOURCE_DIR) / "docs" / "examples")) {
    const auto known = kWrong.find(file.path().filename().string());
    if (known == kWrong.end()) {
      expect_right(file.path().string());
      ++right;
      continue;
    }
    ++wrong;
    for (const char* command : {"check", "run"}) {
      const CommandResult refused = imbrex(std::string(command) + " '" + file.path().string() + "'");
      EXPECT_EQ(refused.status, 1) << file.path();
      EXPECT_NE((refused.out + refused.err).find("[" + known->second + "]"), std::string::npos) << refused.out << refused.err;
    }
  }
  EXPECT_EQ(wrong, kWrong.size());
  EXPECT_GE(right, 6u);
}

// The block that begins there, without the word on its first line.
std::string block_of(std::istringstream& lines) {
  std::string text;
  for (std::string line; std::getline(lines, line) && line != "```";) text += line + "\n";
  return text;
}

TEST(Examples, in_documents_run) {
  const TemporaryFolder folder;
  int blocks = 0;
  for (const fs::directory_entry& file : fs::recursive_directory_iterator(fs::path(IMBREX_SOURCE_DIR) / "docs")) {
    if (file.path().extension() != ".md") continue;
    std::istringstream lines(read_text(file.path().string()));
    for (std::string line; std::getline(lines, line);) {
      if (line != "```tile") continue;
      const std::string text = block_of(lines);
      if (text.rfind("imbrex 1", 0) != 0) continue;  // a part of a kernel
      const std::string path = folder.file("block_" + std::to_string(++blocks) + ".tile");
      std::ofstream(path) << text;
      expect_right(path);
    }
  }
  EXPECT_GE(blocks, 1);
}

}  // namespace
}  // namespace imbrex::tests
