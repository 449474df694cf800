// Vectors of sixteen lanes for AVX2 with FMA and F16C: two registers each.
#pragma once

#include <immintrin.h>

#include "imbrex/target/isa/e4m3_tables.h"
#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

struct vf {
  __m256 low, high;
};
struct vi {
  __m256i low, high;
};
struct vm {
  __m256i low, high;
};  // all ones or all zeros in each lane

template <>
struct Lanes<vf> {
  using Int = vi;
  using Mask = vm;
};

// ---- making, bits -------------------------------------------------------------------------------------------------------------

IMBREX_OP vf broadcast(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
IMBREX_OP vi broadcast_i(int32_t value) { return {_mm256_set1_epi32(value), _mm256_set1_epi32(value)}; }
IMBREX_OP vi iota_i(int32_t first) {
  const __m256i low = _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  return {low, _mm256_add_epi32(low, _mm256_set1_epi32(8))};
}
template <>
IMBREX_OP vf fill<vf>(float value) {
  return broadcast(value);
}
template <>
IMBREX_OP vi fill_i<vi>(int32_t value) {
  return broadcast_i(value);
}

IMBREX_OP vi bits_of(vf x) { return {_mm256_castps_si256(x.low), _mm256_castps_si256(x.high)}; }
IMBREX_OP vf float_of_bits(vi x) { return {_mm256_castsi256_ps(x.low), _mm256_castsi256_ps(x.high)}; }
template <int n>
IMBREX_OP vi shift_left(vi a) {
  return {_mm256_slli_epi32(a.low, n), _mm256_slli_epi32(a.high, n)};
}
template <int n>
IMBREX_OP vi shift_right(vi a) {
  return {_mm256_srli_epi32(a.low, n), _mm256_srli_epi32(a.high, n)};
}
template <int n>
IMBREX_OP vi shift_right_signed(vi a) {
  return {_mm256_srai_epi32(a.low, n), _mm256_srai_epi32(a.high, n)};
}

// ---- operations that are one instruction on each half -------------------------------------------------------------------------

#define IMBREX_UNARY(name, R, T, instruction) \
  IMBREX_OP R name(T x) { return {instruction(x.low), instruction(x.high)}; }
#define IMBREX_BINARY(name, T, instruction) \
  IMBREX_OP T name(T a, T b) { return {instruction(a.low, b.low), instruction(a.high, b.high)}; }
#define IMBREX_COMPARISON(name, condition)                                  \
  IMBREX_OP vm name(vf a, vf b) {                                           \
    return {_mm256_castps_si256(_mm256_cmp_ps(a.low, b.low, condition)),    \
            _mm256_castps_si256(_mm256_cmp_ps(a.high, b.high, condition))}; \
  }
#define IMBREX_INTEGRAL(name, mode)                                                                               \
  IMBREX_OP vf name(vf x) {                                                                                       \
    return {_mm256_round_ps(x.low, mode | _MM_FROUND_NO_EXC), _mm256_round_ps(x.high, mode | _MM_FROUND_NO_EXC)}; \
  }
IMBREX_BINARY(bit_and, vi, _mm256_and_si256)
IMBREX_BINARY(bit_or, vi, _mm256_or_si256)
IMBREX_BINARY(bit_xor, vi, _mm256_xor_si256)

IMBREX_BINARY(add, vf, _mm256_add_ps)
IMBREX_BINARY(sub, vf, _mm256_sub_ps)
IMBREX_BINARY(mul, vf, _mm256_mul_ps)
IMBREX_BINARY(div, vf, _mm256_div_ps)
IMBREX_UNARY(sqrt_, vf, vf, _mm256_sqrt_ps)
IMBREX_BINARY(add, vi, _mm256_add_epi32)
IMBREX_BINARY(sub, vi, _mm256_sub_epi32)
IMBREX_BINARY(mul, vi, _mm256_mullo_epi32)
IMBREX_BINARY(min, vi, _mm256_min_epi32)
IMBREX_BINARY(max, vi, _mm256_max_epi32)
IMBREX_UNARY(abs_, vi, vi, _mm256_abs_epi32)

IMBREX_COMPARISON(eq, _CMP_EQ_OQ)
IMBREX_COMPARISON(ne, _CMP_NEQ_UQ)
IMBREX_COMPARISON(lt, _CMP_LT_OQ)
IMBREX_COMPARISON(le, _CMP_LE_OQ)
IMBREX_COMPARISON(gt, _CMP_GT_OQ)
IMBREX_COMPARISON(ge, _CMP_GE_OQ)

IMBREX_UNARY(truncated, vi, vf, _mm256_cvttps_epi32)  // INT32_MIN where the result is no int32
IMBREX_UNARY(nearest_float, vf, vi, _mm256_cvtepi32_ps)
IMBREX_INTEGRAL(integral_rint, _MM_FROUND_TO_NEAREST_INT)
IMBREX_INTEGRAL(integral_trunc, _MM_FROUND_TO_ZERO)
IMBREX_INTEGRAL(integral_floor, _MM_FROUND_TO_NEG_INF)
IMBREX_INTEGRAL(integral_ceil, _MM_FROUND_TO_POS_INF)
#undef IMBREX_UNARY
#undef IMBREX_BINARY
#undef IMBREX_COMPARISON
#undef IMBREX_INTEGRAL

// ---- the other comparisons, selection, arithmetic -----------------------------------------------------------------------------

IMBREX_OP vm inverse(vm x) {
  const __m256i ones = _mm256_set1_epi32(-1);
  return {_mm256_xor_si256(x.low, ones), _mm256_xor_si256(x.high, ones)};
}
IMBREX_OP vm eq(vi a, vi b) { return {_mm256_cmpeq_epi32(a.low, b.low), _mm256_cmpeq_epi32(a.high, b.high)}; }
IMBREX_OP vm gt(vi a, vi b) { return {_mm256_cmpgt_epi32(a.low, b.low), _mm256_cmpgt_epi32(a.high, b.high)}; }
IMBREX_OP vm lt(vi a, vi b) { return gt(b, a); }
IMBREX_OP vm ne(vi a, vi b) { return inverse(eq(a, b)); }
IMBREX_OP vm le(vi a, vi b) { return inverse(gt(a, b)); }
IMBREX_OP vm ge(vi a, vi b) { return inverse(gt(b, a)); }

IMBREX_OP vi select(vm condition, vi a, vi b) {
  return {_mm256_blendv_epi8(b.low, a.low, condition.low), _mm256_blendv_epi8(b.high, a.high, condition.high)};
}
IMBREX_OP vm select(vm condition, vm a, vm b) {
  return {_mm256_blendv_epi8(b.low, a.low, condition.low), _mm256_blendv_epi8(b.high, a.high, condition.high)};
}
IMBREX_OP vf select(vm condition, vf a, vf b) { return float_of_bits(select(condition, bits_of(a), bits_of(b))); }

IMBREX_OP vf neg(vf a) { return float_of_bits(bit_xor(bits_of(a), broadcast_i(INT32_MIN))); }
IMBREX_OP vf abs_(vf a) { return float_of_bits(bit_and(bits_of(a), broadcast_i(INT32_MAX))); }
IMBREX_OP vi neg(vi a) { return sub(broadcast_i(0), a); }
// The instruction gives its second operand for a NaN and for two zeros; both orders together decide. OR of the two keeps a NaN
// (its exponent and one bit below) and makes -0 of unlike zeros; AND makes +0, and OR with the unordered lanes' ones makes NaN.
IMBREX_OP __m256 min(__m256 a, __m256 b) { return _mm256_or_ps(_mm256_min_ps(a, b), _mm256_min_ps(b, a)); }
IMBREX_OP __m256 max(__m256 a, __m256 b) {
  return _mm256_or_ps(_mm256_and_ps(_mm256_max_ps(a, b), _mm256_max_ps(b, a)), _mm256_cmp_ps(a, b, _CMP_UNORD_Q));
}
// The instructions give their second operand where it is NaN.
IMBREX_OP __m256 clamp(__m256 x, float low, float high) {
  return _mm256_min_ps(_mm256_set1_ps(high), _mm256_max_ps(_mm256_set1_ps(low), x));
}
IMBREX_OP vf clamp(vf x, float low, float high) { return {clamp(x.low, low, high), clamp(x.high, low, high)}; }
IMBREX_OP vf min(vf a, vf b) { return {min(a.low, b.low), min(a.high, b.high)}; }
IMBREX_OP vf max(vf a, vf b) { return {max(a.low, b.low), max(a.high, b.high)}; }

IMBREX_OP vi i32_of(vm x) { return bit_and({x.low, x.high}, broadcast_i(1)); }
IMBREX_OP vf f32_of(vm x) { return float_of_bits(bit_and({x.low, x.high}, broadcast_i(0x3f800000))); }

// ---- loads: 16 lanes, or the first n and zeros --------------------------------------------------------------------------------

IMBREX_OP vm first_lanes(int n) { return lt(iota_i(0), broadcast_i(n)); }

IMBREX_OP vi load_i32(const void* p) {
  const __m256i* const halves = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}
IMBREX_OP vi load_i32(const void* p, int n) {
  const int* const lanes = static_cast<const int*>(p);
  const vm wanted = first_lanes(n);
  return {_mm256_maskload_epi32(lanes, wanted.low), _mm256_maskload_epi32(lanes + 8, wanted.high)};
}
IMBREX_OP vf load_f32(const void* p) { return float_of_bits(load_i32(p)); }
IMBREX_OP vf load_f32(const void* p, int n) { return float_of_bits(load_i32(p, n)); }

// AVX2 masks no lanes smaller than 32 bits: a copy of the bytes that exist is loaded, and stored from.
template <int bytes_per_lane>
struct LanesInMemory {
  alignas(32) char bytes[16 * bytes_per_lane];
  LanesInMemory() = default;
  IMBREX_OP LanesInMemory(const void* p, int n) : bytes{} { memcpy(bytes, p, static_cast<size_t>(n * bytes_per_lane)); }
  IMBREX_OP void copy_to(void* p, int n) const { memcpy(p, bytes, static_cast<size_t>(n * bytes_per_lane)); }
};

IMBREX_OP vf load_bf16(const void* p) {
  const __m128i* const halves = static_cast<const __m128i*>(p);
  return float_of_bits(
      shift_left<16>(vi{_mm256_cvtepu16_epi32(_mm_loadu_si128(halves)), _mm256_cvtepu16_epi32(_mm_loadu_si128(halves + 1))}));
}
IMBREX_OP vf load_f16(const void* p) {
  const __m128i* const halves = static_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
}
IMBREX_OP vi load_i8(const void* p) {
  const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(p));
  return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))};
}
IMBREX_OP vi load_u8(const void* p) {
  const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(p));
  return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}
