// Bit equality of arrays, where any NaN equals any NaN.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <optional>
#include <string>

#include "imbrex/base/array.h"

namespace imbrex::test {

inline bool is_nan(DType dtype, uint32_t bits) {
  switch (dtype) {
    case DType::f32: return (bits & 0x7fffffff) > 0x7f800000;
    case DType::bf16: return (bits & 0x7fff) > 0x7f80;
    case DType::f16: return (bits & 0x7fff) > 0x7c00;
    default: return false;
  }
}

inline uint32_t bits_at(const Array& array, int64_t element) {
  uint32_t bits = 0;
  const size_t bytes = static_cast<size_t>(bytes_of(array.dtype));
  std::memcpy(&bits, array.bytes.data() + static_cast<size_t>(element) * bytes, bytes);
  return bits;
}

inline std::string value_text(DType dtype, uint32_t bits) {
  float value = 0;
  const uint32_t wide = dtype == DType::bf16 ? bits << 16 : bits;
  std::memcpy(&value, &wide, sizeof value);
  switch (dtype) {
    case DType::f32:
    case DType::bf16: return fmt::format("{} (0x{:x})", value, bits);
    case DType::f16: return fmt::format("f16 0x{:04x}", bits);
    case DType::int8: return fmt::format("{}", static_cast<int8_t>(bits));
    default: return fmt::format("{}", static_cast<int32_t>(bits));
  }
}

// The first difference with its coordinate and both values, or nothing.
inline std::optional<std::string> first_difference(const Array& a, const Array& b) {
  if (a.dtype != b.dtype || a.shape != b.shape) return to_text(a.dtype, a.shape) + " against " + to_text(b.dtype, b.shape);
  for (int64_t element = 0; element < a.size(); ++element) {
    const uint32_t x = bits_at(a, element), y = bits_at(b, element);
    if (x == y || (is_nan(a.dtype, x) && is_nan(b.dtype, y))) continue;
    std::vector<int64_t> position;
    int64_t rest = element;
    for (size_t d = a.shape.size(); d-- > 0; rest /= a.shape[d]) position.insert(position.begin(), rest % a.shape[d]);
    return fmt::format("[{}]: {} against {}", fmt::join(position, ", "), value_text(a.dtype, x), value_text(b.dtype, y));
  }
  return std::nullopt;
}

}  // namespace imbrex::test
