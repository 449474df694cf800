// How a caller lends threads.
#pragma once

#include <functional>

namespace imbrex::checkpoint {

// Calls work(ith, nth) for each ith in [0, nth), on threads of the caller's choice, and returns when all have returned.
using Workers = std::function<void(const std::function<void(int ith, int nth)>& work)>;

}  // namespace imbrex::checkpoint
