// What an author pins: `@as_written` keeps a scope, a loop or the kernel, `@no_fusion` keeps a scope's outputs in memory and
// fuses nothing into it or out of it, `@tile(n)` sets the size of a loop's tiles in the schedule, or of a scope's rows.
//
// A pin binds what it names and nothing else: what stands before it and behind it is optimized.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "imbrex/optimize/exclusions.h"

namespace imbrex::optimize {

// A `@tile(n)`: where a schedule computes what stood in that loop, its tiles along that axis have n rows, or n columns.
struct TilePin {
  int64_t size = 0;
  bool of_rows = true;
  std::string what;  // "loop t"
  SourceLine where;
  std::set<std::string> weights;      // right sides of the products that stand in it
  std::set<std::string> stored;       // tensors that it stores to
  std::set<std::string> operands_of;  // right sides of products whose left side it stores; filled by followed()
};

struct Pins {
  ir::Program program;  // pinned statements are marked
  std::vector<TilePin> tiles;
};

// Marks what is pinned, adding to `exclusions`. A tile of an axis that is summed over is no choice of a schedule, which takes sums
// whole: such a loop is kept as written. Requires: a verified program.
Pins read_pins(const ir::Program& program, std::vector<Exclusion>& exclusions);

// The pins of a program that bind a part of it. What each stored there that is no input or output of the part is followed to what
// is made of it, so that a pin still binds when its tensor is gone.
std::vector<TilePin> followed(std::vector<TilePin> pins, const ir::Program& part);

}  // namespace imbrex::optimize
