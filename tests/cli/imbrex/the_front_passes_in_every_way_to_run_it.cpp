// The flagship at its small preset: every variant, backend and instruction set of this machine, at every T where a tail could be
// lost.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "imbrex/checkpoint/safetensors.h"
#include "imbrex/target/target.h"
#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

constexpr int64_t boundary_tokens[] = {1, 2, 3, 7, 8, 15, 16, 17, 63, 64, 65, 127, 128, 129, 257};
const std::string demo = "run deepseek_v4/qkv_proj_rope --preset demo --repeat 1 ";

// Runs it and expects four PASS, in the JSON and in the status.
nlohmann::json expect_pass(const std::string& arguments) {
  const CommandResult result = imbrex_command(demo + "--json " + arguments);
  EXPECT_EQ(result.status, 0) << arguments << "\n" << result.out << result.err;
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << result.out;
  if (json.is_discarded() || !json.contains("outputs")) return json;
  EXPECT_EQ(json["outputs"].size(), 4u);
  for (const auto& output : json["outputs"]) EXPECT_TRUE(output["pass"].get<bool>()) << arguments << "\n" << output;
  for (const auto& stage : json["stages"]) EXPECT_TRUE(stage["pass"].get<bool>()) << arguments << "\n" << stage;
  EXPECT_EQ(json["stages"].size(), 6u) << "every stage is seen: attn_norm, qr_rms, qr_quant twice, q_heads, kv";
  return json;
}

class Variants : public testing::TestWithParam<const char*> {};

TEST_P(Variants, pass_on_the_host_at_every_boundary) {
  for (int64_t tokens : boundary_tokens) expect_pass(fmt::format("--variant {} --tokens {}", GetParam(), tokens));
}

TEST_P(Variants, pass_on_every_instruction_set) {
  for (const target::Target* target : target::supported_targets())
    for (int64_t tokens : {1, 17, 129})
      expect_pass(fmt::format("--variant {} --isa {} --tokens {}", GetParam(), target->name, tokens));
}

TEST_P(Variants, pass_in_the_interpreter) {
  for (int64_t tokens : {1, 3, 17})
    expect_pass(fmt::format("--variant {} --backend interpreter --tokens {}", GetParam(), tokens));
}

TEST_P(Variants, pass_with_other_threads_and_seeds) {
  for (int threads : {1, 2, 3})
    for (int seed : {2, 3})
      expect_pass(fmt::format("--variant {} --tokens 33 --threads {} --seed {}", GetParam(), threads, seed));
}

TEST(Front, passes_without_tokens) {
  const CommandResult json = imbrex_command(demo + "--tokens 0 --json");
  EXPECT_EQ(json.status, 0) << json.out << json.err;
  EXPECT_EQ(nlohmann::json::parse(json.out, nullptr, false).value("pass", false), true) << json.out;
  for (const char* more : {"", "--verbose", "--backend interpreter", "--checked", "--as-written"}) {
    const CommandResult result = imbrex_command(demo + "--dim T=0 " + more);
    EXPECT_EQ(result.status, 0) << more << "\n" << result.out << result.err;
    EXPECT_NE(result.out.find("nothing to compare"), std::string::npos) << result.out;
    EXPECT_EQ(result.out.find("nan"), std::string::npos) << result.out;
  }
}

