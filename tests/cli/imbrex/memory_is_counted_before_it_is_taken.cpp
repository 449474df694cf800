// Where addresses are limited (ulimit -v), as a control group limits memory: each part of a run that does not fit is named with
// its bytes and the limit before it is taken, and nothing is killed.
#include <gtest/gtest.h>

#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

constexpr int64_t kMiB = 1 << 20;

class LimitedMemory : public testing::Test {
 protected:
  void SetUp() override {
    if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers take all addresses";
    // T rows in and out, a tensor of T x U rows between.
    write_text(file_,
               "imbrex 1\nkernel \"k\" {\ndim T\ndim U\ninput x: f32[T, 8]\noutput y: f32[T, 8]\ncreate s: f32[T, U, 8]\n"
               "parallel t in tiles(T, 8) @as_written {\nat \"a\" @as_written {\ns[t, 0, :] = x[t, :]\n}\n}\n"
               "parallel v in tiles(T, 8) @as_written {\nat \"b\" @as_written {\ny[v, :] = s[v, 0, :] + 1.0\n}\n}\n}\n");
    // Compiled before, without a limit: the compiler takes memory of its own.
    ASSERT_EQ(imbrex_command("run '" + file_ + "' --repeat 1 --threads 1 --dim T=3 --dim U=4").status, 0);
  }

  // With 400 MiB.
  CommandResult run(int64_t T, int64_t U, const std::string& more = "") const {
    return imbrex_command(fmt::format("run '{}' --repeat 1 --threads 1 --dim T={} --dim U={} {}", file_, T, U, more),
                          "ulimit -v 409600;");
  }
  void expect_refusal(const CommandResult& result, const std::string& words) const {
    EXPECT_EQ(result.status, 1) << result.out << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err.find("error [out-of-memory]: "), std::string::npos) << result.err;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("of the 400 MiB that this process may use it has "), std::string::npos) << result.err;
  }

  const TemporaryFolder folder_;
  const std::string file_ = folder_.file("k.tile");
};

TEST_F(LimitedMemory, IsEnoughForWhatFits) {
  const CommandResult result = run(1000, 1);
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(LimitedMemory, IsTooLittleForInputsAndOutputsTwice) {
  expect_refusal(run(200 * kMiB / 32, 1), "600 MiB are needed: inputs 200 MiB, outputs, 2 times, 400 MiB;");
  expect_refusal(run(200 * kMiB / 32, 1, "--backend interpreter"),
                 "400 MiB are needed: inputs 200 MiB, the interpreter's copies of inputs 200 MiB;");
}

TEST_F(LimitedMemory, IsTooLittleForAWorkspace) {
  expect_refusal(run(1024, 16384), "513 MiB are needed: outputs, 2 times, 64 KiB, workspace for 1 thread 513 MiB;");
}

TEST_F(LimitedMemory, IsTooLittleForRecordsOfAccesses) {
  expect_refusal(run(60 * kMiB / 32, 1, "--checked"), "copies of inputs 60 MiB, outputs 60 MiB, records of accesses 480 MiB;");
}

// The kernel has run; what its outputs are compared with does not fit beside them.
TEST_F(LimitedMemory, IsTooLittleForTheReference) {
  ASSERT_EQ(imbrex_command("run nn/softmax --repeat 1 --threads 1 --tokens 3").status, 0);
  const std::string rows = std::to_string(110 * kMiB / 2048);
  expect_refusal(imbrex_command("run nn/softmax --repeat 1 --threads 1 --tokens " + rows, "ulimit -v 409600;"),
                 "550 MiB are needed: expected outputs 110 MiB, the reference's numbers in double 440 MiB;");
}

}  // namespace
}  // namespace imbrex::tests
