// e4m3 times a power of two as bf16, on x86-64: two tables of sixteen bytes for the high bytes of results, one for low bytes.
//
// Exponents of e4m3 and bf16 differ by 120. A code's exponent, four bits, chooses the high byte in `high`; the low byte is the code's
// low four bits, of which the highest is exchanged where `low_bit` says so. Magnitudes below 8, which are multiples of 2^-9, and
// 0x7f, which is NaN, have their bytes in `special_high` and `special_low`: one more than the magnitude, modulo 128, is their place.
#pragma once

#include <emmintrin.h>
#include <stdint.h>

#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

struct E4m3Tables {
  __m128i high, special_high, special_low;
  char low_bit;
  // Times 2^exponent, such that all results are normal.
  IMBREX_OP explicit E4m3Tables(int exponent) {
    const int of_zero = 120 + exponent;
    const __m128i in_order = _mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m128i exponents = _mm_add_epi8(_mm_set1_epi8(static_cast<char>(of_zero)), in_order);
    high = _mm_and_si128(_mm_srli_epi16(exponents, 1), _mm_set1_epi8(0x7f));
    low_bit = static_cast<char>((of_zero & 1) << 7);
    const __m128i moves = _mm_set_epi16(-1, -1, -1, -1, -1, -1, 0, 0),
                  scale = _mm_set1_epi16(static_cast<int16_t>(exponent * 128));
    const __m128i first = _mm_set_epi16(0x3c40, 0x3c20, 0x3c00, 0x3bc0, 0x3b80, 0x3b00, 0, 0x7fc0);
    const __m128i small = _mm_add_epi16(first, _mm_and_si128(scale, moves));
    const __m128i last = _mm_add_epi16(_mm_set1_epi16(0x3c60), scale), low_byte = _mm_set1_epi16(0xff);
    special_high = _mm_packus_epi16(_mm_srli_epi16(small, 8), _mm_srli_epi16(last, 8));
    special_low = _mm_packus_epi16(_mm_and_si128(small, low_byte), _mm_and_si128(last, low_byte));
  }
};

}  // namespace
}  // namespace imbrex::isa
