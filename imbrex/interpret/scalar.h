// One function for each rule of docs/semantics.md about single numbers. No loops over tiles here, and no cleverness.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "imbrex/ir/program.h"

namespace imbrex::interpret {

// ---- f32 and int32 --------------------------------------------------------------------------------------------------------
float minimum(float a, float b);  // NaN if either is, -0 below +0
float maximum(float a, float b);
float exponential(float x);
float logarithm(float x);
int32_t wrapping_add(int32_t a, int32_t b);
int32_t wrapping_sub(int32_t a, int32_t b);
int32_t wrapping_mul(int32_t a, int32_t b);

// ---- casts ----------------------------------------------------------------------------------------------------------------
// To an integer in the mode, then saturated to int8, uint8 or int32; NaN gives 0.
int32_t to_integer(float x, DType to, ir::CastMode mode);
int32_t saturate(int32_t x, DType to);
// To a floating-point type with one rounding in the mode. Exact sources: every f32 and every int32 is a double.
float to_float(double x, DType to, ir::CastMode mode);

// ---- storage: bf16 and f16 as the 16 bits in memory, as the f32 of the same value elsewhere ----------------------------------
float bf16_value(uint16_t bits);
uint16_t bf16_bits(float value);  // `value` is a bf16 value or NaN
float f16_value(uint16_t bits);
uint16_t f16_bits(float value);  // `value` is an f16 value or NaN

// ---- products of bf16 -----------------------------------------------------------------------------------------------------
// A subnormal becomes the zero of its sign.
inline float flush_subnormal(float x) { return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x; }
// One accumulation, a tiny result flushed: `acc`, `a`, `b` are not subnormal, the result neither.
inline float accumulate_bf16(float acc, float a, float b) {
  const float sum = std::fma(a, b, acc);
  if (!(std::fabs(sum) <= std::numeric_limits<float>::min())) return sum;
  // So near zero the sum is exact in double. What rounds to 24 bits of 2^-126 or more is not tiny.
  const double exact = static_cast<double>(a) * static_cast<double>(b) + static_cast<double>(acc);
  return std::fabs(exact) < 0x1p-126 - 0x1p-151 ? std::copysign(0.0f, sum) : sum;
}

}  // namespace imbrex::interpret
