// Kernels compiled by clang, ahead of time and when they are called: without warnings, with the bits of the interpreter.
#include <gtest/gtest.h>

#include "cli/aot/clang.h"
#include "imbrex/target/target.h"

namespace imbrex::tests {
namespace {

class Clang : public testing::Test {
 protected:
  void SetUp() override {
    clang_ = clang_here();
    if (clang_.empty()) GTEST_SKIP() << no_clang;
  }
  void expect_silence(const std::string& command) const {
    const CommandResult result = run_command(command);
    EXPECT_EQ(result.status, 0) << command << "\n" << result.err;
    EXPECT_EQ(result.err, "") << command;
  }

  TemporaryFolder folder_;
  std::string clang_;
};

TEST_F(Clang, HasNoWarnings) {
  const std::string with_warnings = clang_ + " -Wall -Wextra -Wcast-qual -Wformat=2 -Werror ", source = folder_.file("source");
  expect_silence(fmt::format("'{}' aot deepseek_v4/qkv_proj_rope --preset demo --symbol front -o '{}' >/dev/null", IMBREX_COMMAND,
                             folder_.path()));
  for (const char* language : {"c -std=c11", "c++ -std=c++11 -Wold-style-cast", "c++ -std=c++2b -Wold-style-cast"})
    expect_silence(fmt::format("echo '#include \"kernels.h\"' | {} -x {} -pedantic -fsyntax-only -I '{}' -", with_warnings,
                               language, folder_.file("include")));
  for (const target::Target* target : target::targets_of(IMBREX_THIS_ARCHITECTURE))
    expect_silence(fmt::format("{0} -Wold-style-cast '@{1}/front_{2}.flags' -c -o /dev/null -I '{1}' '{1}/front_{2}.cpp'",
                               with_warnings, source, target->name));
}

TEST_F(Clang, GivesTheBitsOfTheInterpreter) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "another compiler's sanitizers";
  const auto expect_bits = [&](const std::string& kernel, const target::Target& target) {
    const CommandResult run =
        run_command(fmt::format("IMBREX_CACHE='{}' IMBREX_CXX={} '{}' run {} --tokens 17 --repeat 1 --isa {}",
                                folder_.file("cache"), clang_, IMBREX_COMMAND, kernel, target.name));
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    EXPECT_NE(run.out.find(" to the interpreter"), std::string::npos) << run.out;
  };
  for (const target::Target* target : target::supported_targets()) expect_bits("nn/gemm_bias_silu", *target);
  expect_bits("deepseek_v4/qkv_proj_rope --preset demo", target::best_target());
}

}  // namespace
}  // namespace imbrex::tests
