// Products of f32 and bf16 by FMA for AVX-512.
#pragma once

#include "imbrex/target/isa/vectors_avx512.h"

namespace imbrex::isa {
namespace {

// Of pairs of bf16, as f32.
IMBREX_OP __m512 even_floats(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
IMBREX_OP __m512 odd_floats(__m512i pairs) {
  return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int32_t>(0xffff0000))));
}

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/matmul.h"

namespace imbrex::isa {
namespace {

// Products of bf16. FlushToZero makes the additions flush, too.
struct DotOfBlocks : StepsOfABlock, TwelveRows {
  static constexpr int kVectorsOfBothChains = 8;
  static constexpr int kRowsOfExpanded = 4;
  using OfExpanded = struct DotBf16Fma;
  using Mode = FlushToZero;
  IMBREX_OP static vf sum(vf c, vf first, vf second) { return add(c, add(first, second)); }
};

// The form of the instruction that overwrites the sum: g++ takes others for its intrinsic, and copies sums from register to
// register, which takes a port from the products.
IMBREX_OP void add_product(vf& sum, __m512 b, const char* a) {
  const __m512 element = _mm512_set1_ps(load_f32_s(a));
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum.v) : "v"(b), "v"(element));
}

// As f32: of each pair the odd elements first, then the even ones. Where there is an instruction for the pair, Intel's cores
// still take half of its time for this.
struct DotBf16Fma : DotOfBlocks {
  struct Columns {
    __m512 even, odd;
  };
  static constexpr bool prepares_rows = true;
  static constexpr int64_t kPreparedRows = 72, kPreparedSteps = 8;
  static constexpr int64_t kBytesOfGroup = 8, kBytesOfChain = 64, kBytesOfStep = 128;
  static void prepare(const char* from, int64_t steps, char* to) {
    for (; steps > 0; --steps, from += 64, to += kBytesOfStep) {
      store_f32(to, load_bf16(from));
      store_f32(to + kBytesOfChain, load_bf16(from + 32));
    }
  }
  IMBREX_OP static Columns of_pairs(__m512i pairs) { return {even_floats(pairs), odd_floats(pairs)}; }
  IMBREX_OP static Columns load(const char* packed) { return of_pairs(_mm512_load_si512(packed)); }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    add_product(sum, b.odd, a + 4);
    add_product(sum, b.even, a);
    return sum;
  }

  // Of e4m3 (isa/expanded_few_rows.h).
  IMBREX_OP static HalvesOfBf16 widened(const char* bytes, const E4m3Times& by) { return widened_64(bytes, by); }
  // The even columns of 32, and the odd ones.
  IMBREX_OP static void load_normal_codes(const char* bytes, Columns& even_columns, Columns& odd_columns) {
    const __m512i places = _mm512_set1_epi16(static_cast<int16_t>(0x87f0)), exponent = _mm512_set1_epi16(0x3800);
    const __m512i codes = _mm512_load_si512(bytes);
    // (shifted & places) | exponent
    const __m512i odd = _mm512_ternarylogic_epi32(_mm512_srai_epi16(codes, 4), places, exponent, 0xea);
    const __m512i even = _mm512_ternarylogic_epi32(_mm512_srai_epi16(_mm512_slli_epi16(codes, 8), 4), places, exponent, 0xea);
    even_columns = {even_floats(even), even_floats(odd)};
    odd_columns = {odd_floats(even), odd_floats(odd)};
  }
  IMBREX_OP static vf sum_scaled(vf c, vf sum, vf times) { return {_mm512_fmadd_ps(sum.v, times.v, c.v)}; }
};

struct DotF32 : StepsOfAGroup<float>, TwelveRows {
  using Result = float;
  using Accumulator = vf;
  using Columns = __m512;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return _mm512_load_ps(packed); }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    add_product(sum, b, a);
    return sum;
  }
};

IMBREX_MATMUL(matmul_bf16_fma, DotBf16Fma, uint16_t, packed_bf16, float)

}  // namespace
}  // namespace imbrex::isa
