// What a user who mistyped a name may have meant.
#pragma once

#include <string>
#include <vector>

namespace imbrex {

// The name with the fewest letters to insert, drop or replace, the first of several; `names` has at least one.
const std::string& nearest(const std::string& name, const std::vector<std::string>& names);

}  // namespace imbrex
