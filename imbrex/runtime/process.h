// Running another program and reading what it prints.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace imbrex::runtime {

struct ProcessResult {
  bool started = false;
  int exit_status = -1;  // -1 where it was ended by a signal, or could not be told (this process ignores SIGCHLD)
  int signal = 0;
  std::string output;  // standard output and error together, the first megabyte
};

// Runs command[0] (a path; $PATH is not searched) in `directory` and waits for it. Its messages are in English.
ProcessResult run_process(const std::vector<std::string>& command, const std::filesystem::path& directory);

}  // namespace imbrex::runtime
