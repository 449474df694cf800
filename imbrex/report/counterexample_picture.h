// A counterexample as a picture: the tensor as a grid, what each iteration touches, and the elements where it fails.
#pragma once

#include <string>

#include "imbrex/prove/prove.h"

namespace imbrex::report {

// A figure with its caption and legend. `id` is the diagnostic's.
std::string picture_of(const prove::Counterexample& counterexample, const std::string& id);

}  // namespace imbrex::report
