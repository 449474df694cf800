// The iterations of `parallel` loops that a run has begun, and what an access is remembered by.
#pragma once

#include <cstdint>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::interpret {

// The iterations of `parallel` loops that have begun so far, as a tree: an iteration's parent is the iteration that it runs in.
// Two places in it are *concurrent* if they lie in different iterations of one execution of a parallel loop.
class Iterations {
 public:
  static constexpr int32_t kOutside = 0;  // of all parallel loops
  Iterations();
  int32_t current() const { return current_; }
  // One execution of a parallel loop: its iterations are entered and left in turn.
  int64_t begin_loop() { return ++executions_; }
  // `number` is the loop variable's value, or the index of its span.
  void enter(const ir::Loop& loop, int origin, int64_t execution, int64_t number);
  void leave();
  // Whether `earlier` and the current iteration are concurrent. If so, the two iterations of that loop.
  struct Pair {
    const ir::Loop* loop = nullptr;  // null: not concurrent
    int origin = -1;                 // of the loop
    int64_t earlier = 0, current = 0;
  };
  Pair concurrent(int32_t earlier) const;

 private:
  struct Node {
    int32_t parent = -1, depth = 0;
    const ir::Loop* loop = nullptr;
    int origin = -1;
    int64_t execution = 0, number = 0;
  };
  std::vector<Node> nodes_;
  int32_t current_ = kOutside;
  int64_t executions_ = 0;
};

struct AccessRecord {
  static constexpr int32_t kNever = -1;
  int32_t iteration = kNever;
  int32_t origin = -1;
};

}  // namespace imbrex::interpret
