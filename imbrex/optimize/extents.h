// The extents of definitions' axes, found from how outputs and other definitions use them.
#pragma once

#include <map>
#include <vector>

#include "imbrex/optimize/dissolve.h"

namespace imbrex::optimize {

// By definition, one extent for each axis. Throws NotWritable where an axis has none that can be named; `program` says on which
// line.
std::map<int, std::vector<ir::IndexExpr>> infer_extents(Dissolved& dissolved, const ir::Program& program);

}  // namespace imbrex::optimize