IMBREX_OP vm load_mask(const void* p) { return ne(load_u8(p), broadcast_i(0)); }
IMBREX_OP vf load_bf16(const void* p, int n) { return load_bf16(LanesInMemory<2>(p, n).bytes); }
IMBREX_OP vf load_f16(const void* p, int n) { return load_f16(LanesInMemory<2>(p, n).bytes); }
IMBREX_OP vi load_i8(const void* p, int n) { return load_i8(LanesInMemory<1>(p, n).bytes); }
IMBREX_OP vi load_u8(const void* p, int n) { return load_u8(LanesInMemory<1>(p, n).bytes); }
IMBREX_OP vm load_mask(const void* p, int n) { return load_mask(LanesInMemory<1>(p, n).bytes); }

// ---- stores: 16 lanes, or the first n -----------------------------------------------------------------------------------------

IMBREX_OP void store_i32(void* p, vi x) {
  __m256i* const halves = static_cast<__m256i*>(p);
  _mm256_storeu_si256(halves, x.low);
  _mm256_storeu_si256(halves + 1, x.high);
}
IMBREX_OP void store_i32(void* p, vi x, int n) {
  int* const lanes = static_cast<int*>(p);
  const vm wanted = first_lanes(n);
  _mm256_maskstore_epi32(lanes, wanted.low, x.low);
  _mm256_maskstore_epi32(lanes + 8, wanted.high, x.high);
}
IMBREX_OP void store_f32(void* p, vf x) { store_i32(p, bits_of(x)); }
IMBREX_OP void store_f32(void* p, vf x, int n) { store_i32(p, bits_of(x), n); }

