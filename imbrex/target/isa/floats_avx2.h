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

// The form of the instruction that overwrites the sum: g++ takes others for its intrinsic, and copies sums from register to register.
IMBREX_OP void add_products(vf& sum, vf b, const char* a) {
  const __m256 element = _mm256_broadcast_ss(reinterpret_cast<const float*>(a));
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum.low) : "x"(b.low), "x"(element));
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum.high) : "x"(b.high), "x"(element));
}

// As f32: of each pair the odd element first, then the even one. FlushToZero makes the additions flush, too.
struct DotBf16 : StepsOfABlock, ThreeRows {
  struct Columns {
    vf even, odd;
  };
  using Widened = struct DotBf16OfWidened;
  using Mode = FlushToZero;
  static constexpr bool prepares_rows = true;
  static constexpr int64_t kPreparedRows = 48, kPreparedSteps = 8, kRowsOfWidened = 24;
  static constexpr int64_t kBytesOfGroup = 8, kBytesOfChain = 64, kBytesOfStep = 128;
  static void prepare(const char* from, int64_t steps, char* to) {
    for (; steps > 0; --steps, from += 64, to += kBytesOfStep) {
      store_f32(to, odd_first(load_bf16(from)));
      store_f32(to + kBytesOfChain, odd_first(load_bf16(from + 32)));
    }
  }
  static void widen(const char* panel, int64_t steps, char* to) {
    for (int64_t group = 0; group < 2 * kGroups * steps; ++group, panel += kGroupBytes, to += kGroupBytes) {
      const Columns columns = load(panel);
      store_f32(to, columns.odd);
      store_f32(to + 64, columns.even);
    }
  }
  IMBREX_OP static Columns load(const char* packed) {
    const vi b = in_registers(load_i32(packed));
    return {{even_floats(b.low), even_floats(b.high)}, {odd_floats(b.low), odd_floats(b.high)}};
  }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    add_products(sum, b.odd, a);
    add_products(sum, b.even, a + 4);
    return sum;
  }
  IMBREX_OP static vf sum(vf c, vf first, vf second) { return add(c, add(first, second)); }

 private:
  IMBREX_OP static vf odd_first(vf x) { return {_mm256_permute_ps(x.low, 0xb1), _mm256_permute_ps(x.high, 0xb1)}; }
};
// An element at a time.
struct DotBf16OfWidened : DotBf16, SixRows {
  using Columns = vf;
  using SixRows::kRowsOfOne, SixRows::kRowsOfTwo;
  static constexpr int64_t kGroups = 16, kBytesOfGroup = 4, kBytesOfColumns = 64;
  IMBREX_OP static vf load(const char* widened) { return load_f32(widened); }
  IMBREX_OP static vf step(vf sum, vf b, const char* a) {
    add_products(sum, b, a);
    return sum;
  }
};

struct DotF32 : StepsOfAGroup<float>, SixRows {
  using Result = float;
  using Accumulator = vf;
  using Columns = vf;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return load_f32(packed); }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    add_products(sum, b, a);
    return sum;
  }
};

}  // namespace
}  // namespace imbrex::isa
