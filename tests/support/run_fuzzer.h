// A program of libFuzzer, for some seconds, or IMBREX_FUZZ_SECONDS where that is set.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "support/command.h"

namespace imbrex::tests {

// `folder` has corpus/, where what is found belongs.
inline void expect_no_finding(const std::string& fuzzer, const std::string& options, const std::vector<std::string>& inputs,
                              const std::string& folder) {
  const char* seconds = std::getenv("IMBREX_FUZZ_SECONDS");
  const std::string found = std::string(IMBREX_BINARY_DIR) + "/found-";
  // In memory where that is a folder: a disk would take most of the time.
  const CommandResult result = run_command(fmt::format(
      "work=$(mktemp -d -p /dev/shm 2> /dev/null || mktemp -d); trap 'rm -rf \"$work\"' EXIT; TMPDIR=\"$work\" '{}' -seed=1 "
      "-runs={} -max_total_time={} -malloc_limit_mb=200 -rss_limit_mb=1000 -timeout=10 -print_final_stats=1 "
      "-artifact_prefix='{}' "
      "{} '{}'",
      fuzzer, seconds ? -1 : 10000, seconds ? seconds : "20", found, options, fmt::join(inputs, "' '")));
  EXPECT_EQ(result.status, 0) << result.err.substr(result.err.size() - std::min<size_t>(result.err.size(), 5000)) << "\nput "
                              << found << "* into " << folder << "/corpus when it is repaired";
  const size_t runs = result.err.find("stat::number_of_executed_units:");
  ASSERT_NE(runs, std::string::npos) << result.err;
  EXPECT_GE(std::atoi(result.err.c_str() + runs + std::strlen("stat::number_of_executed_units:")), 100);
}

}  // namespace imbrex::tests
