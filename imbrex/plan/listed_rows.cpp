#include "imbrex/plan/listed_rows.h"

#include "imbrex/ir/never_empty.h"

namespace imbrex::plan {

bool may_list_nothing(const Symbols& symbols, const std::string& tensor, const std::vector<ir::Axis>& slice, size_t axis) {
  if (slice[axis].kind != ir::Axis::Kind::by) return false;
  return !ir::is_never_empty(symbols.tensors.at(tensor).shape[axis],
                             [&](const std::string& name) { return symbols.dims.contains(name); });
}

}  // namespace imbrex::plan
