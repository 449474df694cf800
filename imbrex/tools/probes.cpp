#include "imbrex/tools/probes.h"

#include <chrono>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "imbrex/target/target.h"

namespace imbrex::tools {
namespace {

template <class F>
double timed(runtime::Executor& executor, int threads, F&& part) {
  const auto begin = std::chrono::steady_clock::now();
  executor.run(threads, [&](int ith, int nth, runtime::Barrier&) { part(ith, nth); });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Twelve independent accumulators cover the latency of the instruction. Operands and accumulators are hidden from the compiler,
// which would compute them ahead or drop them.
#if defined(__x86_64__)
#define IMBREX_HIDE(value, registers) asm volatile("" : registers(value))
#define IMBREX_TWELVE(DO, step, registers) \
  DO(0, step, registers)                   \
  DO(1, step, registers)                   \
  DO(2, step, registers)                   \
  DO(3, step, registers)                   \
  DO(4, step, registers)                   \
  DO(5, step, registers)                   \
  DO(6, step, registers)                   \
  DO(7, step, registers)                   \
  DO(8, step, registers)                   \
  DO(9, step, registers)                   \
  DO(10, step, registers)                  \
  DO(11, step, registers)
#define IMBREX_STEP(i, step, registers) \
  c##i = step(c##i);                    \
  IMBREX_HIDE(c##i, registers);

// `step` gives the next value of an accumulator from it and from the operand `a`.
#define IMBREX_REGISTER_LOOP(name, isa, Operand, operand, Accumulator, zero, step, registers)                           \
  __attribute__((target(isa))) void name(int64_t steps) {                                                               \
    Operand a = (operand);                                                                                              \
    IMBREX_HIDE(a, registers);                                                                                          \
    Accumulator c0 = (zero), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0, c8 = c0, c9 = c0, c10 = c0, \
                c11 = c0;                                                                                               \
    for (int64_t s = 0; s < steps; ++s) {                                                                               \
      IMBREX_TWELVE(IMBREX_STEP, step, registers)                                                                       \
    }                                                                                                                   \
  }

#define IMBREX_DPBUSD(c) _mm512_dpbusd_epi32(c, a, a)
#define IMBREX_DPBF16(c) _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)a)
#define IMBREX_MADD(c) _mm256_add_epi32(c, _mm256_madd_epi16(a, a))  // without dot products of bytes: pairs of 16 bits
#define IMBREX_FMA(c) _mm256_fmadd_ps(a, a, c)
#define IMBREX_MUL_ADD_16(c) _mm512_add_ps(_mm512_mul_ps(c, a), a)
#define IMBREX_MUL_ADD_8(c) _mm256_add_ps(_mm256_mul_ps(c, a), a)
IMBREX_REGISTER_LOOP(int8_avx512, "avx512f,avx512vnni", __m512i, _mm512_set1_epi8(3), __m512i, _mm512_setzero_si512(),
                     IMBREX_DPBUSD, "+v")
IMBREX_REGISTER_LOOP(bf16_avx512, "avx512f,avx512bf16", __m512i, _mm512_set1_epi16(0x3f80), __m512, _mm512_setzero_ps(),
                     IMBREX_DPBF16, "+v")
IMBREX_REGISTER_LOOP(f32_avx512, "avx512f", __m512, _mm512_set1_ps(0.5f), __m512, _mm512_set1_ps(1.0f), IMBREX_MUL_ADD_16, "+v")
IMBREX_REGISTER_LOOP(int8_avx2, "avx2", __m256i, _mm256_set1_epi16(3), __m256i, _mm256_setzero_si256(), IMBREX_MADD, "+x")
IMBREX_REGISTER_LOOP(bf16_avx2, "avx2,fma", __m256, _mm256_set1_ps(1.5f), __m256, _mm256_setzero_ps(), IMBREX_FMA, "+x")
IMBREX_REGISTER_LOOP(f32_avx2, "avx2", __m256, _mm256_set1_ps(0.5f), __m256, _mm256_set1_ps(1.0f), IMBREX_MUL_ADD_8, "+x")

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

void multiply_adds_of_words(int64_t steps) {
  volatile float hidden = 0.5f;
  const float a = hidden;
  float c[12] = {};
  for (int64_t s = 0; s < steps; ++s)
    for (float& each : c) each = each * a + a;
  for (float each : c) hidden = each;
}

void read_words(const char* memory, int64_t bytes) {
  const auto* words = reinterpret_cast<const uint64_t*>(memory);
  uint64_t a = 0, b = 0, c = 0, d = 0;
  for (int64_t i = 0; i + 4 <= bytes / 8; i += 4) a ^= words[i], b ^= words[i + 1], c ^= words[i + 2], d ^= words[i + 3];
  volatile uint64_t kept = a ^ b ^ c ^ d;
  (void)kept;
}

// The loops for an instruction set, and what one lane of their twelve accumulators does in a step.
struct Loops {
  void (*int8)(int64_t steps);
  void (*bf16)(int64_t steps);
  void (*f32)(int64_t steps);
  void (*read)(const char* memory, int64_t bytes);
  double int8_multiply_adds, bf16_multiply_adds, f32_operations;  // of a step
};

Loops loops_of_this_machine() {
  switch (target::best_target().vector_bits) {
#if defined(__x86_64__)
    case 512: return {int8_avx512, bf16_avx512, f32_avx512, read_avx2, 12.0 * 64, 12.0 * 32, 12.0 * 2 * 16};
    case 256: return {int8_avx2, bf16_avx2, f32_avx2, read_avx2, 12.0 * 16, 12.0 * 8, 12.0 * 2 * 8};
#endif
    default: return {multiply_adds_of_words, multiply_adds_of_words, multiply_adds_of_words, read_words, 12.0, 12.0, 12.0 * 2};
  }
}

// Calls `read` for each thread's part of the memory, whole pages.
template <class Read>
double time_reading(runtime::Executor& executor, int threads, const void* memory, int64_t bytes, Read read) {
  return timed(executor, threads, [&](int ith, int nth) {
    const int64_t part = bytes / nth / 4096 * 4096;
    read(static_cast<const char*>(memory) + ith * part, part);
  });
}

}  // namespace

double time_peak(runtime::Executor& executor, int threads, double int8_multiply_adds, double bf16_multiply_adds) {
  const Loops loops = loops_of_this_machine();
  return timed(executor, threads, [&](int, int nth) {
    loops.int8(static_cast<int64_t>(int8_multiply_adds / loops.int8_multiply_adds / nth));
    loops.bf16(static_cast<int64_t>(bf16_multiply_adds / loops.bf16_multiply_adds / nth));
  });
}

double time_vector_operations(runtime::Executor& executor, int threads, double operations) {
  const Loops loops = loops_of_this_machine();
  return timed(executor, threads,
               [&](int, int nth) { loops.f32(static_cast<int64_t>(operations / loops.f32_operations / nth)); });
}

// Words, as many at a time as the machine has in flight anyway, are as fast as vectors where memory is the limit.
double time_stream(runtime::Executor& executor, int threads, const void* memory, int64_t bytes) {
  return time_reading(executor, threads, memory, bytes, read_words);
}

double time_repeated_stream(runtime::Executor& executor, int threads, const void* memory, int64_t bytes, int64_t times) {
  const Loops loops = loops_of_this_machine();
  return time_reading(executor, threads, memory, bytes, [&](const char* part, int64_t size) {
    for (int64_t i = 0; i < times; ++i) loops.read(part, size);
  });
}

void evict_caches(runtime::Executor& executor, int threads) {
  static std::vector<uint64_t> memory((int64_t{192} << 20) / 8, 1);
  time_stream(executor, threads, memory.data(), static_cast<int64_t>(memory.size()) * 8);
}

}  // namespace imbrex::tools
