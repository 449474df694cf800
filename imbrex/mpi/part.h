// The part of a kernel's units, such as heads, or of its rows that a rank computes.
#pragma once

#include <cstdint>
#include <string>

#include "imbrex/kernels/registry.h"

namespace imbrex::mpi {

struct Part {
  int64_t first = 0, count = 0;
};

// Parts in the order of ranks that cover `things`, each as large as another or one larger; of fewer than ranks, some have none.
Part part_of(int64_t things, int rank, int ranks);

// The same of units. UserError "option-value" for more ranks than units.
Part part_of_units(int64_t units, const std::string& option, int rank, int ranks);

// What a divided tensor of this shape is in memory: `rows` rows, in each of which a unit has bytes side by side.
struct DividedRows {
  int64_t rows = 1, bytes_of_unit = 1;
};
DividedRows divided_rows(const inputs::TensorShape& tensor, const kernels::Division::Part& part);

}  // namespace imbrex::mpi
