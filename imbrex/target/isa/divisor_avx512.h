// One value that divides many: div(a, Divisor(b)) has the bits of div(a, broadcast(b)), in less than half of its time. With r the
// float nearest 1 / b, each line rounded once:
//
//     q = a * r
//     remainder = q * b - a
//     result = q - remainder * r
//
// P. Markstein (Computation of elementary functions on the IBM RISC System/6000 processor, IBM J. Res. Dev. 34, 1990) proves that
// this is the quotient rounded to nearest where q is within a unit in the last place (ulp) of a / b and no exponent leaves its
// range.
//
// q can be up to 1.5 ulp off. Let a and b be in [1, 2), which changes no significand, and u = ulp(q) * 2^-23: then |remainder| is
// less than 1.5 * 2^24 u, rounded by at most u, and |b * r - 1| < 2^-24. So what is rounded last is at most 2.5 u / b from a / b,
// and it rounds as a / b does, unless for a midpoint m of two floats m * b is within 2.5 u of a. Both are multiples of u / 2: for
// each b there are a few such a. a_reciprocal_divides_exactly.cpp finds and tries all of them.
//
// Exponents: b is from [2^-32, 2^24), otherwise r is NaN, and the remainder is scaled by 2^64, so that it has all its bits.
// Vectors with an infinite, NaN or subnormal result are divided by the instruction: there a is large (its scaled value
// overflows), infinite or NaN, or ties between subnormals would round wrongly. This leaves:
// - a = 0: the remainder is +0, and -(+0 * r) + q is q with its sign, since r > 0.
// - |q| > 2^-126, the result normal: the argument above.
// - |q| <= 2^-126, the result 0 or 2^-126: were it wrong, what is rounded last and a / b would lie on either side of 2^-150 or of
//   2^-126 - 2^-150, half an ulp from q. With g = b times the distance of a / b from there and B = b / ulp(b) < 2^24, g is at
//   least 2^-150 b / B, |remainder| at most 2^-150 b + g, and |b * r - 1| at most B * 2^-48. The product of these two is less
//   than g.
#pragma once

#include <immintrin.h>

#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

struct Divisor {
  vf value, reciprocal, scaled_value, scaled_reciprocal;
  IMBREX_OP explicit Divisor(float b) {
    const float r = b >= 0x1p-32f && b < 0x1p24f ? 1.0f / b : __builtin_nanf("");
    value = broadcast(b);
    reciprocal = broadcast(r);
    scaled_value = broadcast(b * 0x1p64f);
    scaled_reciprocal = broadcast(r * 0x1p-64f);
  }
};
IMBREX_OP vf div(vf a, const Divisor& b) {
  // Intel's cores take about 150 cycles for each operation on a subnormal: then the division alone.
  constexpr int subnormal = 0x20, nan_infinite_or_subnormal = 0x80 | 0x10 | 0x08 | 0x01 | subnormal;
  if (__builtin_expect(_mm512_fpclass_ps_mask(a.v, subnormal) != 0, false)) return div(a, b.value);
  const __m512 q = _mm512_mul_ps(a.v, b.reciprocal.v);
  const __m512 remainder = _mm512_fmsub_ps(q, b.scaled_value.v, _mm512_mul_ps(a.v, _mm512_set1_ps(0x1p64f)));
  const __m512 result = _mm512_fnmadd_ps(remainder, b.scaled_reciprocal.v, q);
  if (__builtin_expect(_mm512_fpclass_ps_mask(result, nan_infinite_or_subnormal) != 0, false)) return div(a, b.value);
  return {result};
}

}  // namespace
}  // namespace imbrex::isa
