// How a kernel's table describes its arguments to callers in any language: their shapes over the dimensions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/codegen/symbols.h"
#include "imbrex/codegen/writer.h"
#include "imbrex/ir/program.h"

namespace imbrex::codegen {

// offset + the sum of factors[d] * dims[d].
struct LinearExtent {
  std::vector<int64_t> factors;
  int64_t offset = 0;
};
// Nothing where the extent is not linear in the dimensions.
std::optional<LinearExtent> linear_extent(const ir::IndexExpr& extent, const std::vector<ir::Dim>& dims);

// The function `extent` of the table.
void write_extent_function(const ir::Program& program, const Symbols& symbols, Writer& out);
// A tensor's imbrex_tensor_info.packed_bytes and .layout, as C++ text.
struct PackedForm {
  std::string bytes = "0", layout = "nullptr";
};
// The arrays kDimNames, kDimMax, kShape0, ... and kTensors. `packed`: of each tensor.
void write_argument_tables(const ir::Program& program, const std::vector<PackedForm>& packed, Writer& out);

}  // namespace imbrex::codegen
