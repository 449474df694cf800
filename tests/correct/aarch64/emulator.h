// A compiler for aarch64 and an emulator of it, where they are there: code is made here and run there.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/ir/program.h"
#include "imbrex/target/target.h"
#include "support/command.h"
#include "support/compare.h"

namespace imbrex::test {

using tests::run_command;
using tests::TemporaryFolder;
using Tensors = std::map<std::string, Array>;
using Dims = std::map<std::string, int64_t>;

constexpr const char *kCompiler = "aarch64-linux-gnu-g++", *kCCompiler = "aarch64-linux-gnu-gcc", *kEmulator = "qemu-aarch64";

// What is missing; nothing where the tests can run.
inline std::string missing_for_aarch64() {
  for (const char* program : {kCompiler, kCCompiler, kEmulator})
    if (run_command(std::string(program) + " --version").status != 0) return std::string("no ") + program;
  return *IMBREX_SANITIZE != 0 ? "sanitizers do not run in an emulator" : "";
}

class OnAarch64 : public testing::Test {
 protected:
  void SetUp() override {
    const std::string missing = missing_for_aarch64();
    if (!missing.empty()) GTEST_SKIP() << missing;
  }
};

inline void expect_success(const std::string& command) {
  const tests::CommandResult result = run_command(command);
  EXPECT_EQ(result.status, 0) << command << "\n" << result.err.substr(0, 4000);
  EXPECT_EQ(result.err, "") << command;
}

// Runs of kernels that one program holds, in a folder that driver.c reads.
class EmulatedRuns {
 public:
  // The program, below folder(): to be there before run().
  std::string program() const { return folder_.file("program"); }
  const TemporaryFolder& folder() const { return folder_; }

  // Outputs that `expected` has are compared.
  void add(const ir::Program& program, const std::string& kernel, const Dims& dims, const Tensors& inputs, Tensors expected) {
    const std::string stem = fmt::format("case_{}", cases_.size());
    std::string line = kernel + " " + stem;
    for (const ir::Dim& dim : program.dims) line += fmt::format(" {}", dims.at(dim.name));
    lines_ += line + "\n";
    for (const ir::Tensor& tensor : program.tensors) {
      if (tensor.role == ir::Role::output) continue;
      const Array& array = inputs.at(tensor.name);
      std::ofstream(folder_.file(fmt::format("{}.{}.bin", stem, tensor.name)), std::ios::binary)
          .write(reinterpret_cast<const char*>(array.bytes.data()), static_cast<std::streamsize>(array.bytes.size()));
    }
    cases_.push_back({line, stem, &program, std::move(expected)});
  }

  // On one target with so many threads. What differs, a line for each case.
  std::string differences(const target::Target& target, int threads) const {
    std::ofstream(folder_.file("cases")) << lines_;
    const tests::CommandResult result =
        run_command(fmt::format("{} '{}' '{}' {} {}", kEmulator, program(), folder_.path(), target.name, threads));
    if (result.status != 0) return fmt::format("{}, {} threads: status {}, {}", target.name, threads, result.status, result.err);
    std::string found;
    for (const Case& each : cases_)
      for (const ir::Tensor& tensor : each.program->tensors) {
        if (tensor.role == ir::Role::input) continue;
        const Array& expected = each.expected.at(tensor.name);
        const std::string file = folder_.file(fmt::format("{}.{}.out", each.stem, tensor.name)), bytes = tests::read_text(file);
        std::filesystem::remove(file);
        Array actual = Array::zeros(expected.dtype, expected.shape);
        if (bytes.size() != actual.bytes.size()) return fmt::format("{}: {} has {} bytes", each.line, tensor.name, bytes.size());
        std::memcpy(actual.bytes.data(), bytes.data(), bytes.size());
        if (const auto difference = first_difference(actual, expected))
          found += fmt::format("{}, {} threads, {}: {}{}\n", target.name, threads, each.line, tensor.name, *difference);
      }
    return found;
  }

 private:
  struct Case {
    std::string line, stem;
    const ir::Program* program;
    Tensors expected;
  };
  TemporaryFolder folder_;
  std::string lines_;
  std::vector<Case> cases_;
};

// The command that makes driver.c the program of the runs. By a C compiler: nothing of the C++ runtime is needed.
inline std::string link_driver(const EmulatedRuns& runs, const std::string& with) {
  return fmt::format(
      "cd '{}' && {} -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -O1 -static -I. "
      "'{}/tests/correct/aarch64/driver.c' {} "
      "-pthread -o '{}'",
      runs.folder().path(), kCCompiler, IMBREX_SOURCE_DIR, with, runs.program());
}

}  // namespace imbrex::test
