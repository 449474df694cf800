// imbrex equal, from the command line.
#include <gtest/gtest.h>

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

TEST_F(ComparedKernels, AreTwoAndHaveOneInterface) {
  const std::string a = file("a", "x[:, :]");
  const auto refused = [&](const std::string& rest, const std::string& words) {
    const CommandResult result = imbrex_command("equal " + rest);
    EXPECT_EQ(result.status, 1) << rest;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
  };
  refused(a, "equal compares two kernels, and one is given");
  refused(a + " " + a + " --against-optimized", "--against-optimized compares one kernel with what the optimizer makes of it");
  refused(a + " " + file("b", "x[:, :]", "z"), "[not-comparable]");
  refused(a + " nn/softmax --variant plain --variant fused --set eps=1", "error [");
  // The hint of the message helps.
  EXPECT_EQ(imbrex_command("equal --by-order " + a + " " + file("b", "x[:, :]", "z")).status, 0);
}

}  // namespace
}  // namespace imbrex::tests
