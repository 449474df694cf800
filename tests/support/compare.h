// Bit equality of arrays, where any NaN equals any NaN.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <string>

#include "imbrex/base/array.h"
#include "imbrex/base/numbers.h"

namespace imbrex::test {

inline bool is_nan(const Array& array, int64_t element) { return is_float(array.dtype) && std::isnan(value_at(array, element)); }

inline uint64_t bits_at(const Array& array, int64_t element) {
  uint64_t bits = 0;
  const size_t bytes = static_cast<size_t>(bytes_of(array.dtype));
  std::memcpy(&bits, array.bytes.data() + static_cast<size_t>(element) * bytes, bytes);
  return bits;
}

inline std::string value_text(const Array& array, int64_t element) {
  const std::string value = fmt::format("{}", value_at(array, element));
  return is_float(array.dtype) ? fmt::format("{} (0x{:x})", value, bits_at(array, element)) : value;
}

// The first difference with its coordinate and both values, or nothing.
inline std::optional<std::string> first_difference(const Array& a, const Array& b) {
  if (a.dtype != b.dtype || a.shape != b.shape) return to_text(a.dtype, a.shape) + " against " + to_text(b.dtype, b.shape);
  for (int64_t element = 0; element < a.size(); ++element) {
    if (bits_at(a, element) == bits_at(b, element) || (is_nan(a, element) && is_nan(b, element))) continue;
    std::vector<int64_t> position;
    int64_t rest = element;
    for (size_t d = a.shape.size(); d-- > 0; rest /= a.shape[d]) position.insert(position.begin(), rest % a.shape[d]);
    return fmt::format("[{}]: {} against {}", fmt::join(position, ", "), value_text(a, element), value_text(b, element));
  }
  return std::nullopt;
}

}  // namespace imbrex::test
