// Kernels ahead of time: C++ files for each target, a dispatcher that chooses at run time, and a C header.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/runtime/assumptions.h"
#include "imbrex/target/rates.h"

namespace imbrex::runtime {

struct AotKernel {
  ir::Program program;
  std::string symbol;  // the C function's name
  // One line for the header, such as "deepseek_v4/qkv_proj_rope, preset flash, variant fused, hidden 4096".
  std::string description;
  bool optimize = true;
};

struct AotRequest {
  std::vector<AotKernel> kernels;
  std::vector<const target::Target*> targets;  // in any order; the best that the machine runs is chosen
  std::optional<target::Rates> rates;          // that programs are made for; unset: of the class of machines of each target
  std::string header = "kernels.h";            // its path below <directory>/include
  std::filesystem::path directory;
  bool is_of_command = false;  // hints are options of `imbrex aot`; else `targets`, as the C interface and Python call them
};

// Writes, each file only if its text changes:
//   include/<header>                  the C header: for each kernel its function, the numbers of its tensors and dimensions
//   include/imbrex/runtime/*.h        what that header includes
//   source/<symbol>_<target>.cpp      the kernel for one target, to be compiled with the flags in
//   source/<symbol>_<target>.flags    a file for the compiler's command line: @<file>
//   source/<symbol>.cpp               the dispatcher
//   source/imbrex/...                 the headers that those include; -I source
// Returns the source files, and what the kernels assume. UserError: a symbol that is no C identifier, two kernels that would share a file,
// a header outside of its folder, no kernel, no target, one given twice, targets of two architectures, files that cannot be written.
struct WrittenAhead {
  std::vector<std::filesystem::path> sources;
  struct Assumed {
    const target::Target* target;
    std::vector<Assumption> assumptions;
  };
  std::vector<Assumed> assumed;  // of each kernel, for each target
};
WrittenAhead write_ahead_of_time(const AotRequest& request);

// "deepseek_v4/qkv_proj_rope" -> "deepseek_v4_qkv_proj_rope"; CMake's function makes the same.
std::string usable_symbol(const std::string& name);

}  // namespace imbrex::runtime
