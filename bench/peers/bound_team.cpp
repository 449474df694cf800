#include "bench/peers/bound_team.h"

#include <omp.h>

namespace imbrex::peers {

BoundTeam::BoundTeam(int threads) {
  CPU_ZERO(&allowed_);
  if (sched_getaffinity(0, sizeof allowed_, &allowed_) != 0 || CPU_COUNT(&allowed_) < threads) return;
#pragma omp parallel num_threads(threads)
  {
    cpu_set_t own;
    CPU_ZERO(&own);
    for (int processor = 0, seen = 0; processor < CPU_SETSIZE; ++processor)
      if (CPU_ISSET(processor, &allowed_) && seen++ == omp_get_thread_num()) CPU_SET(processor, &own);
    sched_setaffinity(0, sizeof own, &own);  // advice: where it is refused, the scheduler decides
  }
}

BoundTeam::~BoundTeam() {
  if (CPU_COUNT(&allowed_) > 0) sched_setaffinity(0, sizeof allowed_, &allowed_);
}

}  // namespace imbrex::peers
