// What all ranks of a run must have alike: what they are told, what their layer decides, and the tensors that none has a part of. Ranks
// that differ would wait for messages that nobody sends, or compute parts of unlike wholes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "imbrex/mpi/run_options.h"
#include "imbrex/mpi/world.h"

namespace imbrex::mpi {

using Values = std::map<std::string, std::string>;  // by name

// Those of this rank, compared with those of all. The first that is not the same ends the run, with a UserError "ranks-differ" that
// names the two values; `hint` is what to try.
void require_agreement(const World& world, const Values& mine, const std::string& hint);

// What this rank is told that changes what all do, by options. Folders, threads, instruction set and machine are each rank's own.
Values told(const RunOptions& options);

// The same of tensors, by names, each a digest of its bytes: all that differ are told, with the ranks.
void require_equal_tensors(const World& world, const std::map<std::string, uint64_t>& mine);

// What each rank says, short: "1 thread", or "1 thread (ranks 0, 2) and 2 threads (rank 1)".
std::string by_ranks(const std::vector<std::string>& texts);

}  // namespace imbrex::mpi
