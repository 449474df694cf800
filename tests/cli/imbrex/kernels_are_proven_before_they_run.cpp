// check and graph, and that run proves first: a kernel that may race is refused unless it is asked for, and a verdict is kept.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

const std::string front = "deepseek_v4/qkv_proj_rope";
const std::string examples = std::string(IMBREX_SOURCE_DIR) + "/docs/examples/";

TEST(Check, proves_a_kernel_and_says_what_it_moves) {
  const CommandResult result = imbrex_command("check " + front + " --variant fused --preset demo --target a2a3 --tokens 16");
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* text :
       {"qkv_proj_rope: proven\n", "bounds", "independence", "scopes on a2a3:", "attn_norm: tasks", "Vec", " of 184 KiB"})
    EXPECT_NE(result.out.find(text), std::string::npos) << text << "\n" << result.out;
}

TEST(Check, refuses_with_status_1_and_the_message) {
  const CommandResult result = imbrex_command("check '" + examples + "lost_row.tile'");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.out.find("row T-1 of q is never written when T is odd: T=1, nearest to a typical run T=129"),
            std::string::npos)
      << result.out;
}

TEST(Check, prints_json) {
  for (const std::string& kernel : {front + " --preset demo --target a5 --tokens 3", "'" + examples + "shared_scratch.tile'"}) {
    const CommandResult result = imbrex_command("check " + kernel + " --json");
    const auto report = nlohmann::json::parse(result.out);
    EXPECT_EQ(report.at("proven").get<bool>(), result.status == 0);
    EXPECT_EQ(report.at("diagnostics").empty(), result.status == 0);
    EXPECT_FALSE(report.at("checks").empty());
  }
}

TEST(Check, takes_a_size_beyond_capacity_as_an_error) {
  const std::string command = "check " + front + " --variant fused --preset demo --target a2a3 --row-splits 1 --brief --tokens ";
  EXPECT_EQ(imbrex_command(command + "91").status, 0);
  const CommandResult over = imbrex_command(command + "92");
  EXPECT_EQ(over.status, 1);
  EXPECT_NE(over.out.find("error [over-capacity]"), std::string::npos) << over.out;
}

TEST(Graph, is_dot_with_bytes_on_its_edges) {
  const CommandResult result = imbrex_command("graph nn/projections");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.rfind("digraph ", 0), 0u) << result.out;
  const CommandResult of_front = imbrex_command("graph " + front + " --variant fused --preset demo");
  EXPECT_NE(of_front.out.find("\"attn_norm\" -> \"qr_proj_matmul\" [label=\"reads token_x_bf16: 1024*T bytes\"]"),
            std::string::npos)
      << of_front.out;
}

TEST(Run, refuses_what_is_not_proven) {
  for (const char* backend : {"host", "interpreter"}) {
    const CommandResult refused = imbrex_command(fmt::format("run '{}shared_scratch.tile' --backend {}", examples, backend));
    EXPECT_EQ(refused.status, 1);
    EXPECT_EQ(refused.out, "");
    EXPECT_NE(refused.err.find("error [parallel-conflict]"), std::string::npos) << refused.err;
    const CommandResult anyway = imbrex_command(
        fmt::format("run '{}shared_scratch.tile' --backend {} --threads 1 --repeat 1 --unproven", examples, backend));
    EXPECT_NE(anyway.out.find("proved    NONE: --unproven skipped it"), std::string::npos) << anyway.out << anyway.err;
  }
  const CommandResult json = imbrex_command("run '" + examples + "shared_scratch.tile' --threads 1 --repeat 1 --unproven --json");
  EXPECT_FALSE(nlohmann::json::parse(json.out).at("proven").get<bool>());
}

TEST(Run, checked_shows_what_a_kernel_does_on_these_inputs) {
  const CommandResult passes = imbrex_command("run nn/rms_norm --checked --dim T=5");
  EXPECT_EQ(passes.status, 0) << passes.err;
  EXPECT_NE(passes.out.find("checked   no fault"), std::string::npos) << passes.out;
  EXPECT_TRUE(nlohmann::json::parse(imbrex_command("run nn/rms_norm --checked --dim T=5 --json").out).at("checked").get<bool>());
  const std::string scratch = "run '" + examples + "shared_scratch.tile' --unproven ",
                    lost = "run '" + examples + "lost_row.tile' --unproven ";
  const CommandResult race = imbrex_command(scratch + "--checked");
  EXPECT_EQ(race.status, 1);
  EXPECT_EQ(race.out, "");
  EXPECT_NE(race.err.find("error [parallel-conflict]: two iterations"), std::string::npos) << race.err;
  EXPECT_EQ(imbrex_command(scratch + "--backend interpreter").status, 0);  // in order, nothing is wrong
  EXPECT_NE(imbrex_command(lost + "--checked --dim T=7").err.find("error [output-not-written]"), std::string::npos);
  EXPECT_EQ(imbrex_command(lost + "--checked --dim T=8").status, 0);
}

// The files of verdicts below a cache directory.
std::vector<std::filesystem::path> verdicts_in(const std::filesystem::path& cache) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(cache / "proofs")) files.push_back(entry.path());
  return files;
}

TEST(Run, keeps_a_verdict_and_distrusts_a_damaged_one) {
  const TemporaryFolder folder;
  const std::string environment = "IMBREX_CACHE=" + folder.file("cache");
  const std::string command = "run nn/rms_norm --backend interpreter --dim T=2 --json";
  const auto was_cached = [&] {
    const CommandResult result = run_command("env '" + environment + "' '" IMBREX_COMMAND "' " + command);
    EXPECT_EQ(result.status, 0) << result.err;
    const auto report = nlohmann::json::parse(result.out);
    EXPECT_TRUE(report.at("proven").get<bool>());
    return report.at("proof_cached").get<bool>();
  };
  EXPECT_FALSE(was_cached());
  EXPECT_TRUE(was_cached());
  ASSERT_EQ(verdicts_in(folder.file("cache")).size(), 1u);
  const std::string verdict = verdicts_in(folder.file("cache"))[0].string(), intact = read_text(verdict);
  for (const std::string& damaged : {std::string(), intact.substr(0, intact.size() / 2), intact + "x", "y" + intact.substr(1)}) {
    write_text(verdict, damaged);
    EXPECT_FALSE(was_cached());
    EXPECT_EQ(read_text(verdict), intact);
  }
  std::filesystem::permissions(folder.file("cache") + "/proofs", std::filesystem::perms::none);
  was_cached();  // whether it may look does not matter: it must pass
  std::filesystem::permissions(folder.file("cache") + "/proofs", std::filesystem::perms::owner_all);
  EXPECT_EQ(run_command("env '" + environment + "' '" IMBREX_COMMAND "' cache clear").status, 0);
  EXPECT_FALSE(std::filesystem::exists(folder.file("cache") + "/proofs"));
}

}  // namespace
}  // namespace imbrex::tests
