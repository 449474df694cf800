#include "imbrex/base/dtype.h"

namespace imbrex {

bool holds_all_of(DType to, DType from) {
  const ElementType &wide = element_type(to), &narrow = element_type(from);
  if (from == to) return true;
  switch (wide.form) {
    case Form::boolean: return false;
    case Form::integer: return narrow.form != Form::floating && wide.least <= narrow.least && narrow.greatest <= wide.greatest;
    case Form::floating:
      return narrow.precision <= wide.precision &&
             (narrow.form != Form::floating ||
              (narrow.overflow_exponent() <= wide.overflow_exponent() && narrow.least_exponent() >= wide.least_exponent()));
  }
  return false;
}

std::optional<DType> dtype_named(const std::string& name) {
  for (const ElementType& row : kElementTypes)
    if (name == row.name) return row.dtype;
  return std::nullopt;
}

}  // namespace imbrex
