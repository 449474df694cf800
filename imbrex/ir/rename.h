// The same program under other names.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

using NewNames = std::function<std::string(const std::string&)>;

// Every name of a dimension, tensor, view, tile, index and loop variable, as `now` says. Names of scopes and taps stay. The
// caller keeps names unique.
Program renamed(Program program, const NewNames& now);

// Calls `visit` with each of these names of the body in the order in which they stand in its text, once for each place.
void for_each_name(const Block& block, const std::function<void(const std::string&)>& visit);

}  // namespace imbrex::ir
