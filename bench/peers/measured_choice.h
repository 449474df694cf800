// The fastest of several ways to do the same, found by trying them.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace imbrex::peers {

// The index of the way with the shortest run. They run in turns, each warm before it is timed, and a way that is clearly slower
// than another leaves early.
size_t fastest_of(const std::vector<std::function<void()>>& ways);

}  // namespace imbrex::peers
