// One lane: every operation on one float, int32 or bool, for every processor. The vectors of the scalar ISA are sixteen of these,
// and what is written once over lanes and vectors (isa/math.h) uses them for single values on every ISA.
//
// This and the other headers in this folder are included by generated code, one ISA in one file. Everything is in an unnamed
// namespace: no symbol leaves the file, so that code for one ISA is never called from code for another. For the same reason, and
// for the time to compile, they include no C++ standard header.
#pragma once

#include <stdint.h>
#include <string.h>

#include "imbrex/target/isa/architecture.h"

namespace imbrex::isa {
namespace {

// ---- bits ---------------------------------------------------------------------------------------------------------------------

IMBREX_OP int32_t bits_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
IMBREX_OP float float_of_bits(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
IMBREX_OP int32_t bit_and(int32_t a, int32_t b) { return a & b; }
IMBREX_OP int32_t bit_or(int32_t a, int32_t b) { return a | b; }
IMBREX_OP int32_t bit_xor(int32_t a, int32_t b) { return a ^ b; }
template <int n>
IMBREX_OP int32_t shift_left(int32_t a) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) << n);
}
template <int n>
IMBREX_OP int32_t shift_right(int32_t a) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) >> n);
}
template <int n>
IMBREX_OP int32_t shift_right_signed(int32_t a) {
  return a >> n;
}

// ---- comparisons and selection ------------------------------------------------------------------------------------------------

IMBREX_OP bool eq(float a, float b) { return a == b; }
IMBREX_OP bool ne(float a, float b) { return a != b; }
IMBREX_OP bool lt(float a, float b) { return a < b; }
IMBREX_OP bool le(float a, float b) { return a <= b; }
IMBREX_OP bool gt(float a, float b) { return a > b; }
IMBREX_OP bool ge(float a, float b) { return a >= b; }
IMBREX_OP bool eq(int32_t a, int32_t b) { return a == b; }
IMBREX_OP bool ne(int32_t a, int32_t b) { return a != b; }
IMBREX_OP bool lt(int32_t a, int32_t b) { return a < b; }
IMBREX_OP bool le(int32_t a, int32_t b) { return a <= b; }
IMBREX_OP bool gt(int32_t a, int32_t b) { return a > b; }
IMBREX_OP bool ge(int32_t a, int32_t b) { return a >= b; }

IMBREX_OP float select(bool condition, float a, float b) { return condition ? a : b; }
IMBREX_OP int32_t select(bool condition, int32_t a, int32_t b) { return condition ? a : b; }
IMBREX_OP bool select(bool condition, bool a, bool b) { return condition ? a : b; }

// ---- arithmetic ---------------------------------------------------------------------------------------------------------------

IMBREX_OP float add(float a, float b) { return a + b; }
IMBREX_OP float sub(float a, float b) { return a - b; }
IMBREX_OP float mul(float a, float b) { return a * b; }
IMBREX_OP float div(float a, float b) { return a / b; }
IMBREX_OP float neg(float a) { return float_of_bits(bits_of(a) ^ INT32_MIN); }
IMBREX_OP float abs_(float a) { return float_of_bits(bits_of(a) & INT32_MAX); }
// NaN if either is NaN; -0 is less than +0. `a == b` differ at most in the sign of a zero.
IMBREX_OP float min(float a, float b) { return a < b ? a : a > b ? b : a == b ? float_of_bits(bits_of(a) | bits_of(b)) : a + b; }
IMBREX_OP float max(float a, float b) { return a > b ? a : a < b ? b : a == b ? float_of_bits(bits_of(a) & bits_of(b)) : a + b; }

// x where it is between the bounds, which are not NaN or zero, and the nearer bound elsewhere. A NaN stays.
IMBREX_OP float clamp(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

IMBREX_OP int32_t add(int32_t a, int32_t b) { return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b)); }
IMBREX_OP int32_t sub(int32_t a, int32_t b) { return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b)); }
IMBREX_OP int32_t mul(int32_t a, int32_t b) { return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b)); }
IMBREX_OP int32_t neg(int32_t a) { return sub(0, a); }
IMBREX_OP int32_t abs_(int32_t a) { return a < 0 ? neg(a) : a; }
IMBREX_OP int32_t min(int32_t a, int32_t b) { return a < b ? a : b; }
IMBREX_OP int32_t max(int32_t a, int32_t b) { return a > b ? a : b; }

// ---- between float and int32 --------------------------------------------------------------------------------------------------

// truncated(float) goes towards zero. INT32_MIN where the result is less than any int32; anything where it is more, or NaN.
IMBREX_OP float nearest_float(int32_t x) { return static_cast<float>(x); }
IMBREX_OP float f32_of(bool x) { return x ? 1.0f : 0.0f; }
IMBREX_OP int32_t i32_of(bool x) { return x ? 1 : 0; }

