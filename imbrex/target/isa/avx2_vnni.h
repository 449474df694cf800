// AVX2 with FMA and F16C, and AVX-VNNI: the products of bytes that AVX-512 has, on 256 bits. README.md in this folder lists every
// primitive.
#pragma once

#include "imbrex/target/isa/floats_avx2.h"
#include "imbrex/target/isa/peak_avx2.h"
#include "imbrex/target/isa/vectors_avx2.h"

namespace imbrex::isa {
namespace {

IMBREX_OP vi dot_of_four(vi sum, vi unsigned_bytes, vi signed_bytes) {
  return {_mm256_dpbusd_avx_epi32(sum.low, unsigned_bytes.low, signed_bytes.low),
          _mm256_dpbusd_avx_epi32(sum.high, unsigned_bytes.high, signed_bytes.high)};
}

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/bytes_in_fours.h"

namespace imbrex::isa {
namespace {

// Flipped as on Intel's, the first that have it.
struct DotI8 : DotI8InFoursFlipped, SixRows {
  static constexpr int64_t kPreparedRows = 72, kPreparedSteps = 256;
};
struct DotU8I8 : DotInFours<uint8_t>, SixRows {};

struct Vpdpbusd : PeakOfBytes {
  static constexpr double kOfStep = 32;
  IMBREX_OP static __m256i step(__m256i c, __m256i a) { return _mm256_dpbusd_avx_epi32(c, a, a); }
};
IMBREX_PEAK(vpdpbusd, Vpdpbusd)

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/common.h"
#include "imbrex/target/isa/divisor.h"
#include "imbrex/target/isa/rounding.h"
