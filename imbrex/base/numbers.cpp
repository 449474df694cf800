#include "imbrex/base/numbers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "imbrex/base/error.h"

namespace imbrex {
namespace {

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
  return element_type(array.dtype).has_sign() ? ordered(bits, static_cast<int>(8 * bytes)) : static_cast<int64_t>(bits);
}

// A NaN of the type.
uint32_t code_of_nan(const ElementType& type) {
  const uint32_t fraction = (1u << type.fraction_bits()) - 1, exponent = (1u << type.exponent_bits()) - 1;
  return exponent << type.fraction_bits() | (type.layout == Layout::ieee ? 1u << (type.fraction_bits() - 1) : fraction);
}

}  // namespace

double value_of_code(DType dtype, uint32_t code) {
  const ElementType& type = element_type(dtype);
  const int fraction_bits = type.fraction_bits();
  const uint32_t sign = type.has_sign() ? 1u << (8 * type.bytes - 1) : 0, magnitude = code & ~sign;
  const auto exponent = static_cast<int>(magnitude >> fraction_bits),
             fraction = static_cast<int>(magnitude & ((1u << fraction_bits) - 1));
  const bool is_highest = exponent == (1 << type.exponent_bits()) - 1;
  double value;
  if (type.layout == Layout::ieee ? is_highest && fraction != 0 : magnitude == code_of_nan(type))
    value = std::numeric_limits<double>::quiet_NaN();
  else if (type.layout == Layout::ieee && is_highest)
    value = std::numeric_limits<double>::infinity();
  else if (exponent == 0)
    value = type.has_sign() ? std::ldexp(fraction, type.least_exponent()) : std::ldexp(1.0, type.least_exponent());
  else
    value = std::ldexp((1 << fraction_bits) + fraction, exponent - type.bias() - fraction_bits);
  return (code & sign) != 0 ? -value : value;
}

uint32_t code_of_value(DType dtype, double value) {
  const ElementType& type = element_type(dtype);
  if (std::isnan(value)) return code_of_nan(type);
  const uint32_t sign = type.has_sign() && std::signbit(value) ? 1u << (8 * type.bytes - 1) : 0;
  const uint32_t infinity = ((1u << type.exponent_bits()) - 1) << type.fraction_bits();
  if (std::isinf(value)) return type.has_infinity() ? sign | infinity : code_of_nan(type);
  const double magnitude = std::min(std::fabs(value), type.largest());
  if (!type.has_sign()) {
    if (magnitude < std::ldexp(1.0, type.least_exponent())) return 0;
    const int below = std::ilogb(magnitude);
    return static_cast<uint32_t>(below + (magnitude >= std::ldexp(1.5, below)) + type.bias());
  }
  const int exponent = magnitude == 0 ? 1 - type.bias() : std::max(std::ilogb(magnitude), 1 - type.bias());
  // Units of the last place; a carry out of the fraction moves into the exponent by itself.
  const auto units = static_cast<uint32_t>(std::nearbyint(std::ldexp(magnitude, type.fraction_bits() - exponent)));
  const uint32_t one = 1u << type.fraction_bits();
  return sign | (units < one ? units : units - one + (static_cast<uint32_t>(exponent + type.bias()) << type.fraction_bits()));
}

double value_at(const Array& array, int64_t i) {
  switch (array.dtype) {
    case DType::f32: return array.as<float>()[i];
    case DType::bf16: return float_of_bf16(array.as<uint16_t>()[i]);
    case DType::f16: return value_of_code(array.dtype, array.as<uint16_t>()[i]);
    case DType::e4m3:
    case DType::e8m0: return value_of_code(array.dtype, array.as<uint8_t>()[i]);
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
    case DType::f16: array.as<uint16_t>()[i] = static_cast<uint16_t>(code_of_value(array.dtype, value)); return;
    case DType::e4m3:
    case DType::e8m0: array.as<uint8_t>()[i] = static_cast<uint8_t>(code_of_value(array.dtype, value)); return;
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
  if (!is_float(dtype) || !element_type(dtype).has_infinity()) return value;
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