// The low 16 bits of each lane: packing works on 128-bit quarters, whose order is put right.
IMBREX_OP __m256i low_halves(vi x) {
  const vi cut = bit_and(x, broadcast_i(0xffff));
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(cut.low, cut.high), _MM_SHUFFLE(3, 1, 2, 0));
}
IMBREX_OP __m128i low_bytes(vi x) {
  const __m256i halves = low_halves(bit_and(x, broadcast_i(0xff)));
  return _mm_packus_epi16(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}
IMBREX_OP void store_bf16(void* p, vf x) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), low_halves(shift_right<16>(bits_of(x))));
}
IMBREX_OP void store_f16(void* p, vf x) {
  __m128i* const halves = static_cast<__m128i*>(p);
  _mm_storeu_si128(halves, _mm256_cvtps_ph(x.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  _mm_storeu_si128(halves + 1, _mm256_cvtps_ph(x.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
IMBREX_OP void store_i8(void* p, vi x) { _mm_storeu_si128(static_cast<__m128i*>(p), low_bytes(x)); }
IMBREX_OP void store_u8(void* p, vi x) { store_i8(p, x); }
IMBREX_OP void store_mask(void* p, vm x) { store_i8(p, i32_of(x)); }

#define IMBREX_PARTIAL_STORE(name, T, bytes_per_lane) \
  IMBREX_OP void name(void* p, T x, int n) {          \
    LanesInMemory<bytes_per_lane> lanes;              \
    name(lanes.bytes, x);                             \
    lanes.copy_to(p, n);                              \
  }
IMBREX_PARTIAL_STORE(store_bf16, vf, 2)
IMBREX_PARTIAL_STORE(store_f16, vf, 2)
IMBREX_PARTIAL_STORE(store_i8, vi, 1)
IMBREX_PARTIAL_STORE(store_u8, vi, 1)
IMBREX_PARTIAL_STORE(store_mask, vm, 1)
#undef IMBREX_PARTIAL_STORE

// Past the caches if `streams`; p is then a multiple of what is stored.
IMBREX_OP void stream_32_bytes(void* p, __m256i x) { _mm256_stream_si256(static_cast<__m256i*>(p), x); }
IMBREX_OP void stream_bf16(void* p, vf x, bool streams) {
  if (!streams) return store_bf16(p, x);
  stream_32_bytes(p, low_halves(shift_right<16>(bits_of(x))));
}
IMBREX_OP void stream_f32(void* p, vf x, bool streams) {
  if (!streams) return store_f32(p, x);
  stream_32_bytes(p, _mm256_castps_si256(x.low));
  stream_32_bytes(static_cast<char*>(p) + 32, _mm256_castps_si256(x.high));
}

// Lane i becomes lane i + lane i + w for w = 8, 4, 2, 1: lane 0.
IMBREX_OP float fold16(vf x) {
  const __m256 eight = _mm256_add_ps(x.low, x.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// ---- permutations of 32 consecutive columns -----------------------------------------------------------------------------------

// The even (or odd) lanes of two registers one after the other.
template <int first>
IMBREX_OP __m256i every_second(__m256i a, __m256i b) {
  constexpr int pick = first == 0 ? _MM_SHUFFLE(2, 0, 2, 0) : _MM_SHUFFLE(3, 1, 3, 1);
  const __m256 quarters = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), pick);
  return _mm256_permute4x64_epi64(_mm256_castps_si256(quarters), _MM_SHUFFLE(3, 1, 2, 0));
}
IMBREX_OP vi even(vi low, vi high) { return {every_second<0>(low.low, low.high), every_second<0>(high.low, high.high)}; }
IMBREX_OP vi odd(vi low, vi high) { return {every_second<1>(low.low, low.high), every_second<1>(high.low, high.high)}; }

IMBREX_OP vi interleaved(__m256i e, __m256i o) {
  const __m256i outer = _mm256_unpacklo_epi32(e, o), inner = _mm256_unpackhi_epi32(e, o);
  return {_mm256_permute2x128_si256(outer, inner, 0x20), _mm256_permute2x128_si256(outer, inner, 0x31)};
}
IMBREX_OP vi interleave_lo(vi e, vi o) { return interleaved(e.low, o.low); }
IMBREX_OP vi interleave_hi(vi e, vi o) { return interleaved(e.high, o.high); }

// ---- pairs of 16-bit integers in each lane ------------------------------------------------------------------------------------

// The first and third byte of each lane, and the second and fourth, as signed 16-bit integers.
IMBREX_OP vi even_bytes(vi x) {
  return {_mm256_srai_epi16(_mm256_slli_epi16(x.low, 8), 8), _mm256_srai_epi16(_mm256_slli_epi16(x.high, 8), 8)};
}
IMBREX_OP vi odd_bytes(vi x) { return {_mm256_srai_epi16(x.low, 8), _mm256_srai_epi16(x.high, 8)}; }
// The products of a lane's two integers, added.
IMBREX_OP vi dot_of_two(vi a, vi b) { return {_mm256_madd_epi16(a.low, b.low), _mm256_madd_epi16(a.high, b.high)}; }

// ---- bytes to bf16 (isa/widening.h) --------------------------------------------------------------------------------------------

struct E4m3Times {
  __m256i high, low_bit, special_high, special_low;
  IMBREX_OP explicit E4m3Times(int exponent) {
    const E4m3Tables tables(exponent);
    high = _mm256_broadcastsi128_si256(tables.high);
    low_bit = _mm256_set1_epi8(tables.low_bit);
    special_high = _mm256_broadcastsi128_si256(tables.special_high);
    special_low = _mm256_broadcastsi128_si256(tables.special_low);
  }
};
IMBREX_OP void widen_32(const uint8_t* from, const E4m3Times& by, uint16_t* to) {
  // Eight bytes of the first half beside eight of the second: unpacking takes eight of each sixteen at a time.
  const __m256i codes =
      _mm256_permute4x64_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)), _MM_SHUFFLE(3, 1, 2, 0));
  const __m256i place = _mm256_and_si256(_mm256_add_epi8(codes, _mm256_set1_epi8(1)), _mm256_set1_epi8(0x7f));
  const __m256i is_special = _mm256_cmpgt_epi8(_mm256_set1_epi8(9), place);
  const __m256i exponent = _mm256_and_si256(_mm256_srli_epi16(codes, 3), _mm256_set1_epi8(0x0f));
  const __m256i mantissa = _mm256_and_si256(_mm256_slli_epi16(codes, 4), _mm256_set1_epi8(static_cast<char>(0xf0)));
  __m256i high = _mm256_shuffle_epi8(by.high, exponent), low = _mm256_xor_si256(mantissa, by.low_bit);
  high = _mm256_blendv_epi8(high, _mm256_shuffle_epi8(by.special_high, place), is_special);
  low = _mm256_blendv_epi8(low, _mm256_shuffle_epi8(by.special_low, place), is_special);
  high = _mm256_or_si256(high, _mm256_and_si256(codes, _mm256_set1_epi8(static_cast<char>(0x80))));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_unpacklo_epi8(low, high));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 16), _mm256_unpackhi_epi8(low, high));
}
IMBREX_OP void widen_64(const uint8_t* from, const E4m3Times& by, uint16_t* to) {
  widen_32(from, by, to);
  widen_32(from + 32, by, to + 32);
}

// ---- tiles of sums in registers (isa/matmul.h) --------------------------------------------------------------------------------

// x in registers. Without it g++ reads memory twice rather than keep what it read, and moves computations past each other.
IMBREX_OP vi in_registers(vi x) {
  __asm__("" : "+x"(x.low), "+x"(x.high));
  return x;
}

// Of 16 registers, 6 hold a tile of C and 4 a group of B; with a fourth row g++ 12 keeps part of it on the stack.
struct ThreeRows {
  static constexpr int kRowsOfOne = 3, kRowsOfTwo = 1;
};
// 12 or 8 hold a tile of C, and 2 or 4 a group of B that needs no room to be widened.
struct SixRows {
  static constexpr int kRowsOfOne = 6, kRowsOfTwo = 2;
};

}  // namespace
}  // namespace imbrex::isa
