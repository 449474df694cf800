// Which values the elements of an int32 tile can have: for `gather` and rows taken by index. Private to prove/.
#pragma once

#include <limits>

#include "imbrex/ir/ranges.h"
#include "imbrex/prove/access.h"

namespace imbrex::prove {

// From constants, iota, index expressions, arithmetic and what is assumed at `place`. int32 arithmetic wraps: a result that may
// leave 32 bits can be anything, and so can what is loaded from an int32 tensor or assigned more than once.
ir::Range values_of_tile(const ir::Program& program, const Accesses& accesses, const ir::Place& place, const ir::ExprPtr& tile);
// Of an expression in the definition of a tile, where tiles that get another value later may have had another one.
ir::Range values_in_definition(const ir::Program& program, const Accesses& accesses, const ir::Place& place,
                               const ir::ExprPtr& part);
// Of the tile variable of that name.
ir::Range values_of_tile(const ir::Program& program, const Accesses& accesses, const ir::Place& place, const std::string& name);

inline constexpr ir::Range kAnyInt32{std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};

}  // namespace imbrex::prove
