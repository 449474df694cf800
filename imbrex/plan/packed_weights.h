// Which weights are packed for the product kernels once, when they are bound, and why other inputs are not.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::plan {

struct PackedWeight {
  int64_t inner = 0, columns = 0;
  bool transposed = false;  // the tensor is [columns, inner]
  DType dtype = DType::f32;
  DType multiplied_as = DType::f32;
  std::optional<int64_t> block_of_k = {};  // whose sum is scaled
  std::string packing = {};                // pack_<packing> packs it for the target's kernels
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
// Of a product that scales sums: of how many elements of k.
std::optional<int64_t> block_of_k(const ir::Expr& product);

}  // namespace imbrex::plan
