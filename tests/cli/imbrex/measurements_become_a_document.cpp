// `imbrex bench --json` and `imbrex performance`: every contestant is measured, and the document and its picture show them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

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
  for (const target::Target* target : {target::supported_targets().front(), target::supported_targets().back()}) {
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
  const CommandResult made = imbrex_command(fmt::format("performance '{}' --document '{}' --pictures '{}'",
                                                        folder.file("demo.json"), folder.file("out.md"), folder.path()));
  ASSERT_EQ(made.status, 0) << made.err;
  const std::string name = "performance-" + nlohmann::json::parse(measured.out)["class"].get<std::string>() + ".svg";
  const std::string document = read_text(folder.file("out.md")), picture = read_text(folder.file(name));
  const auto kernel = nlohmann::json::parse(measured.out)["sizes"][1]["contestants"]["kernel"]["hot"];
  EXPECT_NE(document.find(fmt::format("| 16 | {:.3g} ({:.3g} - {:.3g}) |", kernel["median_ms"].get<double>(),
                                      kernel["min_ms"].get<double>(), kernel["max_ms"].get<double>())),
            std::string::npos)
      << document;
  EXPECT_NE(document.find("![Time against T](" + name + ")"), std::string::npos);
  EXPECT_NE(document.find("Measured on " + nlohmann::json::parse(measured.out)["date"].get<std::string>()), std::string::npos);
  EXPECT_EQ(picture.rfind("<svg ", 0), 0u);
  for (const char* name : {">Imbrex<", ">as written<", ">roofline<"}) EXPECT_NE(picture.find(name), std::string::npos) << name;
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
  const CommandResult made = imbrex_command(fmt::format("performance '{}' --document '{}' --pictures '{}'",
                                                        folder.file("demo.json"), folder.file("out.md"), folder.path()));
  ASSERT_EQ(made.status, 0) << made.err;
  const std::string document = read_text(folder.file("out.md"));
  const std::string picture = read_text(folder.file("performance-" + result["class"].get<std::string>() + ".svg"));
  EXPECT_NE(document.find("| 123 (121 - 125) |"), std::string::npos) << document;
  EXPECT_NE(document.find("| 2 of 2 |"), std::string::npos) << document;
  EXPECT_NE(picture.find(">oneDNN<"), std::string::npos);
}

// A peer that a reader could not know is described, under the kernel's name; the picture is of the others.
TEST(Performance, says_what_a_peer_of_another_kernel_is) {
  const TemporaryFolder folder;
  const CommandResult measured = imbrex_command(demo + "--tokens 1,16 --no-cold");
  ASSERT_EQ(measured.status, 0) << measured.err;
  auto result = nlohmann::json::parse(measured.out);
  std::ofstream(folder.file("demo.json")) << result;
  result["peer"] = "several calls";
  std::ofstream(folder.file("engine.json")) << result;
  const CommandResult made = imbrex_command(
      fmt::format("performance '{}' '{}' --pictures '{}'", folder.file("engine.json"), folder.file("demo.json"), folder.path()));
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_NE(made.out.find("### demo: deepseek_v4/qkv_proj_rope\n\noneDNN is here several calls.\n"), std::string::npos)
      << made.out;
  EXPECT_LT(made.out.find("### demo\n"), made.out.find("### demo: ")) << "last";
  const std::string picture = read_text(folder.file("performance-" + result["class"].get<std::string>() + ".svg"));
  ASSERT_NE(picture.find("demo, "), std::string::npos);
  EXPECT_EQ(picture.find("demo, "), picture.rfind("demo, ")) << "one panel";
}

