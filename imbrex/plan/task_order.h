// In which order the tasks of a nest of `parallel` loops run.
#pragma once

#include <cstdint>

namespace imbrex::plan {

// The outermost loop's number varies fastest: all tiles of rows of a sweep use one panel of weights (what the inner loops choose)
// before the next panel comes. A sweep has so many rows: they stay in the L3 cache for all panels, and the pages of what is stored
// for them in the TLB.
inline constexpr int64_t kRowsPerSweep = 256;

}  // namespace imbrex::plan
