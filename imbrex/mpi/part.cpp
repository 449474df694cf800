#include "imbrex/mpi/part.h"

#include <fmt/format.h>

#include "imbrex/base/error.h"

namespace imbrex::mpi {

Part part_of(int64_t things, int rank, int ranks) {
  const int64_t first = things * rank / ranks;
  return {first, things * (rank + 1) / ranks - first};
}

Part part_of_units(int64_t units, const std::string& option, int rank, int ranks) {
  if (ranks > units)
    throw UserError("option-value", fmt::format("{} ranks share {} = {}: some would have nothing to do", ranks, option, units),
                    fmt::format("mpirun -n {}, or fewer", units));
  return part_of(units, rank, ranks);
}

DividedRows divided_rows(const inputs::TensorShape& tensor, const kernels::Division::Part& part) {
  DividedRows result;
  result.bytes_of_unit = part.per_unit * bytes_of(tensor.dtype);
  for (size_t d = 0; d < tensor.shape.size(); ++d) {
    if (d < part.axis) result.rows *= tensor.shape[d];
    if (d > part.axis) result.bytes_of_unit *= tensor.shape[d];
  }
  return result;
}

}  // namespace imbrex::mpi
