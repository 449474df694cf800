// Runs `imbrex` with a cache of the test's own, so that tests leave the user's alone and share what they compile.
#pragma once

#include <string>

#include "support/command.h"

namespace imbrex::tests {

inline CommandResult imbrex_command(const std::string& arguments, const std::string& environment = "") {
  static const std::string cache = std::string(IMBREX_BINARY_DIR) + "/test-cache";
  return run_command(fmt::format("export IMBREX_CACHE='{}'; {} '{}' {}", cache, environment, IMBREX_COMMAND, arguments));
}

}  // namespace imbrex::tests
