#include "imbrex/tools/probes.h"

#include <chrono>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "imbrex/target/isa.h"

namespace imbrex::tools {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

template <class F>
double timed(runtime::Executor& executor, int threads, F&& part) {
  const auto begin = std::chrono::steady_clock::now();
  executor.run(threads, [&](int ith, int nth, runtime::Barrier&) { part(ith, nth); });
  return seconds_since(begin);
}

// Keeps the compiler from dropping a value, or from knowing it.
template <class T>
void keep(T& value) {
#if defined(__x86_64__)
  asm volatile("" : "+x"(value));
#else
  asm volatile("" : "+w"(value));
#endif
}

// Each loop below has 12 independent accumulators, enough to cover the latency of the instruction; its return value keeps it
// alive.
#if defined(__x86_64__)

#define IMBREX_TWELVE(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

__attribute__((target("avx512f,avx512vnni"))) void int8_avx512(int64_t steps) {
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  asm volatile("" : "+v"(a), "+v"(b));
#define IMBREX_DECLARE(i) __m512i c##i = _mm512_setzero_si512();
#define IMBREX_STEP(i) c##i = _mm512_dpbusd_epi32(c##i, a, b);
#define IMBREX_KEEP(i) asm volatile("" : "+v"(c##i));
  IMBREX_TWELVE(IMBREX_DECLARE)
  for (int64_t s = 0; s < steps; ++s) {
    IMBREX_TWELVE(IMBREX_STEP)
    IMBREX_TWELVE(IMBREX_KEEP)
  }
#undef IMBREX_DECLARE
#undef IMBREX_STEP
}

__attribute__((target("avx512f,avx512bf16"))) void bf16_avx512(int64_t steps) {
  __m512i bits = _mm512_set1_epi16(0x3f80);
  asm volatile("" : "+v"(bits));
  const auto a = (__m512bh)bits;
#define IMBREX_DECLARE(i) __m512 c##i = _mm512_setzero_ps();
#define IMBREX_STEP(i) c##i = _mm512_dpbf16_ps(c##i, a, a);
  IMBREX_TWELVE(IMBREX_DECLARE)
  for (int64_t s = 0; s < steps; ++s) {
    IMBREX_TWELVE(IMBREX_STEP)
    IMBREX_TWELVE(IMBREX_KEEP)
  }
#undef IMBREX_DECLARE
#undef IMBREX_STEP
}

// Without dot products of bytes: products of 16-bit pairs, and the addition that they need.
__attribute__((target("avx2"))) void int8_avx2(int64_t steps) {
  __m256i a = _mm256_set1_epi16(3), b = _mm256_set1_epi16(5);
  asm volatile("" : "+x"(a), "+x"(b));
#define IMBREX_DECLARE(i) __m256i c##i = _mm256_setzero_si256();
#define IMBREX_STEP(i) c##i = _mm256_add_epi32(c##i, _mm256_madd_epi16(a, b));
#undef IMBREX_KEEP
#define IMBREX_KEEP(i) asm volatile("" : "+x"(c##i));
  IMBREX_TWELVE(IMBREX_DECLARE)
  for (int64_t s = 0; s < steps; ++s) {
    IMBREX_TWELVE(IMBREX_STEP)
    IMBREX_TWELVE(IMBREX_KEEP)
  }
#undef IMBREX_DECLARE
#undef IMBREX_STEP
}

__attribute__((target("avx2,fma"))) void f32_avx2(int64_t steps) {
  __m256 a = _mm256_set1_ps(1.5f);
  asm volatile("" : "+x"(a));
#define IMBREX_DECLARE(i) __m256 c##i = _mm256_setzero_ps();
#define IMBREX_STEP(i) c##i = _mm256_fmadd_ps(a, a, c##i);
  IMBREX_TWELVE(IMBREX_DECLARE)
  for (int64_t s = 0; s < steps; ++s) {
    IMBREX_TWELVE(IMBREX_STEP)
    IMBREX_TWELVE(IMBREX_KEEP)
  }
#undef IMBREX_DECLARE
#undef IMBREX_STEP
}
#endif

void scalar_multiply_adds(int64_t steps) {
  float a = 1.5f, c0 = 0, c1 = 0, c2 = 0, c3 = 0;
  keep(a);
  for (int64_t s = 0; s < steps; ++s) {
    c0 += a * a, c1 += a * a, c2 += a * a, c3 += a * a;
    keep(c0), keep(c1), keep(c2), keep(c3);
  }
}

struct Peak {
  void (*int8)(int64_t steps);
  void (*bf16)(int64_t steps);
  double int8_per_step, bf16_per_step;  // multiply-adds
};

Peak peak_of_this_machine() {
  switch (target::best_isa()) {
#if defined(__x86_64__)
    case target::Isa::avx512: return {int8_avx512, bf16_avx512, 12.0 * 64, 12.0 * 32};
    case target::Isa::avx2: return {int8_avx2, f32_avx2, 12.0 * 16, 12.0 * 8};
#endif
    default: return {scalar_multiply_adds, scalar_multiply_adds, 4, 4};
  }
}

uint64_t sum_of(const uint64_t* words, int64_t count) {
  uint64_t a = 0, b = 0, c = 0, d = 0;
  for (int64_t i = 0; i + 4 <= count; i += 4) a ^= words[i], b ^= words[i + 1], c ^= words[i + 2], d ^= words[i + 3];
  return a ^ b ^ c ^ d;
}

}  // namespace

double time_peak(runtime::Executor& executor, int threads, double int8_multiply_adds, double bf16_multiply_adds) {
  const Peak peak = peak_of_this_machine();
  return timed(executor, threads, [&](int, int nth) {
    peak.int8(static_cast<int64_t>(int8_multiply_adds / peak.int8_per_step / nth));
    peak.bf16(static_cast<int64_t>(bf16_multiply_adds / peak.bf16_per_step / nth));
  });
}

double time_stream(runtime::Executor& executor, int threads, const void* memory, int64_t bytes) {
  constexpr int64_t page_words = 4096 / 8;
  return timed(executor, threads, [&](int ith, int nth) {
    const int64_t words = bytes / 8 / nth / page_words * page_words;
    uint64_t sum = sum_of(static_cast<const uint64_t*>(memory) + ith * words, words);
    asm volatile("" : "+r"(sum));
  });
}

void evict_caches(runtime::Executor& executor, int threads) {
  static std::vector<uint64_t> memory((int64_t{192} << 20) / 8, 1);
  time_stream(executor, threads, memory.data(), static_cast<int64_t>(memory.size()) * 8);
}

}  // namespace imbrex::tools
