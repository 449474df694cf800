#include "imbrex/base/dtype.h"

#include <cmath>

namespace imbrex {

double ElementType::largest() const {
  // All ones of the fraction; one less where these are NaN.
  const int missing = layout == Layout::finite ? 2 : 1;
  return std::ldexp(1.0, overflow_exponent()) - std::ldexp(missing, overflow_exponent() - precision);
}

bool holds_all_of(DType to, DType from) {
  const ElementType &wide = element_type(to), &narrow = element_type(from);
  if (from == to) return true;
  switch (wide.form) {
    case Form::boolean: return false;
    case Form::integer: return narrow.form != Form::floating && wide.least <= narrow.least && narrow.greatest <= wide.greatest;
    case Form::floating:
      return wide.has_sign() && narrow.precision <= wide.precision &&
             (narrow.form != Form::floating ||
              (narrow.largest() <= wide.largest() && narrow.least_exponent() >= wide.least_exponent() &&
               narrow.has_infinity() <= wide.has_infinity()));
  }
  return false;
}

std::optional<DType> dtype_named(const std::string& name) {
  for (const ElementType& row : kElementTypes)
    if (name == row.name) return row.dtype;
  return std::nullopt;
}

}  // namespace imbrex
