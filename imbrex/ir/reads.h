// What a statement reads of tiles.
#pragma once

#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

// Whether the statement itself (not the blocks inside it) reads the tile: as a value, as a list of rows, or in an assumption.
bool reads_tile(const Statement& statement, const std::string& tile);

}  // namespace imbrex::ir
