// imbrex equal, from the command line.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

using nlohmann::json;

class ComparedKernels : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& value, const std::string& output = "y") const {
    const std::string path = folder_.file(name + ".tile");
    write_text(path,
               fmt::format("imbrex 1\nkernel \"k\" {{\ndim T\ninput x: f32[T, 8]\noutput {}: f32[T, 8]\n{}[:, :] = {}\n}}\n",
                           output, output, value));
    return "'" + path + "'";
  }
  const TemporaryFolder folder_;
};

TEST_F(ComparedKernels, AreEqual) {
  const CommandResult result = imbrex_command("equal " + file("a", "x[:, :] * 2.0") + " " + file("b", "2.0 * x[:, :]"));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "equal        for every T >= 1\n");
  EXPECT_EQ(imbrex_command("equal deepseek_v4/qkv_proj_rope --preset demo --variant plain --variant fused").out, result.out);
  EXPECT_EQ(imbrex_command("equal nn/softmax --against-optimized").out, result.out);
}

TEST_F(ComparedKernels, AreDifferentWithAWitness) {
  const std::string kernels = file("a", "x[:, :] * 2.0") + " " + file("b", "x[:, :] * 3.0");
  EXPECT_EQ(imbrex_command("equal " + kernels).status, 1);
  const CommandResult result = imbrex_command("equal --json " + kernels);
  EXPECT_EQ(result.status, 1);
  const json verdict = json::parse(result.out);
  EXPECT_EQ(verdict["verdict"], "different");
  EXPECT_EQ(verdict["difference"]["a"]["where"]["line"], 6);
  EXPECT_EQ(verdict["witness"]["output"], "y");
  EXPECT_NE(verdict["witness"]["a"], verdict["witness"]["b"]);
}

TEST_F(ComparedKernels, LeaveAWitnessThatIsRunAgain) {
  const std::string a = file("a", "x[:, :] * 2.0"), b = file("b", "x[:, :] * 2.0 + 1.0"), folder = folder_.file("witness");
  const CommandResult result = imbrex_command("equal " + a + " " + b + " --save '" + folder + "'");
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_NE(result.out.find("saved in " + folder), std::string::npos) << result.out;
  EXPECT_EQ(imbrex_command("run " + a + " --replay '" + folder + "'").status, 0);
  const CommandResult other = imbrex_command("run " + b + " --replay '" + folder + "'");
  EXPECT_EQ(other.status, 1) << other.out << other.err;
  // Under B's names, where these are others, nothing is saved.
  const std::string c = file("c", "x[:, :] * 2.0 + 1.0", "z");
  const CommandResult by_order = imbrex_command("equal --by-order " + a + " " + c + " --save '" + folder + "'");
  EXPECT_NE(by_order.out.find("runs A, whose names the tensors have, on it"), std::string::npos) << by_order.out;
  // Where there is none, there is nothing to save.
  const std::string none = folder_.file("none");
  EXPECT_EQ(imbrex_command("equal " + a + " " + a + " --save '" + none + "'").status, 0);
  EXPECT_FALSE(std::filesystem::exists(none));
}

TEST_F(ComparedKernels, AreTwoAndHaveOneInterface) {
  const std::string a = file("a", "x[:, :]");
  // 1 is a verdict. A command line that makes no sense has CLI11's status, as everywhere.
  const auto refused = [&](const std::string& rest, const std::string& words, bool is_of_command_line = false) {
    const CommandResult result = imbrex_command("equal " + rest);
    if (is_of_command_line)
      EXPECT_GT(result.status, 100) << rest;
    else
      EXPECT_EQ(result.status, 3) << rest;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
  };
  refused(a, "equal compares two kernels, and one is given", true);
  refused(a + " " + a + " --against-optimized", "--against-optimized compares one kernel with what the optimizer makes of it",
          true);
  refused(a + " " + file("b", "x[:, :]", "z"), "[not-comparable]");
  refused(a + " nn/softmax --variant plain --variant fused --set eps=1", "error [");
  refused(a + " missing.tile", "[file-unreadable]");
  refused(a + " '" + folder_.file("") + "'", "is a folder, and no kernel has this name");
  refused("nn/softmax --variant plain --variant plain --variant plain", "--variant is given 3 times", true);
  refused(a + " " + file("c", "x[:, 0 +: 4]"), "[store-shape]");
  // The hint of the message helps.
  EXPECT_EQ(imbrex_command("equal --by-order " + a + " " + file("b", "x[:, :]", "z")).status, 0);
}

}  // namespace
}  // namespace imbrex::tests
