// Products of f32 and bf16 by FMA for AVX2.
#pragma once

#include "imbrex/target/isa/vectors_avx2.h"

namespace imbrex::isa {
namespace {

// Of pairs of bf16, as f32.
IMBREX_OP __m256 even_floats(__m256i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16)); }
IMBREX_OP __m256 odd_floats(__m256i x) {
  return _mm256_castsi256_ps(_mm256_and_si256(x, _mm256_set1_epi32(static_cast<int32_t>(0xffff0000))));
}

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/matmul.h"

namespace imbrex::isa {
namespace {

// FlushToZero makes the additions flush, too.
struct DotBf16 : StepsOfABlock, ThreeRows {
  struct Columns {
    __m256 even_low, odd_low, even_high, odd_high;
  };
  using Mode = FlushToZero;
  IMBREX_OP static Columns load(const char* packed) {
    const vi b = in_registers(load_i32(packed));
    return {even_floats(b.low), odd_floats(b.low), even_floats(b.high), odd_floats(b.high)};
  }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    const __m256i pair = _mm256_set1_epi32(load_i32_s(a));
    const __m256 odd_a = odd_floats(pair), even_a = even_floats(pair);
    sum.low = _mm256_fmadd_ps(b.odd_low, odd_a, sum.low);
    sum.high = _mm256_fmadd_ps(b.odd_high, odd_a, sum.high);
    sum.low = _mm256_fmadd_ps(b.even_low, even_a, sum.low);
    sum.high = _mm256_fmadd_ps(b.even_high, even_a, sum.high);
    return sum;
  }
  IMBREX_OP static vf sum(vf c, vf first, vf second) { return add(c, add(first, second)); }
};

struct DotF32 : StepsOfAGroup<float>, ThreeRows {
  using Result = float;
  using Accumulator = vf;
  using Columns = vf;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return load_f32(packed); }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    const __m256 element = _mm256_broadcast_ss(reinterpret_cast<const float*>(a));
    return {_mm256_fmadd_ps(b.low, element, sum.low), _mm256_fmadd_ps(b.high, element, sum.high)};
  }
};

}  // namespace
}  // namespace imbrex::isa
