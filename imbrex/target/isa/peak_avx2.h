// What instructions of AVX2 do at most (isa/peak.h): floats, and what peaks of bytes have in common.
#pragma once

#include "imbrex/target/isa/peak.h"
#include "imbrex/target/isa/vectors_avx2.h"

namespace imbrex::isa {
namespace {

struct PeakOfBytes {
  using Operand = __m256i;
  using Sum = __m256i;
  IMBREX_OP static __m256i operand() { return _mm256_load_si256(reinterpret_cast<const __m256i*>(kOperandBytes.any)); }
  IMBREX_OP static __m256i zero() { return _mm256_setzero_si256(); }
  IMBREX_OP static void hide(__m256i& x) { __asm__ volatile("" : "+x"(x)); }
};
struct Vfmadd231ps {
  using Operand = __m256;
  using Sum = __m256;
  static constexpr double kOfStep = 8;
  IMBREX_OP static __m256 operand() { return _mm256_load_ps(reinterpret_cast<const float*>(kOperandBytes.floats)); }
  IMBREX_OP static __m256 zero() { return _mm256_setzero_ps(); }
  IMBREX_OP static void hide(__m256& x) { __asm__ volatile("" : "+x"(x)); }
  IMBREX_OP static __m256 step(__m256 c, __m256 a) { return _mm256_fmadd_ps(a, a, c); }
};
struct MulAdd : Vfmadd231ps {
  static constexpr double kOfStep = 2 * 8;
  IMBREX_OP static __m256 step(__m256 c, __m256 a) { return _mm256_add_ps(_mm256_mul_ps(c, a), a); }
};
IMBREX_PEAK(vfmadd231ps, Vfmadd231ps)
IMBREX_PEAK(vector, MulAdd)

}  // namespace
}  // namespace imbrex::isa
