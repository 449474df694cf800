// AVX-512 without instructions for products: F, BW, DQ and VL. README.md in this folder lists every primitive.
#pragma once

#include "imbrex/target/isa/floats_avx512.h"
#include "imbrex/target/isa/peak_avx512.h"

// Over these vectors.
#include "imbrex/target/isa/bytes_in_pairs.h"

namespace imbrex::isa {
namespace {

struct DotI8 : DotInPairs<int8_t>, TwelveRows {
  static constexpr int64_t kPreparedRows = 72, kPreparedSteps = 128;
};
struct DotU8I8 : DotInPairs<uint8_t>, TwelveRows {
  static constexpr int64_t kPreparedRows = 72, kPreparedSteps = 128;
};

struct Vpmaddwd : PeakOfBytes {
  static constexpr double kOfStep = 32;
  IMBREX_OP static __m512i operand() {
    return _mm512_cvtepi8_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(kOperandBytes.any)));
  }
  IMBREX_OP static __m512i step(__m512i c, __m512i a) { return _mm512_add_epi32(c, _mm512_madd_epi16(a, a)); }
};
IMBREX_PEAK(vpmaddwd, Vpmaddwd)

// No instruction multiplies pairs of bf16.
using DotBf16 = DotBf16Fma;

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/common.h"
#include "imbrex/target/isa/divisor_avx512.h"
#include "imbrex/target/isa/rounding.h"
