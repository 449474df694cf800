// How an author converts a tile, for hints.
#pragma once

#include <string>

#include "imbrex/base/dtype.h"

namespace imbrex::ir {

// "cast(x, bf16, rint)"; to bool, which nothing casts to, a comparison.
std::string conversion_text(const std::string& x, DType from, DType to);

}  // namespace imbrex::ir
