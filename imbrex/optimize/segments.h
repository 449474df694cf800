// Cuts a program into what is kept as written and what is optimized, and puts the results together.
//
// Requires:   a verified, proven program after the as-written passes, its pinned statements marked (exclusions.h).
// Guarantees: the same bits. Marked statements stand at the top level (isolate.h); a run of statements between them is a segment:
//             a program of its own, whose inputs are what it reads from before and whose outputs are what is read behind it. A
//             segment that dissolves and can be scheduled is replaced by its schedule. Where one is refused, the scope at fault
//             is marked, with the reason, and the program is cut again. So it is where the whole does not pass the prover: the
//             segments at fault are marked.
// Why here:   a program whose statements all dissolve is one segment, and comes out as if there were no segments.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/optimize/defects.h"
#include "imbrex/optimize/exclusions.h"
#include "imbrex/optimize/pins.h"
#include "imbrex/optimize/schedule.h"

namespace imbrex::optimize {

struct Segmented {
  ir::Program program;
  bool is_scheduled = false;  // any of it
  SourceLine where;
  std::string reason;  // why none of it is, where that is no single statement's fault
  std::vector<Choice> choices;
};

// Why a program is not proven; nothing if it is.
using Prover = std::function<std::optional<std::string>(const ir::Program&)>;

// What the parts together must pass before they are used.
struct Judge {
  std::function<ir::Program(const ir::Program&)> finished;  // with the annotations that go last
  Prover prover;
};

Segmented optimize_segments(const ir::Program& program, const std::vector<TilePin>& tiles, const Machine& machine,
                            const Judge& judge, std::vector<Exclusion>& exclusions, Defects& defects);

}  // namespace imbrex::optimize
