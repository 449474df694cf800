// Products of bytes by AVX-512 VNNI.
#pragma once

#include "imbrex/target/isa/peak_avx512.h"
#include "imbrex/target/isa/vectors_avx512.h"

namespace imbrex::isa {
namespace {

IMBREX_OP vi dot_of_four(vi sum, vi unsigned_bytes, vi signed_bytes) {
  return {_mm512_dpbusd_epi32(sum.v, unsigned_bytes.v, signed_bytes.v)};
}

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/bytes_in_fours.h"

namespace imbrex::isa {
namespace {

struct DotI8 : DotI8InFours, TwelveRows {};
struct DotI8Flipped : DotI8InFoursFlipped, TwelveRows {
  static constexpr int64_t kPreparedRows = 72, kPreparedSteps = 256;
};
struct DotU8I8 : DotInFours<uint8_t>, TwelveRows {};
IMBREX_MATMUL(matmul_i8_flipped, DotI8Flipped, int8_t, packed_i8, int32_t)

struct Vpdpbusd : PeakOfBytes {
  static constexpr double kOfStep = 64;
  IMBREX_OP static __m512i step(__m512i c, __m512i a) { return _mm512_dpbusd_epi32(c, a, a); }
};
IMBREX_PEAK(vpdpbusd, Vpdpbusd)

}  // namespace
}  // namespace imbrex::isa
