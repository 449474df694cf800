// Which weights are packed for the microkernels once, when they are bound, and why other inputs are not.
//
// Requires:   a verified program.
// Guarantees: `pack_weights` gives the same program, with `@packed(columns of a panel)` on each declared weight that nothing
//             reads but products of matrices, as their right side, over its whole inner axis. No other input is packed ahead: its
//             caller may change it in place before any run.
// Why here:   last, when it is settled which loads are left.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::optimize {

struct PackedWeight {
  int64_t inner = 0, columns = 0;
  bool transposed = false;  // the tensor is [columns, inner]
  DType dtype = DType::f32;
};

struct PackedWeights {
  std::map<std::string, PackedWeight> packed;  // by tensor
  struct Refused {
    std::string tensor, reason;
    int origin = -1;  // a product with it
  };
  std::vector<Refused> refused;
};

PackedWeights packed_weights(const ir::Program& program);
ir::Program pack_weights(const ir::Program& program);

}  // namespace imbrex::optimize
