// The smallest module to compile and load: a function that answers a number. For tests of what compiles, keeps and loads.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

#include "imbrex/runtime/jit.h"
#include "tests/support/temporary_folder.h"

namespace imbrex::tests {

inline std::string answer_source(int answer) {
  return "// answer\nextern \"C\" __attribute__((visibility(\"default\"))) int answer() { return " + std::to_string(answer) +
         "; }\n";
}

inline int answer_of(const runtime::Module& module) { return reinterpret_cast<int (*)()>(module.symbol("answer"))(); }

inline runtime::JitOptions options_in(const TemporaryFolder& folder) {
  runtime::JitOptions options;
  options.cache.directory = folder.file("cache");
  options.flags = {"-O0"};
  return options;
}

// Runs `body` in a child process; its exit status is what `body` returns.
inline pid_t in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    int status = 99;
    try {
      status = body();
    } catch (const std::exception& error) {
      fprintf(stderr, "%s\n", error.what());
    }
    _exit(status);
  }
  return child;
}

}  // namespace imbrex::tests
