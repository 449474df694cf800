// Vectors of sixteen lanes for AVX-512 (F, BW, DQ, VL, VNNI, BF16). README.md in this folder lists every primitive.
#pragma once

// g++ 12 takes the undefined registers of its own intrinsics for forgotten variables (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "imbrex/target/isa/lane.h"
#include "imbrex/target/isa/products.h"

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

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/reductions.h"

namespace imbrex::isa {
namespace {

// ---- what the contractions are made of (isa/matmul.h) -------------------------------------------------------------------------

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/steps.h"

namespace imbrex::isa {
namespace {

// Of 32 registers, 24 hold a tile of sums.
struct TwelveRows {
  static constexpr int kRowsOfOne = 12, kRowsOfTwo = 12;
};

// A's bytes plus 128, unsigned, by the instruction's rule: (a + 128) . b, less 128 times the sum of b where the sums start.
IMBREX_OP __m512i plus_128(__m512i bytes) { return _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)); }

// Two ways to the product of int8 matrices. Here each group is flipped in a register: on Zen 4 that takes no time from the
// products.
struct DotI8 : StepsOfAGroup<int8_t>, TwelveRows {
  using Result = int32_t;
  using Accumulator = vi;
  using Columns = __m512i;
  using Mode = AsItIs;
  using Fetching = FetchingByRows;
  static constexpr bool needs_corrections = true;
  IMBREX_OP static Columns load(const char* packed) { return _mm512_load_si512(packed); }
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) {
    return {_mm512_dpbusd_epi32(sum.v, plus_128(_mm512_set1_epi32(load_i32_s(a))), b)};
  }
};

// Here the rows are flipped once, into a copy: on Intel's cores the flip would take a port from the products.
struct DotI8Flipped : DotI8 {
  using Fetching = FetchingFarAhead;
  static constexpr bool prepares_rows = true;
  static constexpr int64_t kPreparedRows = 72, kPreparedSteps = 256;
  static void prepare(const char* from, int64_t groups, char* to) {
    int64_t g = 0;
    for (; g + 16 <= groups; g += 16) _mm512_storeu_si512(to + 4 * g, plus_128(_mm512_loadu_si512(from + 4 * g)));
    const __mmask16 rest = first_lanes(static_cast<int>(groups - g));
    _mm512_mask_storeu_epi32(to + 4 * g, rest, plus_128(_mm512_maskz_loadu_epi32(rest, from + 4 * g)));
  }
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) {
    return {_mm512_dpbusd_epi32(sum.v, _mm512_set1_epi32(load_i32_s(a)), b)};
  }
};

struct DotU8I8 : StepsOfAGroup<uint8_t>, TwelveRows {
  using Result = int32_t;
  using Accumulator = vi;
  using Columns = __m512i;
  using Mode = AsItIs;
  using Fetching = FetchingByRows;
  IMBREX_OP static Columns load(const char* packed) { return _mm512_load_si512(packed); }
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) {
    return {_mm512_dpbusd_epi32(sum.v, _mm512_set1_epi32(load_i32_s(a)), b)};
  }
};

// Products of bf16. FlushToZero makes the additions flush, too.
struct DotOfBlocks : StepsOfABlock, TwelveRows {
  using Mode = FlushToZero;
  IMBREX_OP static vf sum(vf c, vf first, vf second) { return add(c, add(first, second)); }
};

// Here by the instruction for it, which is fast on Zen 4. It takes a pair at a time, the odd element first.
struct DotBf16 : DotOfBlocks {
  using Columns = __m512i;
  using Fetching = FetchingByRows;
  IMBREX_OP static Columns load(const char* packed) { return _mm512_load_si512(packed); }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    return {_mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(b), reinterpret_cast<__m512bh>(_mm512_set1_epi32(load_i32_s(a))))};
  }
};

// The form of the instruction that overwrites the sum: g++ takes others for its intrinsic, and copies sums from register to
// register, which takes a port from the products.
IMBREX_OP void add_product(vf& sum, __m512 b, const char* a) {
  const __m512 element = _mm512_set1_ps(load_f32_s(a));
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum.v) : "v"(b), "v"(element));
}

IMBREX_OP __m512 even_floats(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
IMBREX_OP __m512 odd_floats(__m512i pairs) {
  return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int32_t>(0xffff0000))));
}

// Here by what that instruction does, as f32: of each pair the odd elements first, then the even ones. Intel's cores take half
// the time for that.
struct DotBf16Fma : DotOfBlocks {
  struct Columns {
    __m512 even, odd;
  };
  using Fetching = FetchingFarAhead;
  static constexpr bool prepares_rows = true;
  static constexpr int64_t kPreparedRows = 72, kPreparedSteps = 8;
  static constexpr int64_t kBytesOfGroup = 8, kBytesOfChain = 64, kBytesOfStep = 128;
  static void prepare(const char* from, int64_t steps, char* to) {
    for (; steps > 0; --steps, from += 64, to += kBytesOfStep) {
      store_f32(to, load_bf16(from));
      store_f32(to + kBytesOfChain, load_bf16(from + 32));
    }
  }
  IMBREX_OP static Columns load(const char* packed) {
    const __m512i pairs = _mm512_load_si512(packed);
    return {even_floats(pairs), odd_floats(pairs)};
  }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    add_product(sum, b.odd, a + 4);
    add_product(sum, b.even, a);
    return sum;
  }
};

