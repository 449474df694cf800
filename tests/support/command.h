// Runs a command as a user would, and keeps what it said.
#pragma once

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "support/temporary_folder.h"

namespace imbrex::tests {

struct CommandResult {
  int status = -1;  // 128 + the signal where one ended it
  std::string out, err;
};

inline CommandResult run_command(const std::string& command) {
  const TemporaryFolder folder;
  const int status =
      std::system(fmt::format("( {} ) > '{}' 2> '{}' < /dev/null", command, folder.file("out"), folder.file("err")).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(folder.file("out")),
          read_text(folder.file("err"))};
}

}  // namespace imbrex::tests
