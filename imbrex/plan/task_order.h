// In which order the tasks of a nest of `parallel` loops run.
#pragma once

#include <cstdint>

namespace imbrex::plan {

// The outermost loop's number varies fastest: what the inner loops choose (a panel of weights) stays while its tiles of rows pass
// by, so many rows before the panels are gone through again. They stay in the third cache, and what is stored for them on few
// enough pages.
inline constexpr int64_t kNearRows = 256;

}  // namespace imbrex::plan
