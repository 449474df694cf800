// The clang that tests compile with, where there is one.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "support/command.h"

namespace imbrex::tests {

constexpr int oldest_clang = 14;  // as docs/dependencies.md says
constexpr const char* no_clang = "no clang++ of version 14 or later in PATH";

// Its command, or nothing.
inline std::string clang_here() {
  std::vector<std::string> names = {"clang++"};
  for (int version = 30; version >= oldest_clang; --version) names.push_back(fmt::format("clang++-{}", version));
  for (const std::string& name : names) {
    const CommandResult version = run_command("echo __clang_major__ | " + name + " -E -P -x c++ -");
    if (version.status == 0 && std::atoi(version.out.c_str()) >= oldest_clang) return name;
  }
  return "";
}

}  // namespace imbrex::tests
