// What is known of index expressions from the loops of a program.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

using Loops = std::map<std::string, const Loop*>;  // by variable; they belong to the program
Loops loops_of(const Program& program);

// The number of iterations of a loop whose extent is not negative.
IndexExpr trips_of(const Loop& loop);
// A constant, also where it is the size of spans that are all whole.
std::optional<int64_t> fixed_value(const IndexExpr& e, const Loops& loops);
// The largest divisor of `of` (at least 1) that is proven to divide it in every iteration. Of loops that are not among `loops` nothing
// is known.
int64_t common_divisor(const IndexExpr& e, int64_t of, const Loops& loops);
inline bool is_multiple(const IndexExpr& e, int64_t of, const Loops& loops) { return common_divisor(e, of, loops) == of; }

}  // namespace imbrex::ir
