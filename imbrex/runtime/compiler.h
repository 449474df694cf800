// Which C++ compiler compiles generated code, and what it calls itself.
#pragma once

#include <string>
#include <vector>

#include "imbrex/runtime/cache.h"

namespace imbrex::runtime {

struct Compiler {
  std::vector<std::string> command;  // the program's full path, then arguments given with it ("ccache g++", "g++ -m64")
  std::string version;               // what the command says for --version
};

// `wanted`, else $IMBREX_CXX, else $CXX, else the first of c++, g++ and clang++ in $PATH. Asking a compiler for its version takes
// tens of milliseconds, so the cache keeps the answer for as long as the program file's path, size, time, inode and device are
// the same. UserError: no such compiler, or one that does not say its version.
Compiler find_compiler(const std::string& wanted, const Cache& cache);

}  // namespace imbrex::runtime
