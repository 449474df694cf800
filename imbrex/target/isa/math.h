// Casts, exp, log and others, written once over lanes: F is float or vf, I its int32 counterpart. docs/semantics.md is what they compute.
#pragma once

#include "imbrex/target/isa/lane_by_lane.h"

namespace imbrex::isa {
namespace {

template <class F>
IMBREX_OP F recip(F x) {
  return div(fill<F>(1.0f), x);
}
template <class F>
IMBREX_OP F rsqrt(F x) {
  return div(fill<F>(1.0f), sqrt_(x));
}

// ---- rounding modes -----------------------------------------------------------------------------------------------------------

enum class Rounding { rint, round, floor, ceil, trunc };

template <Rounding mode, class F>
IMBREX_OP F integral(F x) {
  if constexpr (mode == Rounding::rint) return integral_rint(x);
  if constexpr (mode == Rounding::floor) return integral_floor(x);
  if constexpr (mode == Rounding::ceil) return integral_ceil(x);
  if constexpr (mode == Rounding::trunc) return integral_trunc(x);
  if constexpr (mode == Rounding::round) {
    // The float below one half: with one half itself, the sum would round up from just below a tie.
    const auto sign = bit_and(bits_of(x), fill_i<typename Lanes<F>::Int>(INT32_MIN));
    const auto half = fill_i<typename Lanes<F>::Int>(0x3effffff);
    return integral_trunc(add(x, float_of_bits(bit_or(half, sign))));
  }
}

template <class F>
IMBREX_OP F floor_(F x) {
  return integral_floor(x);
}

template <class F>
IMBREX_OP F quiet_nan() {
  return float_of_bits(fill_i<typename Lanes<F>::Int>(0x7fc00000));
}

// The bits of x with the last `dropped` of the significand rounded away. A carry into the exponent is the next power of two, or
// infinity, as it should be. NaN gives anything.
template <Rounding mode, int dropped, class I>
IMBREX_OP I rounded_bits(I bits) {
  const I kept = fill_i<I>(static_cast<int32_t>(~0u << dropped));
  const I rest = fill_i<I>((1 << dropped) - 1);
  if constexpr (mode == Rounding::trunc) return bit_and(bits, kept);
  if constexpr (mode == Rounding::round) return bit_and(add(bits, fill_i<I>(1 << (dropped - 1))), kept);
  if constexpr (mode == Rounding::rint) {
    const I last_kept = bit_and(shift_right<dropped>(bits), fill_i<I>(1));
    return bit_and(add(add(bits, fill_i<I>((1 << (dropped - 1)) - 1)), last_kept), kept);
  }
  const I all_if_negative = shift_right_signed<31>(bits);
  if constexpr (mode == Rounding::floor) return bit_and(add(bits, bit_and(rest, all_if_negative)), kept);
  if constexpr (mode == Rounding::ceil) return bit_and(add(bits, bit_and(rest, bit_xor(all_if_negative, fill_i<I>(-1)))), kept);
}

template <Rounding mode, class F>
IMBREX_OP F round_bf16(F x) {
  return select(ne(x, x), quiet_nan<F>(), float_of_bits(rounded_bits<mode, 16>(bits_of(x))));
}

// How f16 and e4m3 are rounded to.
struct RoundToF16 {
  static constexpr int dropped = 13;                                   // bits of f32's fraction
  static constexpr float least_normal = 0x1p-14f, per_unit = 0x1p24f;  // below it the grid is 1 / per_unit
  static constexpr float unit = 0x1p-24f, largest = 65504.0f;
  static constexpr int32_t beyond = 0x7f800000;  // infinity
};
struct RoundToE4m3 {
  static constexpr int dropped = 20;
  static constexpr float least_normal = 0x1p-6f, per_unit = 0x1p9f;
  static constexpr float unit = 0x1p-9f, largest = 448.0f;
  static constexpr int32_t beyond = 0x7fc00000;  // NaN, as there is no infinity
};

template <class Type, Rounding mode, class F>
inline F round_narrow(F x) {
  using I = typename Lanes<F>::Int;
  const I sign = bit_and(bits_of(x), fill_i<I>(INT32_MIN));
  // Below the least normal number the grid is even. Scaling is exact, and the sign of a zero is put back.
  const F small = mul(integral<mode>(mul(x, fill<F>(Type::per_unit))), fill<F>(Type::unit));
  F result =
      select(lt(abs_(x), fill<F>(Type::least_normal)), small, float_of_bits(rounded_bits<mode, Type::dropped>(bits_of(x))));
  // Beyond the largest value: out of the type, or stay, by mode and sign.
  const F largest = fill<F>(Type::largest), infinity = float_of_bits(fill_i<I>(0x7f800000)),
          out = float_of_bits(fill_i<I>(Type::beyond));
  F beyond = out;
  if constexpr (mode == Rounding::trunc) beyond = largest;
  if constexpr (mode == Rounding::floor) beyond = select(lt(x, fill<F>(0.0f)), out, largest);
  if constexpr (mode == Rounding::ceil) beyond = select(lt(x, fill<F>(0.0f)), largest, out);
  beyond = select(eq(abs_(x), infinity), out, beyond);
  result = select(gt(abs_(result), largest), beyond, abs_(result));
  result = float_of_bits(bit_or(bits_of(result), sign));
  return select(ne(x, x), quiet_nan<F>(), result);
}
template <Rounding mode, class F>
inline F round_f16(F x) {
  return round_narrow<RoundToF16, mode>(x);
}
template <Rounding mode, class F>
inline F round_e4m3(F x) {
  return round_narrow<RoundToE4m3, mode>(x);
}
// To a power of two, of which there is none below 2^-127. A tie, 1.5 times a power, goes to the greater one.
template <Rounding mode, class F>
inline F round_e8m0(F x) {
  constexpr Rounding of_bits = mode == Rounding::rint ? Rounding::round : mode;
  // A number that is subnormal is scaled to where its exponent stands alone, which is exact.
  const auto small = lt(x, fill<F>(0x1p-126f));
  const F scaled = float_of_bits(rounded_bits<of_bits, 23>(bits_of(select(small, mul(x, fill<F>(0x1p24f)), x))));
  F result = select(small, mul(scaled, fill<F>(0x1p-24f)), scaled);
  result = select(lt(result, fill<F>(0x1p-127f)), fill<F>(0x1p-127f), result);
  result = select(gt(result, fill<F>(0x1p127f)), quiet_nan<F>(), result);
  return select(ge(x, fill<F>(0.0f)), result, quiet_nan<F>());  // also where x is NaN
}

// ---- bytes that are floats ----------------------------------------------------------------------------------------------------

template <class F, class I>
IMBREX_OP F float_of_e4m3(I code) {
  const I magnitude = bit_and(code, fill_i<I>(0x7f)), sign = shift_left<24>(bit_and(code, fill_i<I>(0x80)));
  // Exponents differ by 120; below 8 the grid is 2^-9.
  const F normal = float_of_bits(add(shift_left<20>(magnitude), fill_i<I>(120 << 23)));
  F value = select(lt(magnitude, fill_i<I>(8)), mul(nearest_float(magnitude), fill<F>(0x1p-9f)), normal);
  value = select(eq(magnitude, fill_i<I>(0x7f)), quiet_nan<F>(), value);
  return float_of_bits(bit_or(bits_of(value), sign));
}
// x is a value of e4m3 already.
template <class I, class F>
IMBREX_OP I e4m3_of_float(F x) {
  const I bits = bit_and(bits_of(x), fill_i<I>(INT32_MAX)), sign = bit_and(shift_right<24>(bits_of(x)), fill_i<I>(0x80));
  const I small = truncated(mul(abs_(x), fill<F>(0x1p9f)));
  I code = select(lt(bits, fill_i<I>(121 << 23)), small, shift_right<20>(sub(bits, fill_i<I>(120 << 23))));
  code = select(gt(bits, fill_i<I>(0x7f800000)), fill_i<I>(0x7f), code);
  return bit_or(code, sign);
}
IMBREX_OP float load_e4m3_s(const void* p) { return float_of_e4m3<float>(load_u8_s(p)); }
IMBREX_OP vf load_e4m3(const void* p) { return float_of_e4m3<vf>(load_u8(p)); }
IMBREX_OP vf load_e4m3(const void* p, int n) { return float_of_e4m3<vf>(load_u8(p, n)); }
IMBREX_OP void store_e4m3_s(void* p, float x) { store_u8_s(p, e4m3_of_float<int32_t>(x)); }
IMBREX_OP void store_e4m3(void* p, vf x) { store_u8(p, e4m3_of_float<vi>(x)); }
IMBREX_OP void store_e4m3(void* p, vf x, int n) { store_u8(p, e4m3_of_float<vi>(x), n); }

// ---- to and from int32 --------------------------------------------------------------------------------------------------------

template <Rounding mode, class F>
IMBREX_OP typename Lanes<F>::Int to_i32(F x) {
  using I = typename Lanes<F>::Int;
  const F rounded = integral<mode>(x);
  I result = truncated(rounded);  // below the range it is INT32_MIN already
  result = select(ge(rounded, fill<F>(2147483648.0f)), fill_i<I>(INT32_MAX), result);
  return select(ne(x, x), fill_i<I>(0), result);
}

template <class I>
IMBREX_OP I saturate_i8(I x) {
  return max(min(x, fill_i<I>(127)), fill_i<I>(-128));
}
template <class I>
IMBREX_OP I saturate_u8(I x) {
  return max(min(x, fill_i<I>(255)), fill_i<I>(0));
}

// An int32 as f32: the nearest, and what is missing to the integer, exactly.
template <class F>
struct FloatAndRest {
  F nearest, rest;
};
template <class F, class I>
IMBREX_OP FloatAndRest<F> split(I x) {
  const I high = bit_and(x, fill_i<I>(~255));  // 24 bits: exact as float, like the other 8
  const F high_part = nearest_float(high), low_part = nearest_float(sub(x, high));
  const F nearest = add(high_part, low_part);
  return {nearest, sub(low_part, sub(nearest, high_part))};
}

// The neighbour of a nonzero finite x, away from zero or towards it.
template <class F>
IMBREX_OP F away_from_zero(F x) {
  return float_of_bits(add(bits_of(x), fill_i<typename Lanes<F>::Int>(1)));
}
template <class F>
IMBREX_OP F towards_zero(F x) {
  return float_of_bits(sub(bits_of(x), fill_i<typename Lanes<F>::Int>(1)));
}

template <Rounding mode, class F, class I>
inline F to_f32(I x) {
  if constexpr (mode == Rounding::rint) return nearest_float(x);
  const FloatAndRest<F> s = split<F>(x);
  const F zero = fill<F>(0.0f);
  const auto negative = lt(s.nearest, zero);
  const auto above = lt(s.rest, zero), below = gt(s.rest, zero);  // where the nearest float lies, seen from x
  const F larger = select(negative, towards_zero(s.nearest), away_from_zero(s.nearest));
  const F smaller = select(negative, away_from_zero(s.nearest), towards_zero(s.nearest));
  if constexpr (mode == Rounding::floor) return select(above, smaller, s.nearest);
  if constexpr (mode == Rounding::ceil) return select(below, larger, s.nearest);
  if constexpr (mode == Rounding::trunc)
    return select(negative, select(below, larger, s.nearest), select(above, smaller, s.nearest));
  if constexpr (mode == Rounding::round) {
    // Half to even differs in ties that went towards zero: there the neighbour away from zero is as far.
    const F away = away_from_zero(s.nearest);
    const auto tie = eq(sub(away, s.nearest), add(s.rest, s.rest));
    return select(eq(s.rest, zero), s.nearest, select(tie, away, s.nearest));
  }
}

// The float towards zero, its last bit set if it is not x: rounding that once more to fewer than 23 bits is rounding x once.
template <class F, class I>
inline F to_odd_f32(I x) {
  const F cut = to_f32<Rounding::trunc, F>(x);
  const I inexact = i32_of(ne(split<F>(x).rest, fill<F>(0.0f)));
  return float_of_bits(bit_or(bits_of(cut), inexact));
}

IMBREX_OP vf f32_exact(vi x) { return nearest_float(x); }
IMBREX_OP float f32_exact_s(int32_t x) { return nearest_float(x); }

#define IMBREX_CASTS_TO(type, mode)                                                                     \
  IMBREX_OP vf round_##type##_##mode(vf x) { return round_##type<Rounding::mode>(x); }                  \
  IMBREX_OP vf i32_to_##type##_##mode(vi x) { return round_##type<Rounding::mode>(to_odd_f32<vf>(x)); } \
  IMBREX_OP float round_##type##_##mode##_s(float x) { return round_##type<Rounding::mode>(x); }        \
  IMBREX_OP float i32_to_##type##_##mode##_s(int32_t x) { return round_##type<Rounding::mode>(to_odd_f32<float>(x)); }
#define IMBREX_CASTS(mode)                                                           \
  IMBREX_CASTS_TO(bf16, mode)                                                        \
  IMBREX_CASTS_TO(f16, mode)                                                         \
  IMBREX_CASTS_TO(e4m3, mode)                                                        \
  IMBREX_CASTS_TO(e8m0, mode)                                                        \
  IMBREX_OP vi to_i32_##mode(vf x) { return to_i32<Rounding::mode>(x); }             \
  IMBREX_OP vf to_f32_##mode(vi x) { return to_f32<Rounding::mode, vf>(x); }         \
  IMBREX_OP int32_t to_i32_##mode##_s(float x) { return to_i32<Rounding::mode>(x); } \
  IMBREX_OP float to_f32_##mode##_s(int32_t x) { return to_f32<Rounding::mode, float>(x); }
IMBREX_CASTS(rint)
IMBREX_CASTS(round)
IMBREX_CASTS(floor)
IMBREX_CASTS(ceil)
IMBREX_CASTS(trunc)
#undef IMBREX_CASTS
#undef IMBREX_CASTS_TO

// ---- exp and log --------------------------------------------------------------------------------------------------------------

template <class F>
IMBREX_OP F times_plus(F a, F b, float c) {
  return add(mul(a, b), fill<F>(c));
}  // two roundings

// Three steps of exp, which AVX-512 has in fewer instructions.
// x where it is in the range of exp, the end of the range beyond. Below it exp is zero, and this may be anything.
template <class F>
IMBREX_OP F bounded_for_exp(F x) {
  return clamp(x, -104.0f, 89.0f);
}
// a - b * c, where the product needs no rounding.
template <class F>
IMBREX_OP F minus_exact_product(F a, F b, F c) {
  return sub(a, mul(b, c));
}
// y * 2^n rounded once, y about 1 and n integral, from -150 to 128: in two factors, because an exponent reaches from -126 to 127.
// A NaN stays. Where it `vanishes`, zero: Intel's cores take about 200 cycles to round a product to zero, but not for one of a
// zero.
template <class F>
IMBREX_OP F times_power_of_2(F y, F n, typename Lanes<F>::Mask vanishes) {
  using I = typename Lanes<F>::Int;
  const I whole = truncated(n), half = shift_right_signed<1>(whole), bias = fill_i<I>(127);
  const F first = float_of_bits(shift_left<23>(add(half, bias)));
  const F second = float_of_bits(shift_left<23>(add(sub(whole, half), bias)));
  return mul(mul(select(vanishes, fill<F>(0.0f), y), first), second);
}

template <class F>
inline F exp_(F x) {
  const auto vanishes = le(x, fill<F>(-104.0f));  // as the exp of a masked score
  x = bounded_for_exp(x);
  const F n = integral_rint(mul(x, fill<F>(1.44269504f)));
  // 355/512 times n has 17 bits.
  const F r = sub(minus_exact_product(x, n, fill<F>(0.693359375f)), mul(n, fill<F>(-2.12194440e-4f)));
  F p = fill<F>(1.9875691500e-4f);
  p = times_plus(p, r, 1.3981999507e-3f);
  p = times_plus(p, r, 8.3334519073e-3f);
  p = times_plus(p, r, 4.1665795894e-2f);
  p = times_plus(p, r, 1.6666665459e-1f);
  p = times_plus(p, r, 5.0000001201e-1f);
  const F y = add(add(mul(p, mul(r, r)), r), fill<F>(1.0f));
  return times_power_of_2(y, n, vanishes);
}

template <class F>
inline F log_(F x) {
  using I = typename Lanes<F>::Int;
  const auto subnormal = lt(x, fill<F>(0x1p-126f));
  const F scaled = select(subnormal, mul(x, fill<F>(0x1p23f)), x);
  const I bits = bits_of(scaled);
  I exponent = sub(bit_and(shift_right<23>(bits), fill_i<I>(255)), select(subnormal, fill_i<I>(126 + 23), fill_i<I>(126)));
  F m = float_of_bits(bit_or(bit_and(bits, fill_i<I>(0x007fffff)), fill_i<I>(0x3f000000)));  // in [0.5, 1)
  const auto low = lt(m, fill<F>(0.707106781186547524f));
  m = select(low, add(m, m), m);
  exponent = sub(exponent, i32_of(low));
  const F e = nearest_float(exponent);
  const F f = sub(m, fill<F>(1.0f)), z = mul(f, f);
  F p = fill<F>(7.0376836292e-2f);
  p = times_plus(p, f, -1.1514610310e-1f);
  p = times_plus(p, f, 1.1676998740e-1f);
  p = times_plus(p, f, -1.2420140846e-1f);
  p = times_plus(p, f, 1.4249322787e-1f);
  p = times_plus(p, f, -1.6668057665e-1f);
  p = times_plus(p, f, 2.0000714765e-1f);
  p = times_plus(p, f, -2.4999993993e-1f);
  p = times_plus(p, f, 3.3333331174e-1f);
  F y = mul(mul(p, f), z);
  y = add(y, mul(e, fill<F>(-2.12194440e-4f)));
  y = sub(y, mul(fill<F>(0.5f), z));
  F result = add(add(f, y), mul(e, fill<F>(0.693359375f)));
  const F infinity = float_of_bits(fill_i<I>(0x7f800000));
  result = select(eq(x, infinity), infinity, result);
  result = select(eq(x, fill<F>(0.0f)), neg(infinity), result);
  return select(ge(x, fill<F>(0.0f)), result, quiet_nan<F>());  // also where x is NaN
}

}  // namespace
}  // namespace imbrex::isa
