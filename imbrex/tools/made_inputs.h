// Inputs that a command makes itself: such that what the kernel assumes of them holds.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "imbrex/tools/subject.h"

namespace imbrex::tools {

// Seeded inputs. Integers of which something is assumed are drawn from what the assumptions leave, in several patterns, until a
// run of the kernel's assumptions alone finds nothing wrong. UserError "no-inputs", with the assumption, if none of them will do.
Tensors made_inputs(const Subject& subject, const std::map<std::string, int64_t>& dims, uint64_t seed);

}  // namespace imbrex::tools
