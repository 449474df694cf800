#include "imbrex/ir/conversion.h"

#include <fmt/format.h>

#include "imbrex/ir/program.h"

namespace imbrex::ir {

std::string conversion_text(const std::string& x, DType from, DType to) {
  if (to != DType::boolean) return fmt::format("cast({}, {}{})", x, name_of(to), is_exact_cast(from, to) ? "" : ", rint");
  if (from == DType::int32) return fmt::format("ne({}, 0)", x);
  return fmt::format("ne({}, 0.0)", from == DType::f32 ? x : fmt::format("cast({}, f32)", x));
}

}  // namespace imbrex::ir
