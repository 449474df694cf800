// The part of a kernel's units, such as heads, that a rank computes.
#pragma once

#include <cstdint>
#include <string>

#include "imbrex/kernels/registry.h"

namespace imbrex::mpi {

struct Part {
  int64_t first = 0, count = 0;  // units
};

// Parts in the order of ranks that cover `units`, each as large as another or one larger. UserError "option-value" for more ranks than
// units.
Part part_of(int64_t units, const std::string& option, int rank, int ranks);

// What a divided tensor of this shape is in memory: `rows` rows, in each of which a unit has bytes side by side.
struct DividedRows {
  int64_t rows = 1, bytes_of_unit = 1;
};
DividedRows divided_rows(const inputs::TensorShape& tensor, const kernels::Division::Part& part);

}  // namespace imbrex::mpi
