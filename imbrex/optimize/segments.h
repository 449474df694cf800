// Cuts a program into what is kept as written and what is optimized, and puts the results together.
//
// Requires:   a verified, proven program after the as-written passes, its pinned statements marked (apart.h).
// Guarantees: the same bits. Marked statements stand at the top level (isolate.h); a run of statements between them is a segment:
// a
//             program of its own, whose inputs are what it reads from before and whose outputs are what is read behind it. A
//             segment that dissolves and can be scheduled is replaced by its schedule. Where one is refused, the scope at fault
//             is marked, with the reason, and the program is cut again.
// Why here:   a program whose statements all dissolve is one segment, and comes out as if there were no segments.
#pragma once

#include <optional>
#include <vector>

#include "imbrex/optimize/apart.h"
#include "imbrex/optimize/pins.h"
#include "imbrex/optimize/schedule.h"

namespace imbrex::optimize {

struct Segmented {
  ir::Program program;
  bool is_scheduled = false;  // any of it
  std::vector<Choice> choices;
};

Segmented optimize_segments(const ir::Program& program, const std::vector<TilePin>& tiles, const Machine& machine,
                            std::vector<Apart>& apart);

}  // namespace imbrex::optimize
