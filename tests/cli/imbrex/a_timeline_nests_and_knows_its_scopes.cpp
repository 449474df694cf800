// What `imbrex run --trace` writes: JSON, a row for each worker, slices that nest, and scopes with their tiles, bytes and
// operations.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

struct Slice {
  std::string name;
  int64_t begin_ns, end_ns;
  nlohmann::json args;
};

int64_t nanoseconds(const nlohmann::json& microseconds) { return std::llround(1e3 * microseconds.get<double>()); }

std::map<int, std::vector<Slice>> rows_of(const std::string& flags) {
  const TemporaryFolder folder;
  const CommandResult result = imbrex_command("run deepseek_v4/qkv_proj_rope --preset demo --tokens 64 --threads 2 --repeat 1 " +
                                              flags + " --trace " + folder.file("out.json"));
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  const auto json = nlohmann::json::parse(read_text(folder.file("out.json")), nullptr, false);
  std::map<int, std::vector<Slice>> rows;
  if (json.is_discarded()) return rows;
  for (const auto& event : json["traceEvents"])
    if (event["ph"] == "X") {
      const int64_t begin = nanoseconds(event["ts"]);
      rows[event["tid"]].push_back({event["name"], begin, begin + nanoseconds(event["dur"]), event["args"]});
    }
  return rows;
}

// In the order of the file, each slice lies within the one around it or after it. The most that lie within each other.
size_t depth_of(const std::vector<Slice>& slices) {
  size_t depth = 0;
  std::vector<int64_t> ends;
  int64_t last = 0;
  for (const Slice& slice : slices) {
    EXPECT_LE(last, slice.begin_ns);
    last = slice.begin_ns;
    while (!ends.empty() && ends.back() <= slice.begin_ns) ends.pop_back();
    if (!ends.empty()) {
      EXPECT_LE(slice.end_ns, ends.back()) << slice.name;
    }
    ends.push_back(slice.end_ns);
    depth = std::max(depth, ends.size());
  }
  return depth;
}

TEST(Timeline, has_a_row_of_nested_slices_for_each_worker) {
  for (const char* flags : {"", "--as-written"}) {
    const auto rows = rows_of(flags);
    ASSERT_EQ(rows.size(), 2u);
    for (const auto& [worker, slices] : rows) EXPECT_GE(depth_of(slices), 2u);
  }
}

TEST(Timeline, knows_what_a_scope_does) {
  int64_t executions = 0, operations = 0;
  for (const auto& [worker, slices] : rows_of("--as-written"))
    for (const Slice& slice : slices)
      if (slice.name == "qproj_matmul") {
        ++executions;
        operations += slice.args.at("operations, mean").get<int64_t>();
        EXPECT_NE(slice.args.at("tile").get<std::string>().find(" by 512"), std::string::npos) << slice.args;
        EXPECT_GT(slice.args.at("bytes read, mean").get<int64_t>(), 0);
      }
  ASSERT_GT(executions, 0);
  // 64 tokens of 256 latents into 4 heads of 512; each mean is rounded down.
  EXPECT_NEAR(static_cast<double>(operations), 2.0 * 64 * 256 * 4 * 512, static_cast<double>(executions));
}

TEST(Timeline, names_the_authors_scopes_and_lines) {
  std::map<std::string, nlohmann::json> scopes;
  for (const auto& [worker, slices] : rows_of("--variant unfused"))
    for (const Slice& slice : slices) scopes[slice.name] = slice.args;
  ASSERT_TRUE(scopes.contains("x_norm"));
  const auto& args = scopes.at("x_norm");
  for (const char* author : {"attn_norm_rms:", "attn_norm_apply:", "attn_norm_cast:"})
    EXPECT_NE(args.at("from").get<std::string>().find(author), std::string::npos) << args;
  EXPECT_NE(args.at("lines").get<std::string>().find("qkv_proj_rope_unfused.cpp:"), std::string::npos) << args;
  // What its author wrote is its own.
  for (const auto& [worker, slices] : rows_of("--as-written"))
    for (const Slice& slice : slices)
      if (slice.name == "kv_proj_matmul") {
        EXPECT_EQ(slice.args.at("from").get<std::string>().find("kv_proj_matmul:"), 0u) << slice.args;
        EXPECT_FALSE(slice.args.contains("lines")) << slice.args;
      }
}

TEST(Timeline, that_cannot_be_written_is_an_error) {
  const CommandResult result =
      imbrex_command("run deepseek_v4/qkv_proj_rope --preset demo --tokens 4 --repeat 1 --trace /nowhere/at/all.json");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("error [file-unwritable]"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace imbrex::tests
