// `imbrex bench --json` and `imbrex performance`: every contestant is measured, and the document and its picture show them.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "imbrex/target/target.h"
#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

const std::string demo = "bench deepseek_v4/qkv_proj_rope --preset demo --rounds 2 --threads 1 --no-plain --as-written --json ";

TEST(Bench, times_every_contestant_in_every_round) {
  const CommandResult result = imbrex_command(demo + "--tokens 1,16");
  ASSERT_EQ(result.status, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json.at("sizes").size(), 2u);
  for (const auto& size : json.at("sizes")) {
    for (const char* name : {"kernel", "as written", "peak", "stream"})
      for (const char* state : {"hot", "cold"}) {
        const auto& times = size.at("contestants").at(name).at(state);
        EXPECT_GT(times.at("min_ms").get<double>(), 0) << name;
        EXPECT_LE(times.at("min_ms"), times.at("median_ms")) << name;
        EXPECT_LE(times.at("median_ms"), times.at("max_ms")) << name;
      }
    EXPECT_LE(size.at("contestants").at("as written").at("hot").at("kernel_won").get<int>(), 2);
    EXPECT_GT(size.at("limit_ms").at("hot").get<double>(), 0);
  }
}

// A kernel that is held to a target is compared with what that target can do.
TEST(Bench, probes_the_units_of_the_target) {
  for (const target::Target* target : target::supported_targets()) {
    const CommandResult result = imbrex_command(demo + "--tokens 4 --no-cold --isa " + target->name);
    ASSERT_EQ(result.status, 0) << result.err;
    const auto json = nlohmann::json::parse(result.out);
    EXPECT_EQ(json.at("isa"), target->name);
    std::string probes = "reading the weights";
    for (const target::Unit& bytes : target->units)
      for (const target::Unit& bf16 : target->units)
        if (bytes.product == target::Product::i8 && bf16.product == target::Product::bf16)
          probes += "; " + bytes.name + ", " + bf16.name;
    const std::string limit = json.at("sizes").at(0).at("limit_by").at("hot");
    EXPECT_NE(probes.find(limit), std::string::npos) << limit << " is none of " << probes;
  }
}

TEST(Performance, shows_what_was_measured) {
  const TemporaryFolder folder;
  const CommandResult measured = imbrex_command(demo + "--tokens 1,16");
  ASSERT_EQ(measured.status, 0) << measured.err;
  std::ofstream(folder.file("demo.json")) << measured.out;
  const CommandResult made = imbrex_command(fmt::format("performance '{}' --document '{}' --picture '{}'",
                                                        folder.file("demo.json"), folder.file("out.md"), folder.file("out.svg")));
  ASSERT_EQ(made.status, 0) << made.err;
  const std::string document = read_text(folder.file("out.md")), picture = read_text(folder.file("out.svg"));
  const auto kernel = nlohmann::json::parse(measured.out)["sizes"][1]["contestants"]["kernel"]["hot"];
  EXPECT_NE(document.find(fmt::format("| 16 | {:.3g} ({:.3g} - {:.3g}) |", kernel["median_ms"].get<double>(),
                                      kernel["min_ms"].get<double>(), kernel["max_ms"].get<double>())),
            std::string::npos)
      << document;
  EXPECT_NE(document.find("![Time against T](out.svg)"), std::string::npos);
  EXPECT_EQ(picture.rfind("<svg ", 0), 0u);
  for (const char* name : {">Imbrex<", ">as written<", ">this machine's limit<"})
    EXPECT_NE(picture.find(name), std::string::npos) << name;
  EXPECT_EQ(picture.find("oneDNN"), std::string::npos) << "no peer was measured, none may be drawn";
}

TEST(Performance, shows_a_peer_that_was_measured) {
  const TemporaryFolder folder;
  const CommandResult measured = imbrex_command(demo + "--tokens 1,16 --no-cold");
  ASSERT_EQ(measured.status, 0) << measured.err;
  auto result = nlohmann::json::parse(measured.out);
  for (auto& size : result.at("sizes"))
    size["contestants"]["oneDNN"]["hot"] = {{"median_ms", 123.0}, {"min_ms", 121.0}, {"max_ms", 125.0}, {"kernel_won", 2}};
  std::ofstream(folder.file("demo.json")) << result;
  const CommandResult made = imbrex_command(fmt::format("performance '{}' --document '{}' --picture '{}'",
                                                        folder.file("demo.json"), folder.file("out.md"), folder.file("out.svg")));
  ASSERT_EQ(made.status, 0) << made.err;
  const std::string document = read_text(folder.file("out.md"));
  EXPECT_NE(document.find("| 123 (121 - 125) |"), std::string::npos) << document;
  EXPECT_NE(document.find("| 2 of 2 |"), std::string::npos) << document;
  EXPECT_NE(read_text(folder.file("out.svg")).find(">oneDNN<"), std::string::npos);
}

TEST(Performance, of_other_files_is_an_error) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("list.json")) << "[1, 2]";
  for (const char* file : {"list.json", "nothing.json"}) {
    const CommandResult result = imbrex_command(fmt::format("performance '{}'", folder.file(file)));
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.err.find("error [file-unreadable]"), std::string::npos) << result.err;
  }
}

TEST(Peers, of_a_kernel_that_has_none_are_an_error) {
  const CommandResult result = imbrex_command("bench nn/rms_norm --peers");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("error [no-peers]"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace imbrex::tests