// To an integral value, the sign of a zero kept. From 2^23 on every float is integral.
IMBREX_OP float integral_rint(float x) {
  const float magnitude = abs_(x);
  const float rounded = magnitude < 8388608.0f ? (magnitude + 8388608.0f) - 8388608.0f : magnitude;
  return float_of_bits(bits_of(rounded) | (bits_of(x) & INT32_MIN));
}
IMBREX_OP float integral_trunc(float x) {
  const float rounded = abs_(x) < 8388608.0f ? static_cast<float>(truncated(x)) : x;
  return float_of_bits(bits_of(rounded) | (bits_of(x) & INT32_MIN));
}
IMBREX_OP float integral_floor(float x) {
  const float t = integral_trunc(x);
  return t > x ? t - 1.0f : t;
}
IMBREX_OP float integral_ceil(float x) {
  const float t = integral_trunc(x);
  return t < x ? float_of_bits(bits_of(t + 1.0f) | (bits_of(x) & INT32_MIN)) : t;
}

// ---- the same value in every lane; for one lane, the value --------------------------------------------------------------------

template <class T>
struct Lanes;  // Int and Mask: the int32 and bool counterparts of a float type
template <>
struct Lanes<float> {
  using Int = int32_t;
  using Mask = bool;
};
template <class T>
T fill(float value);
template <class T>
T fill_i(int32_t value);
template <>
IMBREX_OP float fill<float>(float value) {
  return value;
}
template <>
IMBREX_OP int32_t fill_i<int32_t>(int32_t value) {
  return value;
}

// ---- storage types ------------------------------------------------------------------------------------------------------------

IMBREX_OP float load_f32_s(const void* p) {
  float x;
  memcpy(&x, p, sizeof x);
  return x;
}
IMBREX_OP int32_t load_i32_s(const void* p) {
  int32_t x;
  memcpy(&x, p, sizeof x);
  return x;
}
IMBREX_OP uint16_t load_16_bits(const void* p) {
  uint16_t x;
  memcpy(&x, p, sizeof x);
  return x;
}
IMBREX_OP float load_bf16_s(const void* p) { return float_of_bits(static_cast<int32_t>(uint32_t{load_16_bits(p)} << 16)); }
// Exact. A subnormal half has its value m * 2^-24 computed; the others move their bits, infinity and NaN their exponent too.
inline float load_f16_s(const void* p) {
  const uint32_t half = load_16_bits(p);
  const uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 31u, mantissa = half & 0x3ffu;
  uint32_t bits = ((exponent + 112) << 23) | (mantissa << 13);
  if (exponent == 31) bits = 0x7f800000u | (mantissa << 13);
  if (exponent == 0) bits = static_cast<uint32_t>(bits_of(static_cast<float>(mantissa) * 0x1p-24f));
  return float_of_bits(static_cast<int32_t>(sign | bits));
}
// What no int32 is becomes the nearest.
IMBREX_OP int32_t load_i64_s(const void* p) {
  int64_t x;
  memcpy(&x, p, sizeof x);
  return x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : static_cast<int32_t>(x);
}
IMBREX_OP float load_e8m0_s(const void* p) {
  const int32_t code = *static_cast<const uint8_t*>(p);
  return float_of_bits(code == 255 ? 0x7fc00000 : code == 0 ? 0x00400000 : code << 23);
}
IMBREX_OP int32_t load_i8_s(const void* p) { return *static_cast<const int8_t*>(p); }
IMBREX_OP int32_t load_u8_s(const void* p) { return *static_cast<const uint8_t*>(p); }
IMBREX_OP bool load_mask_s(const void* p) { return *static_cast<const uint8_t*>(p) != 0; }

IMBREX_OP void store_f32_s(void* p, float x) { memcpy(p, &x, sizeof x); }
IMBREX_OP void store_i32_s(void* p, int32_t x) { memcpy(p, &x, sizeof x); }
IMBREX_OP void store_bf16_s(void* p, float x) {
  const uint16_t half = static_cast<uint16_t>(static_cast<uint32_t>(bits_of(x)) >> 16);
  memcpy(p, &half, sizeof half);
}
// x is a value of f16 already.
inline void store_f16_s(void* p, float x) {
  const uint32_t bits = static_cast<uint32_t>(bits_of(x)), sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  uint32_t half = (magnitude - (112u << 23)) >> 13;
  if (magnitude >= 0x7f800000u) half = 0x7c00u | (magnitude > 0x7f800000u ? 0x200u : 0u);
  if (magnitude < (113u << 23)) half = static_cast<uint32_t>(truncated(abs_(x) * 0x1p24f));
  const uint16_t stored = static_cast<uint16_t>(sign | half);
  memcpy(p, &stored, sizeof stored);
}
// x is a value of e8m0 already.
IMBREX_OP void store_e8m0_s(void* p, float x) {
  *static_cast<uint8_t*>(p) = static_cast<uint8_t>(static_cast<uint32_t>(bits_of(x)) >> 23);
}
IMBREX_OP void store_i64_s(void* p, int32_t x) {
  const int64_t stored = x;
  memcpy(p, &stored, sizeof stored);
}
IMBREX_OP void store_i8_s(void* p, int32_t x) { *static_cast<int8_t*>(p) = static_cast<int8_t>(x); }
IMBREX_OP void store_u8_s(void* p, int32_t x) { *static_cast<uint8_t*>(p) = static_cast<uint8_t>(x); }
IMBREX_OP void store_mask_s(void* p, bool x) { *static_cast<uint8_t*>(p) = x ? 1 : 0; }

}  // namespace
}  // namespace imbrex::isa
