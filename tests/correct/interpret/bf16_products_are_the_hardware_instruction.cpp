#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "imbrex/interpret/operations.h"
#include "imbrex/interpret/scalar.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace imbrex::interpret {
namespace {

// One step of the instruction in each of 16 lanes: acc + odd products, then + even products.
__attribute__((target("avx512f,avx512bf16"))) void dot(const float* acc, const uint32_t* a, const uint32_t* b, float* out) {
  const __m512bh left = (__m512bh)_mm512_loadu_si512(a), right = (__m512bh)_mm512_loadu_si512(b);
  _mm512_storeu_ps(out, _mm512_dpbf16_ps(_mm512_loadu_ps(acc), left, right));
}

bool same_bits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

struct Step {
  float acc;
  uint16_t a[2], b[2];
};

float interpreted(const Step& step) {
  Tile acc = make_tile(DType::f32, 1, 1), a = make_tile(DType::bf16, 1, 2), b = make_tile(DType::bf16, 2, 1);
  acc.f[0] = step.acc;
  for (size_t k = 0; k < 2; ++k) a.f[k] = bf16_value(step.a[k]), b.f[k] = bf16_value(step.b[k]);
  return matmul(&acc, a, b).f[0];
}

void expect_hardware(const std::vector<Step>& steps) {
  for (size_t first = 0; first < steps.size(); first += 16) {
    float acc[16] = {}, out[16];
    uint32_t a[16] = {}, b[16] = {};
    const size_t count = std::min<size_t>(16, steps.size() - first);
    for (size_t i = 0; i < count; ++i) {
      const Step& step = steps[first + i];
      acc[i] = step.acc;
      a[i] = step.a[0] | static_cast<uint32_t>(step.a[1]) << 16;
      b[i] = step.b[0] | static_cast<uint32_t>(step.b[1]) << 16;
    }
    dot(acc, a, b, out);
    for (size_t i = 0; i < count; ++i) {
      const Step& step = steps[first + i];
      ASSERT_TRUE(same_bits(interpreted(step), out[i]))
          << std::hexfloat << step.acc << " + " << bf16_value(step.a[0]) << " * " << bf16_value(step.b[0]) << " + "
          << bf16_value(step.a[1]) << " * " << bf16_value(step.b[1]) << ": " << interpreted(step) << ", and the hardware has "
          << out[i];
    }
  }
}

class Bf16Hardware : public testing::Test {
  void SetUp() override {
    if (!__builtin_cpu_supports("avx512bf16")) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
  }
};

TEST_F(Bf16Hardware, on_any_bits) {
  std::mt19937 random(1);
  std::vector<Step> steps;
  for (int k = 0; k < 200000; ++k) {
    const uint32_t a = random(), b = random();
    steps.push_back({std::bit_cast<float>(static_cast<uint32_t>(random())),
                     {uint16_t(a), uint16_t(a >> 16)},
                     {uint16_t(b), uint16_t(b >> 16)}});
  }
  expect_hardware(steps);
}

// Products and accumulators of like size, in the middle, near the smallest normal number and near overflow.
TEST_F(Bf16Hardware, where_products_and_sums_meet) {
  std::mt19937 random(2);
  std::vector<Step> steps;
  for (int centre : {127, 65, 64, 63, 60, 190, 191}) {
    for (int k = 0; k < 60000; ++k) {
      const auto factor = [&] { return static_cast<uint16_t>((random() & 0x807f) | ((centre + random() % 7 - 3) << 7)); };
      const int exponent = std::clamp(2 * (centre - 127) + 127 + static_cast<int>(random() % 13) - 6, 0, 254);
      const float acc =
          std::bit_cast<float>(static_cast<uint32_t>((random() & 0x807fffff) | static_cast<uint32_t>(exponent) << 23));
      steps.push_back({acc, {factor(), factor()}, {factor(), factor()}});
    }
  }
  expect_hardware(steps);
}

TEST_F(Bf16Hardware, on_extremes_in_every_combination) {
  const uint16_t factors[] = {
      0,      0x8000, 1,      0x8001, 0x7f,   0x80,   0x8080, 0x3f80, 0xbf80, 0x7f7f, 0xff7f, 0x7f80,
      0xff80, 0x7fc0, 0x2000, 0xa000, 0x1f80, 0x1f00, 0x1a00, 0x9a00, 0x1980, 0x1981};  // 0x1a00 squared is 2^-150, the edge of
                                                                                        // tiny
  const float accs[] = {0.0f, -0.0f, 0x1p-149f,       -0x1p-127f,       0x1p-126f, -0x1p-126f, 0x1.000002p-126f,
                        1,    -1,    0x1.fffffep127f, -0x1.fffffep127f, INFINITY,  -INFINITY,  NAN};
  std::vector<Step> steps;
  for (float acc : accs)
    for (uint16_t a : factors)
      for (uint16_t b : factors)
        for (uint16_t c : {uint16_t{0}, uint16_t{0x8000}, uint16_t{0x3f80}, uint16_t{0xa000}, uint16_t{0x7f7f}}) {
          steps.push_back({acc, {a, c}, {b, 0x2000}});
          steps.push_back({acc, {c, a}, {0x2000, b}});
        }
  expect_hardware(steps);
}

TEST_F(Bf16Hardware, with_an_odd_tail) {
  std::mt19937 random(3);
  std::vector<Step> steps;
  for (int k = 0; k < 20000; ++k) {
    const Step step{std::bit_cast<float>(static_cast<uint32_t>(random())), {uint16_t(random()), 0}, {uint16_t(random()), 0}};
    Tile acc = make_tile(DType::f32, 1, 1), a = make_tile(DType::bf16, 1, 1), b = make_tile(DType::bf16, 1, 1);
    acc.f[0] = step.acc;
    a.f[0] = bf16_value(step.a[0]);
    b.f[0] = bf16_value(step.b[0]);
    ASSERT_TRUE(same_bits(matmul(&acc, a, b).f[0], interpreted(step)));
    steps.push_back(step);
  }
  expect_hardware(steps);
}

}  // namespace
}  // namespace imbrex::interpret
#endif
