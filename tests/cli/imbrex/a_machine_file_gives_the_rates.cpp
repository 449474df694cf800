// `imbrex calibrate` writes a machine's rates, IMBREX_MACHINE names them to every command, and explain says whose it used.
#include <gtest/gtest.h>

#include <fstream>

#include "imbrex/target/target.h"
#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

TEST(Calibrate, writes_a_file_that_explain_uses) {
  const std::string file = testing::TempDir() + "/imbrex_machine";
  const CommandResult written = imbrex_command("calibrate --threads 1 --to '" + file + "'");
  ASSERT_EQ(written.status, 0) << written.err;
  EXPECT_NE(written.out.find("IMBREX_MACHINE=" + file), std::string::npos) << written.out;
  const std::string hash = written.out.substr(written.out.find(", ") + 2, 12);
  const std::string rates = read_text(file);
  for (const target::Target* target : target::supported_targets())
    for (const target::ProductKernel& kernel : target->products)
      EXPECT_NE(rates.find("\n" + kernel.rate + " "), std::string::npos) << kernel.rate << " in\n" << rates;
  const CommandResult explained = imbrex_command("explain nn/matmul", "IMBREX_MACHINE='" + file + "'");
  ASSERT_EQ(explained.status, 0) << explained.err;
  EXPECT_NE(explained.out.find(" on " + file + " (" + hash + "), 1 core"), std::string::npos) << explained.out;
  const CommandResult named = imbrex_command("explain nn/matmul --isa avx512 --machine zen4");
  EXPECT_NE(named.out.find("Estimated for avx512 on zen4 ("), std::string::npos) << named.out;
}

TEST(Machines, choose_the_code_that_is_emitted) {
  const std::string emit = "emit deepseek_v4/qkv_proj_rope --preset demo --isa avx512 --machine ";
  const std::string zen4 = imbrex_command(emit + "zen4").out, intel = imbrex_command(emit + "sapphire_rapids").out;
  EXPECT_EQ(zen4.find("// For avx512 on zen4.\n"), 0u) << zen4.substr(0, 100);
  EXPECT_NE(zen4.find("matmul_bf16<FetchingByRows>("), std::string::npos);
  EXPECT_EQ(zen4.find("matmul_bf16_fma("), std::string::npos);
  EXPECT_NE(intel.find("matmul_bf16_fma("), std::string::npos);
  EXPECT_EQ(imbrex_command(emit + "sapphire_rapids", "IMBREX_MACHINE=zen4").out, intel);
  // This machine's figures say nothing of another architecture: what is read is what `aot` writes.
  const std::string other = imbrex_command("emit nn/rms_norm --isa neon").out;
  EXPECT_EQ(other.find("// For neon on zen4.\n"), 0u) << other.substr(0, 100);
  const CommandResult none = imbrex_command(emit + "zen40");
  EXPECT_EQ(none.status, 1);
  EXPECT_NE(none.err.find("error [machine-file]"), std::string::npos) << none.err;
  EXPECT_NE(none.err.find("zen4, "), std::string::npos) << none.err;
}

TEST(Explain, measures_each_scope_beside_its_estimate) {
  const CommandResult front = imbrex_command("explain deepseek_v4/qkv_proj_rope --preset demo --tokens 4 --measure --threads 2");
  ASSERT_EQ(front.status, 0) << front.err;
  const size_t table = front.out.find("measured");
  ASSERT_NE(table, std::string::npos) << front.out;
  for (const char* scope : {"\n  x_norm ", "\n  qr_proj ", "\n  kv_proj ", "\n  q ", "\n  total "})
    EXPECT_NE(front.out.find(scope, table), std::string::npos) << front.out;
}

TEST(MachineFile, that_cannot_be_used_is_an_error) {
  const std::string file = testing::TempDir() + "/imbrex_bad_machine";
  for (const char* text : {"bf16 fast\n", "", "cores 2\ncores 2\n"}) {
    std::ofstream(file) << text;
    const CommandResult result = imbrex_command("explain nn/matmul", "IMBREX_MACHINE='" + file + "'");
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.err.find("error [machine-file]"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("try: "), std::string::npos) << result.err;
  }
  EXPECT_EQ(imbrex_command("explain nn/matmul", "IMBREX_MACHINE=/no/such/file").status, 1);
  const CommandResult folder = imbrex_command("explain nn/matmul --machine '" + testing::TempDir() + "'");
  EXPECT_EQ(folder.status, 1);
  EXPECT_NE(folder.err.find("is a folder, not a machine file"), std::string::npos) << folder.err;
}

}  // namespace
}  // namespace imbrex::tests
