// OpenMP's threads on processors of their own: where they move, or meet on one, a round takes twice as long.
#pragma once

#include <sched.h>

namespace imbrex::peers {

// While it lives, thread i of OpenMP's team stays on the i-th processor of those that the process may use; the caller is free
// again afterwards. Where there are fewer processors than threads, nothing is bound.
class BoundTeam {
 public:
  explicit BoundTeam(int threads);
  ~BoundTeam();
  BoundTeam(const BoundTeam&) = delete;
  BoundTeam& operator=(const BoundTeam&) = delete;

 private:
  cpu_set_t allowed_;
};

}  // namespace imbrex::peers
