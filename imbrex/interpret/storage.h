// The memory of a running program.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/interpret/iterations.h"
#include "imbrex/ir/program.h"

namespace imbrex::interpret {

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
