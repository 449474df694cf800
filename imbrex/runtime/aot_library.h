// A kernel as one shared library: built from what runtime/aot.h writes, and loaded without its header.
#pragma once

#include <filesystem>
#include <vector>

#include "imbrex/runtime/aot.h"
#include "imbrex/runtime/kernel.h"

namespace imbrex::runtime {

// What kernels built as libraries export beside the function of their header, for loaders:
//   const imbrex_kernel* imbrex_library_kernel(const char* isa)   the same as that function
//   const char* imbrex_library_targets(void)                      the instruction sets, for messages
//   const imbrex_assumption* imbrex_library_assumptions(const char* isa)   what the kernel for this target assumes
// Such a file ends, behind what the system loads, with a line that has the hash of all bytes before it.

struct BuiltLibrary {
  std::filesystem::path library;  // <directory>/lib<symbol>.so
  std::filesystem::path header;
  std::vector<std::filesystem::path> sources;
};

// Writes the request's one kernel as write_ahead_of_time() does, and builds it with the compiler that kernels are compiled with
// when they are first used. A library that stands there is replaced at once; who has it loaded keeps the old one. UserError: as
// write_ahead_of_time(), no compiler, or one that is not for these targets.
BuiltLibrary build_library(const AotRequest& request);

// The kernel of such a library, for $IMBREX_ISA or else the best target that runs here. No compiler is needed. Nothing of the file
// is executed before its hash is found right. UserError: "file-unreadable"; "cannot-load" where it is no such library or damaged;
// "unsupported-isa"; "other-version" of abi.h or of the semantics.
CompiledKernel load_library(const std::filesystem::path& library);

// Appends the line with the hash, by which loaders know the library: build_library() ends with it.
void seal_library(const std::filesystem::path& library);

}  // namespace imbrex::runtime
