// What is known of the elements of an index tile, as a set. Private to prove/.
#pragma once

#include <isl/cpp.h>

#include <string>

#include "imbrex/prove/access.h"
#include "imbrex/prove/affine.h"

namespace imbrex::prove {

// Over the frame's coordinates: where `name`, one of them, has a value that an element of the tile can have at the access, by what
// the program assumes of the tile and of those it is made of.
isl::set assumed_of_tile(const Frame& frame, const ir::Program& program, const Accesses& accesses, const Access& access,
                         const std::string& tile, const std::string& name);

}  // namespace imbrex::prove
