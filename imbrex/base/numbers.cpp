#include "imbrex/base/numbers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "imbrex/base/error.h"

namespace imbrex {
namespace {

double value_of_f16(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  double magnitude;
  if (exponent == 31)
    magnitude = fraction ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  else
    magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

// Finite values within the range of f16.
uint16_t f16_of(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(value);
  const int exponent = magnitude == 0 ? -14 : std::max(std::ilogb(magnitude), -14);
  // Units of the last place; a carry out of the fraction moves into the exponent by itself.
  const auto units = static_cast<int64_t>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  const int64_t bits = units < 1024 ? units : units - 1024 + (static_cast<int64_t>(exponent + 15) << 10);
  return static_cast<uint16_t>(sign | bits);
}

template <class T>
T saturated(double value) {
  const double rounded = std::nearbyint(value);
  return static_cast<T>(std::clamp(rounded, double{std::numeric_limits<T>::min()}, double{std::numeric_limits<T>::max()}));
}

// Bits of a float as an integer that is ordered as the values are; -0 and +0 are the same number.
int64_t ordered(uint64_t bits, int width) {
  const uint64_t sign = uint64_t{1} << (width - 1);
  return bits & sign ? -static_cast<int64_t>(bits & ~sign) : static_cast<int64_t>(bits);
}

int64_t ordered_at(const Array& array, int64_t i) {
  if (!is_float(array.dtype)) return static_cast<int64_t>(value_at(array, i));
  const auto bytes = static_cast<size_t>(bytes_of(array.dtype));
  uint64_t bits = 0;
  std::memcpy(&bits, array.bytes.data() + static_cast<size_t>(i) * bytes, bytes);
  return ordered(bits, static_cast<int>(8 * bytes));
}

}  // namespace

double value_at(const Array& array, int64_t i) {
  switch (array.dtype) {
    case DType::f32: return array.as<float>()[i];
    case DType::bf16: return float_of_bf16(array.as<uint16_t>()[i]);
    case DType::f16: return value_of_f16(array.as<uint16_t>()[i]);
    case DType::int8: return array.as<int8_t>()[i];
    case DType::uint8: return array.as<uint8_t>()[i];
    case DType::int32: return array.as<int32_t>()[i];
    case DType::int64: return static_cast<double>(array.as<int64_t>()[i]);
    case DType::boolean: return array.as<uint8_t>()[i];
  }
  throw InternalError("every element type has values");
}

void set_value_at(Array& array, int64_t i, double value) {
  switch (array.dtype) {
    case DType::f32: array.as<float>()[i] = static_cast<float>(value); return;
    case DType::bf16: array.as<uint16_t>()[i] = bf16_of_float(static_cast<float>(value)); return;
    case DType::f16: array.as<uint16_t>()[i] = f16_of(value); return;
    case DType::int8: array.as<int8_t>()[i] = saturated<int8_t>(value); return;
    case DType::uint8: array.as<uint8_t>()[i] = saturated<uint8_t>(value); return;
    case DType::int32: array.as<int32_t>()[i] = saturated<int32_t>(value); return;
    case DType::int64: array.as<int64_t>()[i] = saturated<int32_t>(value); return;
    case DType::boolean: array.as<uint8_t>()[i] = value != 0; return;
  }
}

int64_t index_at(const Array& array, int64_t i) {
  require(holds_indices(array.dtype), "indices are int32 or int64");
  return array.dtype == DType::int64 ? array.as<int64_t>()[i] : array.as<int32_t>()[i];
}

void set_index_at(Array& array, int64_t i, int64_t value) {
  require(holds_indices(array.dtype), "indices are int32 or int64");
  if (array.dtype == DType::int64)
    array.as<int64_t>()[i] = value;
  else
    array.as<int32_t>()[i] = static_cast<int32_t>(value);
}

double beside(double value, double other, DType dtype) {
  if (!is_float(dtype)) return value;
  const double next = std::ldexp(1.0, element_type(dtype).overflow_exponent());
  if (!std::isinf(value) || std::isinf(other) || !(std::copysign(other, 1.0) >= next / 2) ||
      std::signbit(value) != std::signbit(other))
    return value;
  return std::copysign(next, value);
}

int64_t distance_in_ulps(const Array& actual, const Array& expected, int64_t i) {
  const bool a = std::isnan(value_at(actual, i)), e = std::isnan(value_at(expected, i));
  if (a || e) return a && e ? 0 : -1;
  return std::abs(ordered_at(actual, i) - ordered_at(expected, i));
}

std::string position_text(int64_t index, const std::vector<int64_t>& shape) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return "none";
  std::vector<int64_t> position(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    position[axis] = index % shape[axis];
    index /= shape[axis];
  }
  return fmt::format("[{}]", fmt::join(position, ","));
}

}  // namespace imbrex
