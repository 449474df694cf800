// What each scope of a program is estimated to cost, as its plan runs it: for `imbrex explain`, and to compare programs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/optimize/cost.h"
#include "imbrex/plan/plan.h"

namespace imbrex::optimize {

struct ScopeCost {
  std::string name;
  SourceLine where;
  size_t phase = 0;  // how many barriers stand before it
  Work work;
  double operations = 0;  // a multiply-add is two
  double bytes = 0;       // from and to memory
  Estimate estimate;      // without the barrier before its phase
};

// Bytes are counted once for each element that a scope touches, from memory where the tensor is the call's or too large for the
// last cache; what a loop reads again comes from the cache that holds it meanwhile. Branches whose condition the dimensions
// decide are followed. Requires: a value for each dimension.
//
// `with_tiling`: also what it takes to bring left sides of products into tiles where they do not lie so. Programs whose left
// sides lie otherwise differ by it; schedules of one program hardly do, and their sizes are chosen without it (tile_sizes.h).
std::vector<ScopeCost> estimate_scopes(const plan::Plan& plan, const std::map<std::string, int64_t>& dims,
                                       const target::Machine& machine, bool with_tiling = false);
// Of the plan that code is generated from. UserError where there is none (plan/make_plan.h).
std::vector<ScopeCost> estimate_scopes(const ir::Program& program, const std::map<std::string, int64_t>& dims,
                                       const target::Machine& machine, bool with_tiling = false);

// Phases one after the other, with a barrier before each.
double total_seconds(const std::vector<ScopeCost>& scopes, const target::Machine& machine);

// Whether what the author wrote is kept in place of a schedule of these seconds: where it is clearly faster, by more than the
// model's own constants for tasks and barriers.
bool replaces_schedule(double author, double schedule);

// The typical value of each dimension.
std::map<std::string, int64_t> typical_sizes(const ir::Program& program);

}  // namespace imbrex::optimize
