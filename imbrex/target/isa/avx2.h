// AVX2 with FMA and F16C. README.md in this folder lists every primitive.
#pragma once

#include "imbrex/target/isa/floats_avx2.h"
#include "imbrex/target/isa/peak_avx2.h"

// Over these vectors.
#include "imbrex/target/isa/bytes_in_pairs.h"

namespace imbrex::isa {
namespace {

struct DotI8 : DotInPairs<int8_t>, ThreeRows {
  static constexpr int64_t kPreparedRows = 48, kPreparedSteps = 128, kRowsOfWidened = 24;
  using Widened = DotOfWidened<DotI8>;
};
struct DotU8I8 : DotInPairs<uint8_t>, ThreeRows {
  static constexpr int64_t kPreparedRows = 48, kPreparedSteps = 128, kRowsOfWidened = 24;
  using Widened = DotOfWidened<DotU8I8>;
};

struct Vpmaddwd : PeakOfBytes {
  static constexpr double kOfStep = 16;
  IMBREX_OP static __m256i operand() {
    return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(kOperandBytes.any)));
  }
  IMBREX_OP static __m256i step(__m256i c, __m256i a) { return _mm256_add_epi32(c, _mm256_madd_epi16(a, a)); }
};
IMBREX_PEAK(vpmaddwd, Vpmaddwd)

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/common.h"
#include "imbrex/target/isa/divisor.h"
#include "imbrex/target/isa/rounding.h"
