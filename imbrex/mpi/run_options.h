// What `imbrex-mpi run` is told.
#pragma once

#include <cstdint>
#include <string>

#include "imbrex/tools/machine_options.h"
#include "imbrex/tools/subject.h"

namespace imbrex::mpi {

struct RunOptions {
  tools::SubjectOptions subject;
  tools::MachineOptions machine;
  std::string checkpoint, save, packed;
  int64_t layer = 0, tokens = 128, threads = 0, repeat = 20;
  uint64_t seed = 1;
  // Who computes what does not belong to heads, and so is the same on all ranks: "tokens", each rank that of some tokens, and then all
  // exchange it; "none", each rank all of it; "auto", whichever of the two is measured to be faster.
  std::string share = "auto";
  bool gathers = false, verifies = false;
};

}  // namespace imbrex::mpi
