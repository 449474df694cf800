// Products of bytes for AVX2 and AVX-512 without an instruction that multiplies bytes and adds to 32 bits: that on pairs of
// 16-bit integers, which are exact for bytes and whose sum fits; the one on bytes themselves saturates. Of each group's four
// elements of k, the first and third are multiplied together, and the second and fourth.
#pragma once

#include "imbrex/target/isa/matmul.h"

namespace imbrex::isa {
namespace {

// The even elements of each group of a row beside each other, then the odd ones, as pairs of 16 bits.
IMBREX_OP __m256i pairs_of(__m256i groups) {
  return _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(groups, _MM_SHUFFLE(3, 1, 2, 0)), _MM_SHUFFLE(3, 1, 2, 0));
}
IMBREX_OP __m256i widened(__m128i bytes, int8_t) { return _mm256_cvtepi8_epi16(bytes); }
IMBREX_OP __m256i widened(__m128i bytes, uint8_t) { return _mm256_cvtepu8_epi16(bytes); }

template <class T>
struct DotInPairs : StepsOfAGroup<T> {
  using Result = int32_t;
  using Accumulator = vi;
  struct Columns {
    vi even, odd;
  };
  using Mode = AsItIs;
  static constexpr bool prepares_rows = true;
  static constexpr int64_t kBytesOfGroup = 8, kBytesOfStep = 8;
  static void prepare(const char* from, int64_t groups, char* to) {
    // Counted down: a count up to any number of groups would let g++ see positions that have no address, and warn.
    for (; groups >= 4; groups -= 4, from += 16, to += 32) {
      const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), pairs_of(widened(four, T{})));
    }
    for (; groups > 0; --groups, from += 4, to += 8) {
      const __m128i one = _mm_cvtsi32_si128(load_i32_s(from));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(pairs_of(widened(one, T{}))));
    }
  }
  IMBREX_OP static Columns load(const char* packed) {
    const vi b = in_registers(load_i32(packed));
    return {even_bytes(b), odd_bytes(b)};
  }
  static void widen(const char* panel, int64_t groups, char* to) {
    for (; groups > 0; --groups, panel += kGroupBytes, to += kGroupBytes) {
      const Columns columns = load(panel);
      store_i32(to, columns.even);
      store_i32(to + 64, columns.odd);
    }
  }
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) {
    const vi even_a = broadcast_i(load_i32_s(a)), odd_a = broadcast_i(load_i32_s(a + 4));
    // Else g++ would move one row's products before another's additions and run out of registers. Were it the sum that is held,
    // g++ would copy it, too.
    return add(sum, in_registers(add(dot_of_two(b.even, even_a), dot_of_two(b.odd, odd_a))));
  }
};

// Of columns that Dot widened.
template <class Dot>
struct DotOfWidened : Dot {
  IMBREX_OP static typename Dot::Columns load(const char* widened) { return {load_i32(widened), load_i32(widened + 64)}; }
};

}  // namespace
}  // namespace imbrex::isa
