// Which elements of a tensor a slice names.
#pragma once

#include <string>
#include <vector>

#include "imbrex/interpret/elements.h"
#include "imbrex/interpret/state.h"

namespace imbrex::interpret {

// Fault "out-of-bounds" where the slice is not empty and leaves the tensor on some axis.
Elements elements_of(const State& state, const std::string& tensor, const std::vector<ir::Axis>& slice);
// "`x[3, 5]`", for messages.
std::string element_text(const State& state, const std::string& tensor, size_t element);

}  // namespace imbrex::interpret
