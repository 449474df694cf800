// AVX-512 with VNNI and BF16. README.md in this folder lists every primitive.
#pragma once

#include "imbrex/target/isa/floats_avx512.h"
#include "imbrex/target/isa/peak_avx512.h"
#include "imbrex/target/isa/vectors_avx512.h"
#include "imbrex/target/isa/vnni_avx512.h"

namespace imbrex::isa {
namespace {

// Products of bf16 by the instruction for them, which is fast on Zen 4. It takes a pair at a time, the odd element first.
struct DotBf16 : DotOfBlocks {
  // Up to twelve rows are one tile, so that weights that come from memory are read once. More read them from the caches, where tiles
  // gain whose sums stay in registers.
  static constexpr int kVectorsOfBothChains = 12, kRowsOfSeveral = 6;
  using Columns = __m512i;
  IMBREX_OP static Columns of_pairs(__m512i pairs) { return pairs; }
  IMBREX_OP static Columns load(const char* packed) { return of_pairs(_mm512_load_si512(packed)); }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    return {_mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(b), reinterpret_cast<__m512bh>(_mm512_set1_epi32(load_i32_s(a))))};
  }
};

struct Vdpbf16ps : Vfmadd231ps {
  static constexpr double kOfStep = 32;
  IMBREX_OP static __m512 step(__m512 c, __m512 a) {
    return _mm512_dpbf16_ps(c, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(a));
  }
};
IMBREX_PEAK(vdpbf16ps, Vdpbf16ps)

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/common.h"
#include "imbrex/target/isa/divisor_avx512.h"

namespace imbrex::isa {
namespace {

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
IMBREX_OP void stream_bf16_rint(void* p, vf x, bool streams) {
  if (!streams || __builtin_expect(has_subnormal(x), false)) return store_bf16_rint(p, x);
  stream_32_bytes(p, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x.v)));
}
IMBREX_OP void stream_bf16_rint(void* p, vf_pair x, bool streams) {
  if (__builtin_expect(!streams, false) || __builtin_expect(has_subnormal(x), false)) return store_bf16_rint(p, x);
  _mm512_stream_si512(static_cast<__m512i*>(p), reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(x.high.v, x.low.v)));
}
}  // namespace
}  // namespace imbrex::isa
