// How long each scope of a kernel takes.
#pragma once

#include <map>
#include <string>

#include "imbrex/base/array.h"
#include "imbrex/runtime/kernel.h"

namespace imbrex::report {

// By scope, in seconds, the time of the worker that it kept busy longest; the least of several runs. The arrays are those of the
// call, by name; the kernel writes to its outputs.
std::map<std::string, double> measured_scopes(const runtime::CompiledKernel& kernel, const std::map<std::string, int64_t>& dims,
                                              std::map<std::string, Array>& arrays, runtime::Executor& executor, int threads);

}  // namespace imbrex::report
