#include "imbrex/tools/calibration_probes.h"

#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "imbrex/target/isa.h"

namespace imbrex::tools {
namespace {

// Each step is a multiplication and an addition in each of twelve vectors, which cover the latency of both. The constants keep
// the values normal; they are hidden from the compiler, and the vectors are kept from being dropped.
#if defined(__x86_64__)
#define IMBREX_TWELVE(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

__attribute__((target("avx512f"))) void steps_of_16(int64_t steps) {
  __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1.0f);
  asm volatile("" : "+v"(a), "+v"(b));
#define IMBREX_DECLARE(i) __m512 c##i = b;
#define IMBREX_STEP(i) c##i = _mm512_add_ps(_mm512_mul_ps(c##i, a), b);
#define IMBREX_KEEP(i) asm volatile("" : "+v"(c##i));
  IMBREX_TWELVE(IMBREX_DECLARE)
  for (int64_t s = 0; s < steps; ++s) {
    IMBREX_TWELVE(IMBREX_STEP)
    IMBREX_TWELVE(IMBREX_KEEP)
  }
#undef IMBREX_DECLARE
#undef IMBREX_STEP
#undef IMBREX_KEEP
}

__attribute__((target("avx2"))) void steps_of_8(int64_t steps) {
  __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1.0f);
  asm volatile("" : "+x"(a), "+x"(b));
#define IMBREX_DECLARE(i) __m256 c##i = b;
#define IMBREX_STEP(i) c##i = _mm256_add_ps(_mm256_mul_ps(c##i, a), b);
#define IMBREX_KEEP(i) asm volatile("" : "+x"(c##i));
  IMBREX_TWELVE(IMBREX_DECLARE)
  for (int64_t s = 0; s < steps; ++s) {
    IMBREX_TWELVE(IMBREX_STEP)
    IMBREX_TWELVE(IMBREX_KEEP)
  }
#undef IMBREX_DECLARE
#undef IMBREX_STEP
#undef IMBREX_KEEP
}

__attribute__((target("avx2"))) void read_avx2(const char* memory, int64_t bytes) {
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (int64_t i = 0; i + 128 <= bytes; i += 128) {
    const auto* at = reinterpret_cast<const __m256i*>(memory + i);
    a = _mm256_xor_si256(a, _mm256_loadu_si256(at));
    b = _mm256_xor_si256(b, _mm256_loadu_si256(at + 1));
    c = _mm256_xor_si256(c, _mm256_loadu_si256(at + 2));
    d = _mm256_xor_si256(d, _mm256_loadu_si256(at + 3));
  }
  asm volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d));
}
#endif

void steps_of_1(int64_t steps) {
  volatile float hidden = 0.5f;
  const float a = hidden;
  float c[12] = {};
  for (int64_t s = 0; s < steps; ++s)
    for (float& each : c) each = each * a + 1.0f;
  for (float each : c) hidden = each;
}

void read_words(const char* memory, int64_t bytes) {
  const auto* words = reinterpret_cast<const uint64_t*>(memory);
  uint64_t sum = 0;
  for (int64_t i = 0; i < bytes / 8; ++i) sum ^= words[i];
  volatile uint64_t kept = sum;
  (void)kept;
}

template <class F>
double timed(runtime::Executor& executor, int threads, F&& part) {
  const auto begin = std::chrono::steady_clock::now();
  executor.run(threads, [&](int ith, int nth, runtime::Barrier&) { part(ith, nth); });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

double time_vector_operations(runtime::Executor& executor, int threads, double operations) {
  void (*steps)(int64_t) = steps_of_1;
  int lanes = 1;
#if defined(__x86_64__)
  if (target::best_isa() == target::Isa::avx2) steps = steps_of_8, lanes = 8;
  if (target::best_isa() == target::Isa::avx512) steps = steps_of_16, lanes = 16;
#endif
  return timed(executor, threads, [&](int, int nth) { steps(static_cast<int64_t>(operations / (2.0 * 12 * lanes) / nth)); });
}

double time_repeated_stream(runtime::Executor& executor, int threads, const void* memory, int64_t bytes, int64_t times) {
  void (*read)(const char*, int64_t) = read_words;
#if defined(__x86_64__)
  if (target::best_isa() != target::Isa::scalar) read = read_avx2;
#endif
  return timed(executor, threads, [&](int ith, int nth) {
    const int64_t part = bytes / nth / 4096 * 4096;
    for (int64_t i = 0; i < times; ++i) read(static_cast<const char*>(memory) + ith * part, part);
  });
}

}  // namespace imbrex::tools
