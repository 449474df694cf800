// How long each scope of a kernel takes.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "imbrex/target/rates.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {

// By scope, in seconds, the time of the worker that it kept busy longest; the least of several runs.
std::map<std::string, double> measured_scopes(const Subject& subject, const std::map<std::string, int64_t>& dims, int threads,
                                              const target::Machine& machine);

}  // namespace imbrex::tools
