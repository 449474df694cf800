// Vectors of sixteen lanes for AVX-512 (F, BW, DQ, VL).
#pragma once

// g++ 12 takes the undefined registers of its own intrinsics for forgotten variables (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "imbrex/target/isa/e4m3_tables.h"
#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

struct vf {
  __m512 v;
};  // 16 f32
struct vi {
  __m512i v;
};  // 16 int32
struct vm {
  __mmask16 v;
};  // 16 bool

template <>
struct Lanes<vf> {
  using Int = vi;
  using Mask = vm;
};

IMBREX_OP __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1); }

// ---- making, bits -------------------------------------------------------------------------------------------------------------

IMBREX_OP vf broadcast(float value) { return {_mm512_set1_ps(value)}; }
IMBREX_OP vi broadcast_i(int32_t value) { return {_mm512_set1_epi32(value)}; }
IMBREX_OP vi iota_i(int32_t first) {
  return {_mm512_add_epi32(_mm512_set1_epi32(first), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))};
}
template <>
IMBREX_OP vf fill<vf>(float value) {
  return broadcast(value);
}
template <>
IMBREX_OP vi fill_i<vi>(int32_t value) {
  return broadcast_i(value);
}

IMBREX_OP vi bits_of(vf x) { return {_mm512_castps_si512(x.v)}; }
IMBREX_OP vf float_of_bits(vi x) { return {_mm512_castsi512_ps(x.v)}; }
IMBREX_OP vi bit_and(vi a, vi b) { return {_mm512_and_si512(a.v, b.v)}; }
IMBREX_OP vi bit_or(vi a, vi b) { return {_mm512_or_si512(a.v, b.v)}; }
IMBREX_OP vi bit_xor(vi a, vi b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int n>
IMBREX_OP vi shift_left(vi a) {
  return {_mm512_slli_epi32(a.v, n)};
}
template <int n>
IMBREX_OP vi shift_right(vi a) {
  return {_mm512_srli_epi32(a.v, n)};
}
template <int n>
IMBREX_OP vi shift_right_signed(vi a) {
  return {_mm512_srai_epi32(a.v, n)};
}

// ---- comparisons and selection ------------------------------------------------------------------------------------------------

IMBREX_OP vm eq(vf a, vf b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
IMBREX_OP vm ne(vf a, vf b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_NEQ_UQ)}; }
IMBREX_OP vm lt(vf a, vf b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
IMBREX_OP vm le(vf a, vf b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
IMBREX_OP vm gt(vf a, vf b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
IMBREX_OP vm ge(vf a, vf b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
IMBREX_OP vm eq(vi a, vi b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }
IMBREX_OP vm ne(vi a, vi b) { return {_mm512_cmpneq_epi32_mask(a.v, b.v)}; }
IMBREX_OP vm lt(vi a, vi b) { return {_mm512_cmplt_epi32_mask(a.v, b.v)}; }
IMBREX_OP vm le(vi a, vi b) { return {_mm512_cmple_epi32_mask(a.v, b.v)}; }
IMBREX_OP vm gt(vi a, vi b) { return {_mm512_cmpgt_epi32_mask(a.v, b.v)}; }
IMBREX_OP vm ge(vi a, vi b) { return {_mm512_cmpge_epi32_mask(a.v, b.v)}; }

IMBREX_OP vf select(vm condition, vf a, vf b) { return {_mm512_mask_blend_ps(condition.v, b.v, a.v)}; }
IMBREX_OP vi select(vm condition, vi a, vi b) { return {_mm512_mask_blend_epi32(condition.v, b.v, a.v)}; }
IMBREX_OP vm select(vm condition, vm a, vm b) { return {static_cast<__mmask16>((condition.v & a.v) | (~condition.v & b.v))}; }

// ---- arithmetic ---------------------------------------------------------------------------------------------------------------

IMBREX_OP vf add(vf a, vf b) { return {_mm512_add_ps(a.v, b.v)}; }
IMBREX_OP vf sub(vf a, vf b) { return {_mm512_sub_ps(a.v, b.v)}; }
IMBREX_OP vf mul(vf a, vf b) { return {_mm512_mul_ps(a.v, b.v)}; }
IMBREX_OP vf div(vf a, vf b) { return {_mm512_div_ps(a.v, b.v)}; }
IMBREX_OP vf sqrt_(vf a) { return {_mm512_sqrt_ps(a.v)}; }
IMBREX_OP vf neg(vf a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
IMBREX_OP vf abs_(vf a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
// The instruction orders zeros by their signs, as it should be; of a NaN and a number it gives the number.
template <int smaller_or_larger>
IMBREX_OP vf extreme(vf a, vf b) {
  constexpr int its_sign = 1 << 2;
  const __mmask16 is_nan = _mm512_cmp_ps_mask(a.v, b.v, _CMP_UNORD_Q);
  return {_mm512_mask_mov_ps(_mm512_range_ps(a.v, b.v, its_sign | smaller_or_larger), is_nan,
                             _mm512_castsi512_ps(_mm512_set1_epi32(0x7fc00000)))};
}
IMBREX_OP vf min(vf a, vf b) { return extreme<0>(a, b); }
IMBREX_OP vf max(vf a, vf b) { return extreme<1>(a, b); }
// Steps of exp (isa/math.h). The instruction gives its second operand where that is NaN.
IMBREX_OP vf bounded_for_exp(vf x) { return {_mm512_min_ps(_mm512_set1_ps(89.0f), x.v)}; }
IMBREX_OP vf minus_exact_product(vf a, vf b, vf c) { return {_mm512_fnmadd_ps(b.v, c.v, a.v)}; }
IMBREX_OP vf times_power_of_2(vf y, vf n, vm vanishes) {
  return {_mm512_maskz_scalef_ps(static_cast<__mmask16>(~vanishes.v), y.v, n.v)};
}

IMBREX_OP vi add(vi a, vi b) { return {_mm512_add_epi32(a.v, b.v)}; }
IMBREX_OP vi sub(vi a, vi b) { return {_mm512_sub_epi32(a.v, b.v)}; }
IMBREX_OP vi mul(vi a, vi b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
IMBREX_OP vi neg(vi a) { return {_mm512_sub_epi32(_mm512_setzero_si512(), a.v)}; }
IMBREX_OP vi abs_(vi a) { return {_mm512_abs_epi32(a.v)}; }
IMBREX_OP vi min(vi a, vi b) { return {_mm512_min_epi32(a.v, b.v)}; }
IMBREX_OP vi max(vi a, vi b) { return {_mm512_max_epi32(a.v, b.v)}; }

// ---- between f32, int32 and bool ----------------------------------------------------------------------------------------------

IMBREX_OP vi truncated(vf x) { return {_mm512_cvttps_epi32(x.v)}; }  // INT32_MIN where the result is no int32
IMBREX_OP vf nearest_float(vi x) { return {_mm512_cvtepi32_ps(x.v)}; }
IMBREX_OP vf f32_of(vm x) { return {_mm512_maskz_mov_ps(x.v, _mm512_set1_ps(1.0f))}; }
IMBREX_OP vi i32_of(vm x) { return {_mm512_maskz_mov_epi32(x.v, _mm512_set1_epi32(1))}; }

IMBREX_OP vf integral_rint(vf x) { return {_mm512_roundscale_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
IMBREX_OP vf integral_trunc(vf x) { return {_mm512_roundscale_ps(x.v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)}; }
IMBREX_OP vf integral_floor(vf x) { return {_mm512_roundscale_ps(x.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
IMBREX_OP vf integral_ceil(vf x) { return {_mm512_roundscale_ps(x.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)}; }

// ---- loads: 16 lanes, or the first n and zeros --------------------------------------------------------------------------------

IMBREX_OP vf load_f32(const void* p) { return {_mm512_loadu_ps(p)}; }
IMBREX_OP vf load_f32(const void* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
IMBREX_OP vi load_i32(const void* p) { return {_mm512_loadu_si512(p)}; }
IMBREX_OP vi load_i32(const void* p, int n) { return {_mm512_maskz_loadu_epi32(first_lanes(n), p)}; }

IMBREX_OP __m256i load_16_bit_lanes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
IMBREX_OP __m256i load_16_bit_lanes(const void* p, int n) { return _mm256_maskz_loadu_epi16(first_lanes(n), p); }
IMBREX_OP __m128i load_8_bit_lanes(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
IMBREX_OP __m128i load_8_bit_lanes(const void* p, int n) { return _mm_maskz_loadu_epi8(first_lanes(n), p); }

IMBREX_OP vf f32_of_bf16(__m256i x) { return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16))}; }
IMBREX_OP vf load_bf16(const void* p) { return f32_of_bf16(load_16_bit_lanes(p)); }
IMBREX_OP vf load_bf16(const void* p, int n) { return f32_of_bf16(load_16_bit_lanes(p, n)); }
IMBREX_OP vf load_f16(const void* p) { return {_mm512_cvtph_ps(load_16_bit_lanes(p))}; }
IMBREX_OP vf load_f16(const void* p, int n) { return {_mm512_cvtph_ps(load_16_bit_lanes(p, n))}; }
IMBREX_OP vi load_i8(const void* p) { return {_mm512_cvtepi8_epi32(load_8_bit_lanes(p))}; }
IMBREX_OP vi load_i8(const void* p, int n) { return {_mm512_cvtepi8_epi32(load_8_bit_lanes(p, n))}; }
IMBREX_OP vi load_u8(const void* p) { return {_mm512_cvtepu8_epi32(load_8_bit_lanes(p))}; }
IMBREX_OP vi load_u8(const void* p, int n) { return {_mm512_cvtepu8_epi32(load_8_bit_lanes(p, n))}; }
IMBREX_OP vm load_mask(const void* p) {
  const __m128i bytes = load_8_bit_lanes(p);
  return {_mm_test_epi8_mask(bytes, bytes)};
}
IMBREX_OP vm load_mask(const void* p, int n) {
  const __m128i bytes = load_8_bit_lanes(p, n);
  return {_mm_test_epi8_mask(bytes, bytes)};
}

// ---- stores: 16 lanes, or the first n -----------------------------------------------------------------------------------------

IMBREX_OP void store_f32(void* p, vf x) { _mm512_storeu_ps(p, x.v); }
IMBREX_OP void store_f32(void* p, vf x, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), x.v); }
IMBREX_OP void store_i32(void* p, vi x) { _mm512_storeu_si512(p, x.v); }
IMBREX_OP void store_i32(void* p, vi x, int n) { _mm512_mask_storeu_epi32(p, first_lanes(n), x.v); }

IMBREX_OP void store_16_bit_lanes(void* p, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }
IMBREX_OP void store_16_bit_lanes(void* p, __m256i x, int n) { _mm256_mask_storeu_epi16(p, first_lanes(n), x); }
IMBREX_OP void store_8_bit_lanes(void* p, __m128i x) { _mm_storeu_si128(static_cast<__m128i*>(p), x); }
IMBREX_OP void store_8_bit_lanes(void* p, __m128i x, int n) { _mm_mask_storeu_epi8(p, first_lanes(n), x); }

IMBREX_OP __m256i bf16_of_f32(vf x) { return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(x.v), 16)); }
IMBREX_OP __m256i f16_of_f32(vf x) { return _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
IMBREX_OP void store_bf16(void* p, vf x) { store_16_bit_lanes(p, bf16_of_f32(x)); }
IMBREX_OP void store_bf16(void* p, vf x, int n) { store_16_bit_lanes(p, bf16_of_f32(x), n); }
IMBREX_OP void store_f16(void* p, vf x) { store_16_bit_lanes(p, f16_of_f32(x)); }
IMBREX_OP void store_f16(void* p, vf x, int n) { store_16_bit_lanes(p, f16_of_f32(x), n); }
IMBREX_OP void store_i8(void* p, vi x) { store_8_bit_lanes(p, _mm512_cvtepi32_epi8(x.v)); }
IMBREX_OP void store_i8(void* p, vi x, int n) { store_8_bit_lanes(p, _mm512_cvtepi32_epi8(x.v), n); }
IMBREX_OP void store_u8(void* p, vi x) { store_8_bit_lanes(p, _mm512_cvtepi32_epi8(x.v)); }
IMBREX_OP void store_u8(void* p, vi x, int n) { store_8_bit_lanes(p, _mm512_cvtepi32_epi8(x.v), n); }
IMBREX_OP void store_mask(void* p, vm x) { store_8_bit_lanes(p, _mm_maskz_set1_epi8(x.v, 1)); }
IMBREX_OP void store_mask(void* p, vm x, int n) { store_8_bit_lanes(p, _mm_maskz_set1_epi8(x.v, 1), n); }

// Past the caches if `streams`; p is then a multiple of what is stored.
IMBREX_OP void stream_32_bytes(void* p, __m256i x) { _mm256_stream_si256(static_cast<__m256i*>(p), x); }
IMBREX_OP void stream_bf16(void* p, vf x, bool streams) {
  if (!streams) return store_bf16(p, x);
  stream_32_bytes(p, bf16_of_f32(x));
}
IMBREX_OP void stream_f32(void* p, vf x, bool streams) {
  if (!streams) return store_f32(p, x);
  stream_32_bytes(p, _mm512_castsi512_si256(_mm512_castps_si512(x.v)));
  stream_32_bytes(static_cast<char*>(p) + 32, _mm512_extracti64x4_epi64(_mm512_castps_si512(x.v), 1));
}

// Lane i becomes lane i + lane i + w for w = 8, 4, 2, 1: lane 0.
IMBREX_OP float fold16(vf x) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// ---- permutations of 32 consecutive columns -----------------------------------------------------------------------------------

IMBREX_OP vi even(vi low, vi high) {
  const __m512i index = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return {_mm512_permutex2var_epi32(low.v, index, high.v)};
}
IMBREX_OP vi odd(vi low, vi high) {
  const __m512i index = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return {_mm512_permutex2var_epi32(low.v, index, high.v)};
}
IMBREX_OP vi interleave_lo(vi e, vi o) {
  const __m512i index = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  return {_mm512_permutex2var_epi32(e.v, index, o.v)};
}
IMBREX_OP vi interleave_hi(vi e, vi o) {
  const __m512i index = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return {_mm512_permutex2var_epi32(e.v, index, o.v)};
}

// ---- pairs of 16-bit integers in each lane ------------------------------------------------------------------------------------

// The first and third byte of each lane, and the second and fourth, as signed 16-bit integers.
IMBREX_OP vi even_bytes(vi x) { return {_mm512_srai_epi16(_mm512_slli_epi16(x.v, 8), 8)}; }
IMBREX_OP vi odd_bytes(vi x) { return {_mm512_srai_epi16(x.v, 8)}; }
// The products of a lane's two integers, added.
IMBREX_OP vi dot_of_two(vi a, vi b) { return {_mm512_madd_epi16(a.v, b.v)}; }

// ---- bytes to bf16 (isa/widening.h) --------------------------------------------------------------------------------------------

struct E4m3Times {
  __m512i high, low_bit, special_high, special_low;
  IMBREX_OP explicit E4m3Times(int exponent) {
    const E4m3Tables tables(exponent);
    high = _mm512_broadcast_i32x4(tables.high);
    low_bit = _mm512_set1_epi8(tables.low_bit);
    special_high = _mm512_broadcast_i32x4(tables.special_high);
    special_low = _mm512_broadcast_i32x4(tables.special_low);
  }
};
// 64 of them: the first 32, and the others.
struct HalvesOfBf16 {
  __m512i first, second;
};
IMBREX_OP HalvesOfBf16 widened_64(const void* from, const E4m3Times& by) {
  // Eight bytes of the first half beside eight of the second: unpacking takes eight of each sixteen at a time.
  const __m512i halves = _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0);
  const __m512i codes = _mm512_permutexvar_epi64(halves, _mm512_loadu_si512(from));
  // Few constants: they stay in registers beside sums.
  const __m512i all_but_sign = _mm512_set1_epi8(0x7f), low_four = _mm512_set1_epi8(0x0f);
  const __m512i place = _mm512_and_si512(_mm512_add_epi8(codes, _mm512_set1_epi8(1)), all_but_sign);
  const __mmask64 is_special = _mm512_cmplt_epu8_mask(place, _mm512_set1_epi8(9));
  const __m512i exponent = _mm512_and_si512(_mm512_srli_epi16(codes, 3), low_four);
  __m512i high = _mm512_shuffle_epi8(by.high, exponent);
  // (codes << 4 & ~low_four) ^ low_bit
  __m512i low = _mm512_ternarylogic_epi32(_mm512_slli_epi16(codes, 4), low_four, by.low_bit, 0x9a);
  high = _mm512_mask_shuffle_epi8(high, is_special, by.special_high, place);
  low = _mm512_mask_shuffle_epi8(low, is_special, by.special_low, place);
  // high | (codes & ~all_but_sign)
  high = _mm512_ternarylogic_epi32(high, codes, all_but_sign, 0xf4);
  return {_mm512_unpacklo_epi8(low, high), _mm512_unpackhi_epi8(low, high)};
}
IMBREX_OP void widen_64(const uint8_t* from, const E4m3Times& by, uint16_t* to) {
  const HalvesOfBf16 halves = widened_64(from, by);
  _mm512_storeu_si512(to, halves.first);
  _mm512_storeu_si512(to + 32, halves.second);
}

// ---- tiles of sums in registers (isa/matmul.h) --------------------------------------------------------------------------------

// x in registers. Without it g++ reads memory twice rather than keep what it read, and moves computations past each other.
IMBREX_OP vi in_registers(vi x) {
  __asm__("" : "+v"(x.v));
  return x;
}

// Of 32 registers, 24 hold a tile of sums.
struct TwelveRows {
  static constexpr int kRowsOfOne = 12, kRowsOfTwo = 12;
};

}  // namespace
}  // namespace imbrex::isa