INSTANTIATE_TEST_SUITE_P(Front, Variants, testing::Values("unfused", "fused"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Front, row_splits_with_odd_and_few_rows) {
  for (int splits : {1, 2, 3, 5, 8})
    for (int64_t tokens : {1, 2, 3, 7, 17})
      expect_pass(fmt::format("--variant fused --row-splits {} --tokens {}", splits, tokens));
}

TEST(Front, dimensions_by_hand) { expect_pass("--hidden 384 --heads 3 --q-lora 192 --tokens 5"); }

TEST(Front, saved_outputs_have_the_same_bits_whatever_made_them) {
  const TemporaryFolder folder;
  std::map<std::string, std::string> made_by = {{"fused", "--variant fused"},
                                                {"unfused", "--variant unfused"},
                                                {"one-thread", "--threads 1"},
                                                {"three-threads", "--threads 3"},
                                                {"interpreter", "--backend interpreter"}};
  for (const target::Target* target : target::supported_targets()) made_by[target->name] = fmt::format("--isa {}", target->name);
  for (const auto& [name, arguments] : made_by)
    ASSERT_EQ(imbrex_command(fmt::format("{} --tokens 19 {} --save '{}'", demo, arguments, folder.file(name))).status, 0) << name;
  const auto first = checkpoint::read_safetensors(folder.file("fused/outputs.safetensors"));
  for (const auto& [name, arguments] : made_by) {
    const auto other = checkpoint::read_safetensors(folder.file(name + "/outputs.safetensors"));
    ASSERT_EQ(other.size(), first.size()) << name;
    for (const auto& [tensor, array] : first) EXPECT_EQ(other.at(tensor).bytes, array.bytes) << tensor << " of " << name;
  }
}

TEST(Front, a_row_alone_has_the_bits_it_has_in_a_batch) {
  const TemporaryFolder folder;
  for (int64_t tokens : {1, 40})
    ASSERT_EQ(imbrex_command(fmt::format("{} --tokens {} --save '{}'", demo, tokens, folder.file(std::to_string(tokens)))).status,
              0);
  const auto alone = checkpoint::read_safetensors(folder.file("1/outputs.safetensors"));
  const auto batch = checkpoint::read_safetensors(folder.file("40/outputs.safetensors"));
  for (const auto& [name, array] : alone)
    EXPECT_TRUE(std::equal(array.bytes.begin(), array.bytes.end(), batch.at(name).bytes.begin())) << name;
}

TEST(Front, a_layer_of_another_tool_is_replayed) {
  const TemporaryFolder folder;
  ASSERT_EQ(imbrex_command(demo + "--tokens 5 --save '" + folder.file("a") + "'").status, 0);
  auto inputs = checkpoint::read_safetensors(folder.file("a/inputs.safetensors"));
  inputs["wq_b_scale"].shape = {inputs["wq_b_scale"].size() / 128, 128};
  checkpoint::write_safetensors(folder.file("a/inputs.safetensors"), inputs);
  std::filesystem::remove(folder.file("a/expected.safetensors"));
  const CommandResult result =
      imbrex_command("run deepseek_v4/qkv_proj_rope --json --repeat 1 --replay '" + folder.file("a") + "'");
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out)["compared_with"], "the reference");
}

// A token with a NaN and one that is infinite: so are their rows of what comes out, and the check says so.
TEST(Front, passes_with_a_nan_token_and_an_infinite_one) {
  const TemporaryFolder folder;
  ASSERT_EQ(imbrex_command(demo + "--tokens 9 --save '" + folder.path() + "'").status, 0);
  auto inputs = checkpoint::read_safetensors(folder.file("inputs.safetensors"));
  Array& x = inputs["x"];
  x.as<uint16_t>()[3 * x.shape[1] + 5] = 0x7fc0;
  x.as<uint16_t>()[7 * x.shape[1] + 1] = 0xff80;
  checkpoint::write_safetensors(folder.file("inputs.safetensors"), inputs, {{"preset", "demo"}});
  std::filesystem::remove(folder.file("expected.safetensors"));
  std::vector<std::string> ways = {"--backend interpreter", "--checked", "--threads 3", "--verbose"};
  for (const char* variant : {"fused", "unfused", "plain"}) ways.push_back(std::string("--variant ") + variant);
  for (const target::Target* target : target::supported_targets()) ways.push_back("--isa " + target->name);
  for (const std::string& way : ways) {
    const CommandResult result =
        imbrex_command("run deepseek_v4/qkv_proj_rope --repeat 1 --replay '" + folder.path() + "' " + way);
    EXPECT_EQ(result.status, 0) << way << "\n" << result.out << result.err;
    EXPECT_EQ(result.out.find("nan"), std::string::npos) << result.out;
  }
}

TEST(Front, the_screen_has_four_pass_lines) {
  const CommandResult result = imbrex_command(demo + "--batch 4 --seq 2 --verbose");
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* line :
       {"B=4 S=2 (T=8)", "q         PASS  bf16 [8,4,512]", "kv        PASS  bf16 [8,512]", "qr        PASS  int8 [8,256]",
        "qr_scale  PASS  f32 [8,1]", "compile   ", "time      ", "stages    ", "rounding  "})
    EXPECT_NE(result.out.find(line), std::string::npos) << line << "\n" << result.out;
  EXPECT_EQ(result.err, "");  // progress is for terminals
}

}  // namespace
}  // namespace imbrex::tests
