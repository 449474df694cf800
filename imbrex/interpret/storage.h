// The memory of a running program: tensors, and in checked mode who touched each element.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "imbrex/base/array.h"
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

// One tensor. In checked mode, `writes` and `reads` hold one access for each element. One is enough: a program that has had no
// conflict so far ran all earlier writes of an element in order, so that the last stands for all; a read is replaced by a later
// one unless they are concurrent (Feng and Leiserson, "Efficient detection of determinacy races in Cilk programs", 1997).
struct Storage {
  const ir::Tensor* declared = nullptr;
  Array* array = nullptr;  // an argument's, or `own`
  Array own;
  bool has_values = false;  // an input or inout: every element holds a value before anyone writes it
  std::vector<AccessRecord> writes, reads;

  // Starts noting accesses, in checked mode.
  void watch(bool checked) {
    if (!checked) return;
    writes.resize(static_cast<size_t>(array->size()));
    reads.resize(static_cast<size_t>(array->size()));
  }
};

// A name for a tensor: the tensor itself, or the same memory under another shape.
struct View {
  std::shared_ptr<Storage> storage;
  std::vector<int64_t> shape;
};

}  // namespace imbrex::interpret