// Each class of machines has a section of its own, with its date and what changed since; a share above 100 % is not shown.
TEST(Performance, keeps_the_sections_of_other_machines) {
  const auto result = [](const char* machine, const char* date, double kernel_ms, double limit_ms) {
    const nlohmann::json times = {{"median_ms", kernel_ms}, {"min_ms", kernel_ms}, {"max_ms", kernel_ms}};
    const nlohmann::json size = {{"contestants", {{"kernel", {{"hot", times}}}, {"peak", {{"what", "unit"}}}}},
                                 {"limit_ms", {{"hot", limit_ms}}}};
    nlohmann::json one = size, two = size;
    one["dims"]["T"] = 1, two["dims"]["T"] = 2;
    return nlohmann::json{
        {"class", machine}, {"date", date}, {"semantics", date[3] == '1' ? 1 : 2}, {"isa", "scalar"},    {"preset", "demo"},
        {"threads", 1},     {"rounds", 1},  {"machine", {{"processor", machine}}}, {"sizes", {one, two}}}
        .dump();
  };
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() + "/old");
  write_text(folder.file("new.json"), result("sapphire_rapids", "2002-02-02", 3.0, 2.0));
  write_text(folder.file("old/old.json"), result("zen4", "2001-01-01", 3.0, 4.0));
  write_text(folder.file("old/changed.md"), "- It is faster now.\n");
  const CommandResult made =
      imbrex_command(fmt::format("performance '{}' '{}'", folder.file("new.json"), folder.file("old/old.json")));
  ASSERT_EQ(made.status, 0) << made.err;
  const size_t zen4 = made.out.find("(zen4)\n\nMeasured on 2001-01-01."),
               intel = made.out.find("(sapphire_rapids)\n\nMeasured on 2002-02-02.");
  ASSERT_NE(zen4, std::string::npos) << made.out;
  ASSERT_NE(intel, std::string::npos) << made.out;
  EXPECT_LT(zen4, intel);
  EXPECT_LT(made.out.find("- It is faster now."), intel);
  EXPECT_LT(made.out.find("**Measured before [semantics 2]"), intel) << "of the one with semantics 1";
  EXPECT_EQ(made.out.find("**Measured before", intel), std::string::npos);
  EXPECT_EQ(made.out.find("- It is faster now.", intel), std::string::npos);
  EXPECT_NE(made.out.find("| 1 | 3 (3 - 3) | - |"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("| 1 | 3 (3 - 3) | 67 % |"), std::string::npos) << made.out;
}

// One number in one direction: the same share of the roofline from bench, run and the document.
TEST(Performance, shares_of_a_limit_are_shares_of_the_time) {
  const TemporaryFolder folder;
  const CommandResult bench =
      imbrex_command("bench deepseek_v4/qkv_proj_rope --preset demo --tokens 300 --rounds 3 --no-plain --no-cold");
  ASSERT_EQ(bench.status, 0) << bench.err;
  std::istringstream words(bench.out.substr(bench.out.find("\n  kernel ") + 10));
  double milliseconds = 0, share = 0;
  std::string spread, unit;
  words >> milliseconds >> spread >> share >> unit;
  if (spread.empty() || unit != "%") return;  // this machine is faster than its probes just now
  const double limit = std::stod(bench.out.substr(bench.out.find("  roofline: ") + 12));
  EXPECT_NEAR(share, 100 * limit / milliseconds, 2) << bench.out;
  EXPECT_LE(share, 100);
}

// docs/performance.md is what the results that are checked in give.
TEST(Performance, document_is_that_of_the_results) {
  const std::string root = IMBREX_SOURCE_DIR;
  const TemporaryFolder folder;
  const CommandResult made =
      run_command(fmt::format("'{}' performance '{}'/bench/results/*/*.json --document '{}' --pictures '{}'", IMBREX_COMMAND,
                              root, folder.file("performance.md"), folder.path()));
  ASSERT_EQ(made.status, 0) << made.err;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++files;
    EXPECT_EQ(read_text(entry.path().string()), read_text(root + "/docs/" + entry.path().filename().string())) << entry.path();
  }
  EXPECT_GE(files, 2);
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
