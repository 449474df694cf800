#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "imbrex/interpret/operations.h"
#include "imbrex/interpret/scalar.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace imbrex::interpret {
namespace {

struct Block {
  float acc = 0;
  uint16_t a[32] = {}, b[32] = {};
};

// One block in each of 16 lanes: two chains of eight instructions, and two additions that flush.
__attribute__((target("avx512f,avx512bf16"))) void dot(const Block* blocks, size_t count, float* out) {
  const unsigned mode = _mm_getcsr();
  __m512 chains[2];
  for (size_t chain = 0; chain < 2; ++chain) {
    chains[chain] = _mm512_setzero_ps();
    for (size_t pair = 16 * chain; pair < 16 * chain + 16; pair += 2) {
      uint32_t a[16] = {}, b[16] = {};
      for (size_t i = 0; i < count; ++i) {
        a[i] = blocks[i].a[pair] | static_cast<uint32_t>(blocks[i].a[pair + 1]) << 16;
        b[i] = blocks[i].b[pair] | static_cast<uint32_t>(blocks[i].b[pair + 1]) << 16;
      }
      chains[chain] = _mm512_dpbf16_ps(chains[chain], (__m512bh)_mm512_loadu_si512(a), (__m512bh)_mm512_loadu_si512(b));
    }
  }
  float acc[16] = {};
  for (size_t i = 0; i < count; ++i) acc[i] = blocks[i].acc;
  __m512 sum = _mm512_loadu_ps(acc);
  // Written out, so that the compiler does not move the additions to where nothing flushes.
  const unsigned flushing = mode | 0x8040;
  __asm__ volatile(
      "vldmxcsr %[flushing]\n\t"
      "vaddps %[second], %[first], %[first]\n\t"
      "vaddps %[first], %[sum], %[sum]\n\t"
      "vldmxcsr %[mode]"
      : [sum] "+v"(sum), [first] "+v"(chains[0])
      : [second] "v"(chains[1]), [flushing] "m"(flushing), [mode] "m"(mode));
  _mm512_storeu_ps(out, sum);
}

bool same_bits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

float interpreted(const Block& block, int64_t k = 32) {
  Tile acc = make_tile(DType::f32, 1, 1), a = make_tile(DType::bf16, 1, k), b = make_tile(DType::bf16, k, 1);
  acc.f[0] = block.acc;
  for (size_t i = 0; i < static_cast<size_t>(k); ++i) a.f[i] = bf16_value(block.a[i]), b.f[i] = bf16_value(block.b[i]);
  return matmul(&acc, a, b).f[0];
}

void expect_hardware(const std::vector<Block>& blocks) {
  for (size_t first = 0; first < blocks.size(); first += 16) {
    float out[16];
    const size_t count = std::min<size_t>(16, blocks.size() - first);
    dot(&blocks[first], count, out);
    for (size_t i = 0; i < count; ++i) {
      const Block& block = blocks[first + i];
      ASSERT_TRUE(same_bits(interpreted(block), out[i]))
          << std::hexfloat << "onto " << block.acc << ": " << interpreted(block) << ", and the hardware has " << out[i];
    }
  }
}

class Bf16Hardware : public testing::Test {
  void SetUp() override {
    if (!__builtin_cpu_supports("avx512bf16")) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  }
};

template <class Factor>
Block random_block(std::mt19937& random, float acc, Factor factor) {
  Block block;
  block.acc = acc;
  // Half of them in a few places alone: what flushes is not lost in larger sums.
  const uint32_t places = random() % 2 ? 0xffffffffu : random() & random() & random();
  for (size_t i = 0; i < 32; ++i)
    if ((places >> i & 1) != 0) block.a[i] = factor(), block.b[i] = factor();
  return block;
}

TEST_F(Bf16Hardware, on_any_bits) {
  std::mt19937 random(1);
  std::vector<Block> blocks;
  for (int k = 0; k < 20000; ++k)
    blocks.push_back(random_block(random, std::bit_cast<float>(static_cast<uint32_t>(random())),
                                  [&] { return static_cast<uint16_t>(random()); }));
  expect_hardware(blocks);
}

// Products and accumulators of like size, in the middle, near the smallest normal number and near overflow.
TEST_F(Bf16Hardware, where_products_and_sums_meet) {
  std::mt19937 random(2);
  std::vector<Block> blocks;
  for (int centre : {127, 65, 64, 63, 60, 190, 191}) {
    for (int k = 0; k < 10000; ++k) {
      const int exponent = std::clamp(2 * (centre - 127) + 127 + static_cast<int>(random() % 13) - 6, 0, 254);
      const float acc =
          std::bit_cast<float>(static_cast<uint32_t>((random() & 0x807fffff) | static_cast<uint32_t>(exponent) << 23));
      blocks.push_back(random_block(
          random, acc, [&] { return static_cast<uint16_t>((random() & 0x807f) | ((centre + random() % 7 - 3) << 7)); }));
    }
  }
  expect_hardware(blocks);
}

TEST_F(Bf16Hardware, on_extremes_in_every_combination) {
  const uint16_t factors[] =
      {0,      0x8000, 1,      0x8001, 0x7f,   0x80,   0x8080, 0x3f80, 0xbf80, 0x7f7f, 0xff7f, 0x7f80,
       0xff80, 0x7fc0, 0x2000, 0xa000, 0x1f80, 0x1f00, 0x1a00, 0x9a00, 0x1980, 0x1981};  // 0x1a00 squared is 2^-150, the edge of
                                                                                         // tiny
  const float accs[] = {0.0f, -0.0f, 0x1p-149f,       -0x1p-127f,       0x1p-126f, -0x1p-126f, 0x1.000002p-126f,
                        1,    -1,    0x1.fffffep127f, -0x1.fffffep127f, INFINITY,  -INFINITY,  NAN};
  std::vector<Block> blocks;
  size_t place = 0;
  for (float acc : accs)
    for (uint16_t a : factors)
      for (uint16_t b : factors)
        for (uint16_t c : {uint16_t{0}, uint16_t{0x8000}, uint16_t{0x3f80}, uint16_t{0xa000}, uint16_t{0x7f7f}}) {
          Block block;
          block.acc = acc;
          block.a[place] = a, block.b[place] = b;  // in one chain, and what meets it in either
          const size_t other = (place + 7) % 32;
          block.a[other] = c, block.b[other] = 0x2000;
          place = (place + 1) % 32;
          blocks.push_back(block);
        }
  expect_hardware(blocks);
}

// What is missing of a block is (+0) x (+0).
TEST_F(Bf16Hardware, with_every_tail) {
  std::mt19937 random(3);
  std::vector<Block> blocks;
  for (int i = 0; i < 6400; ++i) {
    Block block = random_block(random, std::bit_cast<float>(static_cast<uint32_t>(random())),
                               [&] { return static_cast<uint16_t>((random() & 0x807f) | ((50 + random() % 30) << 7)); });
    const int64_t k = 1 + i % 32;
    for (int64_t rest = k; rest < 32; ++rest) block.a[rest] = block.b[rest] = 0;
    ASSERT_TRUE(same_bits(interpreted(block, k), interpreted(block))) << k;
    blocks.push_back(block);
  }
  expect_hardware(blocks);
}

}  // namespace
}  // namespace imbrex::interpret
#endif
