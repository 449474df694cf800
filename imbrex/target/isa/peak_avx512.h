// What instructions of AVX-512 do at most (isa/peak.h): floats, and what peaks of bytes have in common.
#pragma once

#include "imbrex/target/isa/peak.h"
#include "imbrex/target/isa/vectors_avx512.h"

namespace imbrex::isa {
namespace {

struct PeakOfBytes {
  using Operand = __m512i;
  using Sum = __m512i;
  IMBREX_OP static __m512i operand() { return _mm512_load_si512(kOperandBytes.any); }
  IMBREX_OP static __m512i zero() { return _mm512_setzero_si512(); }
  IMBREX_OP static void hide(__m512i& x) { __asm__ volatile("" : "+v"(x)); }
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
struct MulAdd : Vfmadd231ps {
  static constexpr double kOfStep = 2 * 16;
  IMBREX_OP static __m512 step(__m512 c, __m512 a) { return _mm512_add_ps(_mm512_mul_ps(c, a), a); }
};
IMBREX_PEAK(vfmadd231ps, Vfmadd231ps)
IMBREX_PEAK(vector, MulAdd)

}  // namespace
}  // namespace imbrex::isa
