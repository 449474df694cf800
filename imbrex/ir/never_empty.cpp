#include "imbrex/ir/never_empty.h"

#include <algorithm>

namespace imbrex::ir {

bool is_never_empty(const IndexExpr& extent, const std::function<bool(const std::string& name)>& is_dimension) {
  using Kind = Index::Kind;
  const auto is = [&](const IndexExpr& e) { return is_never_empty(e, is_dimension); };
  switch (extent->kind) {
    case Kind::constant: return extent->value >= 1;
    case Kind::name: return is_dimension(extent->name);
    case Kind::span_size: return true;
    case Kind::add:
    case Kind::mul:
    case Kind::min: return is(extent->a) && is(extent->b);
    case Kind::max: return is(extent->a) || is(extent->b);
    default: return false;
  }
}

bool is_never_empty(const Program& program, const IndexExpr& extent) {
  return is_never_empty(extent, [&](const std::string& name) {
    return std::any_of(program.dims.begin(), program.dims.end(), [&](const Dim& dim) { return dim.name == name; });
  });
}

}  // namespace imbrex::ir
