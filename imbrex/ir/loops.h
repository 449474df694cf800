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
// Whether it is a multiple in every iteration: proven.
bool is_multiple(const IndexExpr& e, int64_t of, const Loops& loops);

}  // namespace imbrex::ir
