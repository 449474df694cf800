// Every block of README.md and docs/ that is marked cpp is compiled as it stands, and run if it has a main; every block marked
// `sh runnable` is run in a copy of nothing: build/imbrex in it means the command of this build.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <vector>

#include "support/command.h"

namespace imbrex::tests {
namespace {

struct Block {
  std::string document, language, text;
  int line = 0;
};

std::vector<Block> blocks_of(const std::filesystem::path& document) {
  std::vector<Block> blocks;
  std::istringstream lines(read_text(document.string()));
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.rfind("```", 0) == 0) {
      inside = !inside;
      if (inside) blocks.push_back({document.string(), line.substr(3), "", number});
    } else if (inside) {
      blocks.back().text += line + "\n";
    }
  }
  EXPECT_FALSE(inside) << document << " leaves a block open";
  return blocks;
}

std::vector<Block> all_blocks() {
  std::vector<std::filesystem::path> documents = {std::filesystem::path(IMBREX_SOURCE_DIR) / "README.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(std::filesystem::path(IMBREX_SOURCE_DIR) / "docs"))
    if (entry.path().extension() == ".md") documents.push_back(entry.path());
  std::vector<Block> blocks;
  for (const auto& document : documents)
    for (Block& block : blocks_of(document)) blocks.push_back(std::move(block));
  return blocks;
}

TEST(Documents, cpp_blocks_compile_and_their_programs_run) {
  const TemporaryFolder folder;
  int compiled = 0;
  for (const Block& block : all_blocks()) {
    if (block.language != "cpp") continue;
    ++compiled;
    const bool is_program = block.text.find("int main(") != std::string::npos;
    write_text(folder.file("block.cpp"), block.text);
    const std::string program = folder.file("program");
    const std::string compile =
        fmt::format("{} -std=c++20 -Wall -Wextra -Werror -I'{}' '{}' {}", IMBREX_CXX, IMBREX_SOURCE_DIR, folder.file("block.cpp"),
                    is_program ? fmt::format("-o '{}' {}", program, IMBREX_LINK) : "-fsyntax-only");
    const CommandResult result = run_command(compile);
    EXPECT_EQ(result.status, 0) << block.document << ":" << block.line << "\n" << result.err;
    if (!is_program || result.status != 0) continue;
    const CommandResult ran = run_command(fmt::format("IMBREX_CACHE='{}' '{}'", folder.file("cache"), program));
    EXPECT_EQ(ran.status, 0) << block.document << ":" << block.line << "\n" << ran.out << ran.err;
  }
  EXPECT_GE(compiled, 2);  // README has at least the kernel and the call
}

TEST(Documents, runnable_commands_succeed) {
  for (const Block& block : all_blocks()) {
    if (block.language != "sh runnable") continue;
    const std::string command = fmt::format("cd '{}' && set -e\nbuild/imbrex() {{ '{}/imbrex' \"$@\"; }}\n{}", IMBREX_SOURCE_DIR,
                                            IMBREX_BINARY_DIR, block.text);
    const TemporaryFolder folder;
    write_text(folder.file("block.sh"), command);
    const CommandResult result = run_command(fmt::format("bash '{}'", folder.file("block.sh")));
    EXPECT_EQ(result.status, 0) << block.document << ":" << block.line << "\n" << result.out << result.err;
  }
}

// Lambdas look like links.
std::string without_code(std::string text) {
  for (size_t begin = text.find("```"); begin != std::string::npos; begin = text.find("```", begin)) {
    const size_t end = text.find("```", begin + 3);
    text.erase(begin, end == std::string::npos ? end : end + 3 - begin);
  }
  return text;
}

TEST(Documents, links_lead_to_files) {
  const std::filesystem::path root = IMBREX_SOURCE_DIR;
  for (const char* name : {"README.md", "CONTRIBUTING.md"}) {
    const std::string text = without_code(read_text((root / name).string()));
    for (size_t at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
      const std::string link = text.substr(at + 2, text.find(')', at) - at - 2);
      if (link.find("://") != std::string::npos) continue;
      EXPECT_TRUE(std::filesystem::exists(root / link)) << name << " links to " << link;
    }
  }
}

}  // namespace
}  // namespace imbrex::tests
