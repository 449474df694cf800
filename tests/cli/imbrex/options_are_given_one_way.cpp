// Every option of a kernel can be given to every command, as --set NAME=VALUE; what it cannot be is one error.
#include <gtest/gtest.h>

#include <filesystem>

#include "imbrex/kernels/registry.h"
#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

const std::string demo = "deepseek_v4/qkv_proj_rope --preset demo ";

CommandResult succeed(const std::string& arguments) {
  const CommandResult result = imbrex_command(arguments);
  EXPECT_EQ(result.status, 0) << arguments << "\n" << result.out << result.err;
  return result;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Another value that the option allows, where there is one.
std::string another_value(const kernels::OptionInfo& option, const kernels::OptionValue& value) {
  for (const kernels::OptionValue& other : {option.least, option.most})
    if (other != value && option.allows(other)) return kernels::text_of(other);
  return kernels::text_of(value);
}

TEST(Options, EachOfEachKernelIsListedAndTaken) {
  for (const kernels::Entry& entry : kernels::registry()) {
    const std::string list = succeed("list " + entry.name).out;
    for (const kernels::OptionInfo& option : entry.options) {
      const kernels::OptionValue usual = entry.presets.front().options.at(option.name);
      const std::string text = kernels::text_of(usual);
      EXPECT_TRUE(has(list, "--set " + option.name + "=")) << list;
      EXPECT_TRUE(has(list, option.rule() + " (default " + text)) << list;
      succeed("show " + entry.name + " --set " + option.name + "=" + text);
      // The largest kernels are not for a test; a small one is as good.
      if (option.is_integer() && std::get<int64_t>(option.most) > 1) continue;
      const std::string preset = " --preset " + entry.presets.front().name;
      EXPECT_EQ(succeed("show " + entry.name + preset + " --set " + option.name + "=" + another_value(option, usual)).out ==
                    succeed("show " + entry.name + preset).out,
                option.least == option.most)
          << option.name;
    }
  }
}

TEST(Options, OfRealNumbersReachEveryCommand) {
  for (const char* command : {"show", "show --optimized", "emit --isa scalar"})
    EXPECT_TRUE(has(succeed(std::string(command) + " nn/rms_norm --set eps=3e-20").out, "3e-20")) << command;
  for (const char* command : {"check", "graph", "explain"})
    EXPECT_EQ(succeed(std::string(command) + " nn/rms_norm --set eps=3e-20").status, 0);
  const TemporaryFolder folder;
  succeed("aot nn/rms_norm --isa scalar --set eps=3e-20 --output '" + folder.path() + "'");
  EXPECT_TRUE(has(read_text(folder.file("include/kernels.h")), "nn/rms_norm, preset demo, variant tiled, eps=3e-20"));
  EXPECT_TRUE(has(succeed("bench nn/rms_norm --rounds 1 --no-cold --set eps=3e-20").out, "eps=3e-20"));
  EXPECT_TRUE(has(succeed("bench nn/rms_norm --rounds 1 --no-cold --json --set eps=3e-20").out, "3e-20"));
}

// An eps that changes every value: the kernel and its reference have the same one, in a replay too.
TEST(Options, AreThoseOfTheReference) {
  for (const char* kernel : {"nn/rms_norm", "nn/layer_norm", "deepseek_v4/qkv_proj_rope --preset demo"}) {
    const std::string run = std::string("run ") + kernel + " --tokens 3 --repeat 1 --set eps=0.5";
    EXPECT_TRUE(has(succeed(run).out, "eps=0.5"));
    EXPECT_TRUE(has(succeed(run + " --json").out, "\"eps\": 0.5"));
  }
  const TemporaryFolder folder;
  succeed("run " + demo + "--tokens 3 --repeat 1 --set eps=0.5 --save '" + folder.path() + "'");
  std::filesystem::remove(folder.file("expected.safetensors"));
  const std::string replay = "run deepseek_v4/qkv_proj_rope --repeat 1 --replay '" + folder.path() + "'";
  EXPECT_TRUE(has(succeed(replay).out, "eps=0.5"));
  // And what is given on the command line goes before what was saved.
  EXPECT_TRUE(has(succeed(replay + " --set eps=0.25").out, "eps=0.25"));
}

// What was not chosen leaves no gap.
TEST(Options, StandInTheHeadOfABench) {
  const auto head = [](const std::string& arguments) {
    const std::string out = succeed("bench " + arguments + " --rounds 3 --no-cold").out;
    return out.substr(0, out.find(" on "));
  };
  const TemporaryFolder folder;
  write_text(folder.file("k.tile"), succeed("show nn/softmax").out);
  const std::string file = head("'" + folder.file("k.tile") + "'");
  EXPECT_TRUE(file.starts_with(folder.file("k.tile") + "  ")) << file;
  EXPECT_FALSE(has(file, "   ")) << file;
  EXPECT_TRUE(head("nn/rms_norm --set eps=0.5").starts_with("nn/rms_norm  demo  ")) << head("nn/rms_norm --set eps=0.5");
  EXPECT_TRUE(has(head("nn/rms_norm --set eps=0.5"), "eps=0.5")) << head("nn/rms_norm --set eps=0.5");
}

TEST(Options, ThatCannotBeAreOneError) {
  const TemporaryFolder folder;
  const std::vector<std::string> commands = {"show", "check", "graph", "explain",
                                             "emit", "run",   "bench", "aot --output '" + folder.path() + "'"};
  for (const std::string& command : commands) {
    const auto expect_error = [&](const std::string& settings, const std::string& text) {
      const CommandResult result = imbrex_command(command + " nn/rms_norm " + settings);
      EXPECT_EQ(result.status, 1) << command << settings;
      EXPECT_EQ(result.out, "") << command << settings;
      EXPECT_TRUE(has(result.err, "error [option-value]: " + text)) << command << settings << result.err;
    };
    for (const char* value : {"0", "-1", "nan", "inf", "1e-50", "many", "1e-6x", "''"})
      expect_error(std::string("--set eps=") + value, "eps = ");
    expect_error("--set eps=2", "eps = 2 of 'nn/rms_norm': expected a number from 1e-37 to 1 (default 1e-06, preset demo)");
    for (const char* value : {"0", "1.5", "65537", "1e3", "many"})
      for (const char* flag : {"--set hidden=", "--hidden "})
        expect_error(std::string(flag) + value,
                     std::string("hidden = ") + value +
                         " of 'nn/rms_norm': expected an integer from 1 to 65536 (default 512, preset demo)");
    expect_error("--set eps", "--set 'eps': expected NAME=VALUE");
    expect_error("--set hidden=7 --hidden 8", "hidden is given twice: 7 and 8");
  }
  EXPECT_EQ(folder.entries(), 0u);
}

}  // namespace
}  // namespace imbrex::tests