struct DotF32 : StepsOfAGroup<float>, TwelveRows {
  using Result = float;
  using Accumulator = vf;
  using Columns = __m512;
  using Mode = AsItIs;
  using Fetching = FetchingByRows;
  IMBREX_OP static Columns load(const char* packed) { return _mm512_load_ps(packed); }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    add_product(sum, b, a);
    return sum;
  }
};

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/common.h"
#include "imbrex/target/isa/divisor_avx512.h"

namespace imbrex::isa {
namespace {

IMBREX_MATMUL(matmul_i8_flipped, DotI8Flipped, int8_t, int32_t)
IMBREX_MATMUL(matmul_bf16_fma, DotBf16Fma, uint16_t, float)

// store_bf16(p, round_bf16_rint(x)). The instruction that rounds takes subnormals as zero; they are rare.
inline __attribute__((noinline)) void store_bf16_rint_subnormal(void* p, vf x, int n) { store_bf16(p, round_bf16_rint(x), n); }
inline __attribute__((noinline)) void store_bf16_rint_subnormal(void* p, vf_pair x) {
  store_bf16(p, round_bf16_rint(x.low));
  store_bf16(static_cast<char*>(p) + 32, round_bf16_rint(x.high));
}
IMBREX_OP bool has_subnormal(vf x) { return _mm512_fpclass_ps_mask(x.v, 0x20) != 0; }
IMBREX_OP bool has_subnormal(vf_pair x) {
  return !_kortestz_mask16_u8(_mm512_fpclass_ps_mask(x.low.v, 0x20), _mm512_fpclass_ps_mask(x.high.v, 0x20));
}
IMBREX_OP void store_bf16_rint(void* p, vf x) {
  if (__builtin_expect(has_subnormal(x), false)) return store_bf16_rint_subnormal(p, x, 16);
  store_16_bit_lanes(p, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x.v)));
}
IMBREX_OP void store_bf16_rint(void* p, vf x, int n) {
  if (__builtin_expect(has_subnormal(x), false)) return store_bf16_rint_subnormal(p, x, n);
  store_16_bit_lanes(p, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x.v)), n);
}
IMBREX_OP void store_bf16_rint(void* p, vf_pair x) {
  if (__builtin_expect(has_subnormal(x), false)) return store_bf16_rint_subnormal(p, x);
  _mm512_storeu_si512(p, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(x.high.v, x.low.v)));
}

// The same past the caches if `streams`; p is then a multiple of what is stored.
IMBREX_OP void stream_32_bytes(void* p, __m256i x) { _mm256_stream_si256(static_cast<__m256i*>(p), x); }
IMBREX_OP void stream_bf16(void* p, vf x, bool streams) {
  if (!streams) return store_bf16(p, x);
  stream_32_bytes(p, bf16_of_f32(x));
}
IMBREX_OP void stream_bf16_rint(void* p, vf x, bool streams) {
  if (!streams || __builtin_expect(has_subnormal(x), false)) return store_bf16_rint(p, x);
  stream_32_bytes(p, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x.v)));
}
IMBREX_OP void stream_bf16_rint(void* p, vf_pair x, bool streams) {
  if (__builtin_expect(!streams, false) || __builtin_expect(has_subnormal(x), false)) return store_bf16_rint(p, x);
  _mm512_stream_si512(static_cast<__m512i*>(p), reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(x.high.v, x.low.v)));
}
IMBREX_OP void stream_f32(void* p, vf x, bool streams) {
  if (!streams) return store_f32(p, x);
  stream_32_bytes(p, _mm512_castsi512_si256(_mm512_castps_si512(x.v)));
  stream_32_bytes(static_cast<char*>(p) + 32, _mm512_extracti64x4_epi64(_mm512_castps_si512(x.v), 1));
}

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/peak.h"

namespace imbrex::isa {
namespace {

struct Vpdpbusd {
  using Operand = __m512i;
  using Sum = __m512i;
  static constexpr double kOfStep = 64;
  IMBREX_OP static __m512i operand() { return _mm512_load_si512(kOperandBytes.any); }
  IMBREX_OP static __m512i zero() { return _mm512_setzero_si512(); }
  IMBREX_OP static void hide(__m512i& x) { __asm__ volatile("" : "+v"(x)); }
  IMBREX_OP static __m512i step(__m512i c, __m512i a) { return _mm512_dpbusd_epi32(c, a, a); }
};
struct Vfmadd231ps {
  using Operand = __m512;
  using Sum = __m512;
  static constexpr double kOfStep = 16;
  IMBREX_OP static __m512 operand() { return _mm512_load_ps(kOperandBytes.floats); }
  IMBREX_OP static __m512 zero() { return _mm512_setzero_ps(); }
  IMBREX_OP static void hide(__m512& x) { __asm__ volatile("" : "+v"(x)); }
  IMBREX_OP static __m512 step(__m512 c, __m512 a) { return _mm512_fmadd_ps(a, a, c); }
};
struct Vdpbf16ps : Vfmadd231ps {
  static constexpr double kOfStep = 32;
  IMBREX_OP static __m512 step(__m512 c, __m512 a) {
    return _mm512_dpbf16_ps(c, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(a));
  }
};
struct MulAdd : Vfmadd231ps {
  static constexpr double kOfStep = 2 * 16;
  IMBREX_OP static __m512 step(__m512 c, __m512 a) { return _mm512_add_ps(_mm512_mul_ps(c, a), a); }
};
IMBREX_PEAK(vpdpbusd, Vpdpbusd)
IMBREX_PEAK(vfmadd231ps, Vfmadd231ps)
IMBREX_PEAK(vdpbf16ps, Vdpbf16ps)
IMBREX_PEAK(vector, MulAdd)

}  // namespace
}  // namespace imbrex::isa
