// What a kernel has of its own, such as inputs, stages, a judge or short forms of its options, stands in its entry: no source of
// the command has a word that is one kernel's.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "imbrex/kernels/registry.h"
#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// Names of two parts, such as wq_a: shorter ones are words of English or letters.
void add_long_name(std::set<std::string>& words, const std::string& name) {
  if (name.find('_') != std::string::npos) words.insert(name);
}

std::set<std::string> words_of(const kernels::Entry& entry) {
  const size_t slash = entry.name.find('/');
  std::set<std::string> words = {entry.name, entry.name.substr(0, slash), entry.name.substr(slash + 1)};
  for (const kernels::OptionInfo& option : entry.options) {
    add_long_name(words, option.name);
    words.insert(option.flag);
  }
  for (const std::string& tensor : entry.stage_tensors) add_long_name(words, tensor);
  for (const std::string& variant : entry.variants) {
    const ir::Program program = kernels::build(entry.name, variant, "", {}).program;
    for (const ir::Tensor& tensor : program.tensors) add_long_name(words, tensor.name);
  }
  words.erase("");
  return words;
}

TEST(Tools, HaveNoWordOfAKernelWithAJudge) {
  std::set<std::string> words = {"front", "Front"};
  for (const kernels::Entry& entry : kernels::registry())
    if (entry.judge) words.merge(words_of(entry));
  EXPECT_TRUE(words.contains("wq_a") && words.contains("--q-lora") && words.contains("deepseek_v4")) << words.size();
  for (const fs::directory_entry& file : fs::directory_iterator(fs::path(IMBREX_SOURCE_DIR) / "imbrex/tools")) {
    const std::string text = read_text(file.path().string());
    for (const std::string& word : words) {
      // front() is a function of containers.
      const std::regex as_a_word("(^|[^A-Za-z0-9])" + word + "(?!\\(\\)|[a-z0-9])");
      EXPECT_FALSE(std::regex_search(text, as_a_word)) << file.path() << " knows '" << word << "'";
    }
  }
}

}  // namespace
}  // namespace imbrex::tests
