// The headers that kernels include, compiled ahead by g++: of the time that a small kernel takes to compile, two thirds go to them,
// most of that to the intrinsics of the compiler.
//
// The second kernel that a compiler compiles with the same flags and headers pays for it, with about two kernels' time; whoever
// compiles one alone does not. About 30 MB each, of which the cache keeps kMostPrecompiledBytes of the last used. The compiled kernel is the
// same, byte for byte.
#pragma once

#include <string>
#include <vector>

#include "imbrex/runtime/cache.h"
#include "imbrex/runtime/compiler.h"

namespace imbrex::runtime {

inline constexpr uint64_t kMostPrecompiledBytes = 256 << 20;

// Arguments that let the compiler take the headers of a source from the cache; none where they are not there: the compiler is not
// g++ alone, the source is the first of its kind, or something failed. `key`: what decides how the headers compile.
std::vector<std::string> precompiled_headers(const Cache& cache, const Compiler& compiler, const std::vector<std::string>& flags,
                                             const std::string& source, const std::string& key);

// The lines by which a source includes Imbrex's headers.
std::string includes_of(const std::string& source);

}  // namespace imbrex::runtime
