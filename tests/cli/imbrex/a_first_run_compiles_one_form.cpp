// A run compiles the kernel alone: what its judge looks at between the stages comes from the interpreter. Only where a comparison
// fails is a form compiled that stores it.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

TEST(FirstRun, CompilesOneForm) {
  const TemporaryFolder folder;
  const std::string cache = folder.file("cache"), saved = folder.file("saved");
  const auto run = [&](const std::string& arguments) {
    return run_command(fmt::format("env 'IMBREX_CACHE={}' '{}' run deepseek_v4/qkv_proj_rope --repeat 1 --json {}", cache,
                                   IMBREX_COMMAND, arguments));
  };
  const auto forms = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cache))
      count += entry.path().filename() == "kernel.so";
    return count;
  };
  const CommandResult first = run(fmt::format("--preset demo --tokens 5 --save '{}'", saved));
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(forms(), 1);
  const auto report = nlohmann::json::parse(first.out);
  EXPECT_EQ(report.at("bits_equal"), "across runs, to the interpreter");
  std::set<std::string> stages;
  for (const auto& stage : report.at("stages")) {
    stages.insert(stage.at("stage").get<std::string>());
    EXPECT_TRUE(stage.at("pass").get<bool>());
    if (stage.at("stage") == "attn_norm") {
      EXPECT_EQ(stage.at("elements"), 5 * 512);
    }
  }
  EXPECT_EQ(stages, (std::set<std::string>{"attn_norm", "qr_rms", "qr_quant", "q_heads", "kv"}));

  // Expected outputs that no kernel gives: the exponents of the last rows of what was saved last.
  const std::string path = saved + "/expected.safetensors";
  std::string bytes = read_text(path);
  for (size_t i = bytes.size() - 200; i < bytes.size(); ++i) bytes[i] = static_cast<char>(bytes[i] ^ 0x41);
  write_text(path, bytes);
  const CommandResult wrong = run(fmt::format("--replay '{}'", saved));
  EXPECT_EQ(wrong.status, 1) << wrong.out;
  EXPECT_EQ(forms(), 2);
  EXPECT_NE(wrong.out.find("with intermediate tensors exposed"), std::string::npos) << wrong.out;
}

}  // namespace
}  // namespace imbrex::tests
