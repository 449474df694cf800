// How long each scope of the kernel of a command takes.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "imbrex/target/rates.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {

// By scope, in seconds, on seeded inputs (report/measure_scopes.h). Requires a kernel that is proven, or not to be.
std::map<std::string, double> measured_scopes(const Subject& subject, const std::map<std::string, int64_t>& dims, int threads,
                                              const target::Machine& machine);

}  // namespace imbrex::tools
