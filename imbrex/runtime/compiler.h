// Which C++ compiler compiles generated code, what it calls itself, and what it means where it fails.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "imbrex/runtime/cache.h"
#include "imbrex/runtime/process.h"

namespace imbrex::runtime {

struct Compiler {
  std::vector<std::string> command;  // the program's full path, then arguments given with it ("ccache g++", "g++ -m64")
  std::string version;               // what the command says for --version
};

// `wanted`, else $IMBREX_CXX, else $CXX, else the first of c++, g++ and clang++ in $PATH. Asking a compiler for its version takes
// tens of milliseconds, so the cache keeps the answer for as long as the program file's path, size, time, inode and device are
// the same. UserError: no such compiler, or one that does not say its version.
Compiler find_compiler(const std::string& wanted, const Cache& cache);

// Runs it in a folder: <command> <flags> -I. <source> -o <output>.
ProcessResult compile_in(const std::filesystem::path& directory, const Compiler& compiler, const std::vector<std::string>& flags,
                         const std::string& source, const std::string& output);
// Whether that made the output. exit_status is -1 where the status was lost; the output tells then.
bool succeeded(const ProcessResult& result, const std::filesystem::path& output);
// Throws what a failure means. UserError: it was killed, or compiles nothing with these flags, which is tried in `directory`.
// InternalError: it refuses this source, which is `kept`.
[[noreturn]] void report_failure(const ProcessResult& result, const Compiler& compiler, const std::vector<std::string>& flags,
                                 const std::filesystem::path& directory, const std::filesystem::path& kept);

}  // namespace imbrex::runtime
