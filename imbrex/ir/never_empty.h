// Extents that are never zero or less.
#pragma once

#include <functional>
#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// Whether an extent is at least 1 whatever the dimensions: a loop over it runs, and an axis of it has elements.
bool is_never_empty(const IndexExpr& extent, const std::function<bool(const std::string& name)>& is_dimension);
bool is_never_empty(const Program& program, const IndexExpr& extent);

}  // namespace imbrex::ir
