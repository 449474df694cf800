// What a run is given, checked against what its program declares.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "imbrex/base/array.h"
#include "imbrex/interpret/state.h"

namespace imbrex::interpret {

// Gives the dimensions their values and the declared tensors their memory; outputs are made, of zeros. UserError where a value or
// an array is missing or does not fit. Returns false where some dimension is 0 and, so, every output and inout empty.
bool bind_arguments(State& state, const std::map<std::string, int64_t>& dims, std::map<std::string, Array>& tensors);

}  // namespace imbrex::interpret
