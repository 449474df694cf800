// Elements of arrays as doubles, and back with one rounding to nearest even.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "imbrex/base/array.h"

namespace imbrex {

inline float float_of_bf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

// Finite values only.
inline uint16_t bf16_of_float(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Of a floating-point type of one or two bytes: the number that a code is, and the code of the nearest number, of two the one with an
// even code, of two powers the greater. What is too large is the largest; infinity is NaN where the type has none; what has no sign has that of a magnitude.
double value_of_code(DType dtype, uint32_t code);
uint32_t code_of_value(DType dtype, double value);

double value_at(const Array& array, int64_t index);
// Integers are rounded and saturated.
void set_value_at(Array& array, int64_t index, double value);

// An element of a tensor of indices (`holds_indices`), exactly.
int64_t index_at(const Array& array, int64_t index);
void set_index_at(Array& array, int64_t index, int64_t value);

// The gap between neighbouring bf16 numbers at `magnitude`; at a power of two, the wider one above it.
inline double bf16_spacing(double magnitude) {
  if (magnitude == 0) return std::ldexp(1.0, -133);
  return std::ldexp(1.0, std::max(std::ilogb(magnitude), -126) - 7);
}

// For the distance between two values of a type: an infinity beside a number of its sign and of at least half the largest one is
// the number that would follow the largest. Anything else is as it is.
double beside(double value, double other, DType dtype);

// How many representable numbers lie from `actual` to `expected`, both of the same type; -1 where exactly one of them is a NaN.
int64_t distance_in_ulps(const Array& actual, const Array& expected, int64_t index);

// The position of a flat index, "[3,0,17]".
// "none" in a shape without elements.
std::string position_text(int64_t index, const std::vector<int64_t>& shape);

}  // namespace imbrex
