// examples/engine.c, a C program with its own threads and buffers on kernels compiled ahead of time, against what `imbrex run`
// saved of the same layer; and what its library needs of the system.
#include <gtest/gtest.h>

#include <sstream>

#include "imbrex/checkpoint/safetensors.h"
#include "imbrex/target/target.h"
#include "support/command.h"
#include "support/compare.h"

namespace imbrex::tests {
namespace {

using Tensors = std::map<std::string, Array>;

void write_raw(const TemporaryFolder& folder, const std::string& name, const Array& array) {
  std::ofstream(folder.file(name + ".bin"), std::ios::binary)
      .write(reinterpret_cast<const char*>(array.bytes.data()), static_cast<std::streamsize>(array.bytes.size()));
}

// [in, out] as [out, in].
Array turned(const Array& from) {
  Array to = Array::zeros(from.dtype, {from.shape[1], from.shape[0]});
  const auto bytes = static_cast<size_t>(bytes_of(from.dtype));
  for (int64_t i = 0; i < from.size(); ++i) {
    const int64_t target = i % from.shape[1] * from.shape[0] + i / from.shape[1];
    std::copy_n(from.bytes.data() + static_cast<size_t>(i) * bytes, bytes, to.bytes.data() + static_cast<size_t>(target) * bytes);
  }
  return to;
}

struct Front {
  explicit Front(int64_t tokens) : T(tokens) {
    const CommandResult run = run_command(fmt::format(
        "IMBREX_CACHE='{}/test-cache' '{}' run deepseek_v4/qkv_proj_rope --preset demo --tokens {} --seed 11 --repeat 1 "
        "--save '{}'",
        IMBREX_BINARY_DIR, IMBREX_COMMAND, T, folder.file("layer")));
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    for (const auto& [name, array] : checkpoint::read_safetensors(folder.file("layer/inputs.safetensors"))) {
      const bool is_weight = name == "wq_a" || name == "wq_b" || name == "wkv";
      write_raw(folder, name, is_weight ? turned(array) : array);
    }
    expected = checkpoint::read_safetensors(folder.file("layer/outputs.safetensors"));
    EXPECT_EQ(expected.size(), 4u);
  }

  void expect_engine(int threads, const std::string& isa, const std::string& emulator = "") const {
    for (const auto& [name, array] : expected) std::filesystem::remove(folder.file(name + ".bin"));
    const CommandResult result = run_command(fmt::format("{} {} '{}' '{}' {} {}", isa.empty() ? "" : "IMBREX_ISA=" + isa,
                                                         emulator, IMBREX_ENGINE, folder.path(), T, threads));
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_NE(result.out.find(isa), std::string::npos) << result.out;
    for (const auto& [name, array] : expected) {
      Array output = Array::zeros(array.dtype, array.shape);
      const std::string bytes = read_text(folder.file(name + ".bin"));
      ASSERT_EQ(bytes.size(), output.bytes.size()) << name;
      std::memcpy(output.bytes.data(), bytes.data(), bytes.size());
      const auto difference = test::first_difference(output, array);
      EXPECT_FALSE(difference) << name << *difference << ", T=" << T << ", " << threads << " threads, " << isa;
    }
  }

  int64_t T;
  TemporaryFolder folder;
  Tensors expected;
};

TEST(Engine, GivesTheBitsOfImbrexRun) {
  for (const int64_t T : {0, 1, 2, 15, 17, 65}) {
    const Front front(T);
    for (const target::Target* target : target::supported_targets())
      for (const int threads : {1, 2, 3}) front.expect_engine(threads, target->name);
    front.expect_engine(2, "");
  }
}

TEST(Engine, RunsOnAProcessorWithoutAnyExtension) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers do not run in an emulator";
  if (run_command("qemu-x86_64 --version").status != 0) GTEST_SKIP() << "no qemu-x86_64";
  const Front front(3);
  front.expect_engine(2, "", "qemu-x86_64 -cpu qemu64");
  const CommandResult forced =
      run_command(fmt::format("IMBREX_ISA=avx2 qemu-x86_64 -cpu qemu64 '{}' '{}' 3 1", IMBREX_ENGINE, front.folder.path()));
  EXPECT_EQ(forced.status, 1) << forced.status;  // an error, not a signal
  EXPECT_NE(forced.err.find("cannot run"), std::string::npos) << forced.err;
}

TEST(Engine, RefusesBadArguments) {
  const TemporaryFolder empty;
  for (const char* arguments : {"", "0 1", "3 0", "-1 1", "3 100000", "x y", "3 1"}) {
    const CommandResult result = run_command(fmt::format("'{}' '{}' {}", IMBREX_ENGINE, empty.path(), arguments));
    EXPECT_EQ(result.status, 1) << arguments;
    EXPECT_NE(result.err.find("engine: "), std::string::npos) << arguments;
  }
}

// Names that the library takes from elsewhere, and those that a linker could replace by another library's copy.
TEST(AheadOfTimeLibrary, NeedsTheCLibraryAlone) {
  if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers add names";
  const CommandResult names = run_command(fmt::format("nm -P '{}'", IMBREX_ENGINE_LIBRARY));
  ASSERT_EQ(names.status, 0) << names.err;
  std::istringstream lines(names.out);
  int kernels = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, kind;
    words >> name >> kind;
    if (kind.empty() || kind.size() > 1) continue;
    EXPECT_EQ(std::string("WVuwv").find(kind), std::string::npos) << line;  // shared inline functions
    EXPECT_FALSE(kind == "U" && (name.starts_with("_Z") || name.starts_with("__cxa") || name.starts_with("__gxx"))) << line;
    if (kind == "T") {
      EXPECT_TRUE(name.starts_with("deepseek_v4_qkv_proj_rope")) << line;
      ++kernels;
    }
  }
  // The dispatcher, and each target.
  EXPECT_EQ(kernels, 1 + static_cast<int>(target::targets_of(IMBREX_THIS_ARCHITECTURE).size()));
}

}  // namespace
}  // namespace imbrex::tests
