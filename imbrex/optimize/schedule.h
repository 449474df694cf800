// Schedules definitions (dissolve.h) for a machine, as a tile program again.
//
// Requires:   what dissolve() gives.
// Guarantees: a verified program with the same inputs and outputs; each output element has the same term, so the same bits.
// Why here:   it alone decides loops, tiles, phases and what is kept in memory; code generation only follows.
//
// The form of a schedule: contractions are anchors. A contraction whose consumers reduce only over windows of its columns (a
// head) runs window by window, and everything up to the outputs happens while the window is on chip. Any other contraction is
// stored, and cuts a phase, because its consumers need whole rows while its own parallelism is over columns. Chains over rows run
// a block of rows at a time. Contractions of one phase that do not depend on each other share it without a barrier.
#pragma once

#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "imbrex/optimize/dissolve.h"
#include "imbrex/optimize/pins.h"
#include "imbrex/target/rates.h"

namespace imbrex::optimize {

using target::Machine;

// A choice and its reason, for `imbrex explain`.
struct Choice {
  std::string subject, decision, reason;
  SourceLine where = {};              // what the author wrote it as
  std::vector<std::string> rejected;  // what else there was, with its estimate
};

// What estimates are made for where the author does not say.
constexpr int64_t kTypicalRows = ir::kUsualDim;

struct Scheduled {
  ir::Program program;
  std::vector<Choice> choices;
};

// What a schedule must respect besides.
struct ScheduleConstraints {
  std::set<std::string> taken;           // names that it must not use
  std::vector<TilePin> tiles;            // sizes that the author pinned
  std::map<std::string, int64_t> sizes;  // dimensions that it is made for; others have their typical value
};

std::variant<Scheduled, NotDissolved> schedule(const ir::Program& original, Dissolved dissolved, const Machine& machine,
                                               const ScheduleConstraints& around = {});

// What a schedule for these sizes would choose, as text: equal where the schedules are. Takes a small part of the time. Empty
// where there is no schedule.
std::string decisions(const ir::Program& original, const Dissolved& dissolved, const Machine& machine,
                      const ScheduleConstraints& around);

}  // namespace imbrex::optimize
