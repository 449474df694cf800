// imbrex make-checkpoint and inspect.
#include <gtest/gtest.h>

#include "cli/imbrex/imbrex_command.h"

namespace imbrex::tests {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Checkpoints, AreMadeAndInspected) {
  const TemporaryFolder folder;
  const std::string made = folder.file("tiny");
  const CommandResult make = imbrex_command("make-checkpoint '" + made + "' --preset tiny --layers 1-2");
  ASSERT_EQ(make.status, 0) << make.err;
  EXPECT_TRUE(has(make.out, "layers 1 to 2 of tiny")) << make.out;

  const CommandResult all = imbrex_command("inspect '" + made + "'");
  EXPECT_EQ(all.status, 0) << all.err;
  for (const char* line : {"D 512, 4 heads of 512 (64 rotated), latent 256, eps 1e-06, 4 layers, blocks of 128 x 128",
                           "18 tensors\n", "layers.0                theta 10000                   no tensor\n",
                           "layers.1                theta 160000, YaRN factor 16  complete, 0.9 MiB\n", "mtp.0  "})
    EXPECT_TRUE(has(all.out, line)) << line << " is not in\n" << all.out;

  const CommandResult one = imbrex_command("inspect '" + made + "' --layer 2");
  EXPECT_EQ(one.status, 0) << one.err;
  for (const char* line :
       {"layers.2.attn.wq_b.weight         F8_E4M3 [2048, 256]       -> int8 [256, 2048] and f32 [2048]  "
        "model-00002-of-00002",
        "layers.2.attn.wq_b.scale          F8_E8M0 [16, 2]           -> blocks of 128 x 128              model-00001-of-00002",
        "-> bf16 [512, 256], exact"})
    EXPECT_TRUE(has(one.out, line)) << line << " is not in\n" << one.out;
}

TEST(Checkpoints, AreNotOverwritten) {
  const TemporaryFolder folder;
  write_text(folder.file("config.json"), "{}");
  const CommandResult make = imbrex_command("make-checkpoint '" + folder.path() + "' --preset tiny");
  EXPECT_EQ(make.status, 1);
  EXPECT_TRUE(has(make.err, "[file-unwritable]") && has(make.err, "config.json")) << make.err;
  EXPECT_EQ(read_text(folder.file("config.json")), "{}");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Checkpoints, MissingFilesAreNamed) {
  const TemporaryFolder folder;
  const std::string made = folder.file("tiny");
  ASSERT_EQ(imbrex_command("make-checkpoint '" + made + "' --preset tiny").status, 0);
  std::filesystem::remove(folder.file("tiny/model-00002-of-00004.safetensors"));
  const CommandResult all = imbrex_command("inspect '" + made + "'");
  EXPECT_EQ(all.status, 1) << all.out;
  EXPECT_TRUE(has(all.out, "a file is MISSING: model-00002-of-00004.safetensors")) << all.out;
  EXPECT_TRUE(has(all.out, "layers.0                theta 10000                   NOT USABLE: cannot read"))
      << all.out;  // its scales are there
  EXPECT_TRUE(has(all.out, "layers.2                theta 160000, YaRN factor 16  complete")) << all.out;
  const CommandResult one = imbrex_command("inspect '" + made + "' --layer 1");
  EXPECT_EQ(one.status, 1);
  EXPECT_TRUE(has(one.out, "layers.1.attn.wkv.weight          MISSING")) << one.out;
}

TEST(Checkpoints, BadOptionsAreErrors) {
  const TemporaryFolder folder;
  for (const auto& [options, id] : {std::pair("--preset none", "unknown-preset"),
                                    {"--preset tiny --layers 3-5", "option-value"},
                                    {"--preset tiny --layers 2-1", "option-value"},
                                    {"--preset tiny --layers -1", "option-value"},
                                    {"--preset tiny --layers 1-x", "option-value"}}) {
    const CommandResult make = imbrex_command("make-checkpoint '" + folder.file("a") + "' " + options);
    EXPECT_EQ(make.status, 1) << options;
    EXPECT_TRUE(has(make.err, std::string("[") + id + "]")) << make.err;
    EXPECT_FALSE(std::filesystem::exists(folder.file("a/config.json")));
  }
  EXPECT_EQ(imbrex_command("inspect '" + folder.path() + "'").status, 1);
  ASSERT_EQ(imbrex_command("make-checkpoint '" + folder.file("b") + "' --preset tiny --layers 4").status, 0);
  EXPECT_TRUE(has(imbrex_command("inspect '" + folder.file("b") + "' --layer 5").err, "[option-value]"));
  EXPECT_TRUE(has(imbrex_command("inspect '" + folder.file("b") + "' --layer 4").out, "mtp.0.attn.wkv.weight"));
}

}  // namespace
}  // namespace imbrex::tests
