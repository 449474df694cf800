// Division by one value for a row is the division, on every target that this machine runs. imbrex/target/isa/divisor_avx512.h
// says which significands could round wrongly: those are found here, and tried.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

#include "correct/target/isa/table.h"

namespace imbrex::isa_test {
namespace {

uint32_t identity(float x) { return std::isnan(x) ? 0x7fc00000u : std::bit_cast<uint32_t>(x); }

// The quotients of any number of values by one, whose exponents are shifted by as much.
void expect_quotients(std::vector<float> values, float b, int shift_of_values, int shift_of_b) {
  for (float& a : values) a = std::ldexp(a, shift_of_values);
  b = std::ldexp(b, shift_of_b);
  while (values.empty() || values.size() % 16 != 0) values.push_back(1);
  for (const Table* table : tables()) {
    for (size_t i = 0; i < values.size(); i += 16) {
      float quotients[16];
      table->divide(&values[i], &b, quotients);
      for (size_t j = 0; j < 16; ++j) {
        const float a = values[i + j];
        if (identity(quotients[j]) != identity(a / b))
          FAIL() << table->isa << ": " << std::hexfloat << a << " / " << b << " is " << a / b << ", not " << quotients[j];
      }
    }
  }
}

// The inverse of an odd number modulo 2^32.
uint32_t inverse(uint32_t odd) {
  uint32_t x = odd;
  for (int correct_bits = 3; correct_bits < 32; correct_bits *= 2) x *= 2 - odd * x;
  return x;
}

// All a from [1, 2) with 24 bits for which a / b is next to a midpoint m, which has 25 bits: |a - m * b| is at most five units.
// With integers A, B, M for their significands, and t = 24 where a >= b and 25 elsewhere: A * 2^t = M * B + rest.
std::vector<float> next_to_midpoints(uint32_t B) {
  std::vector<float> found;
  const int zeros = std::countr_zero(B);
  for (int t = 24; t <= 25; ++t) {
    for (int rest = -5; rest <= 5; ++rest) {
      if (rest == 0 || std::countr_zero(static_cast<uint32_t>(rest)) != zeros) continue;  // M is odd
      const uint64_t period = uint64_t{1} << (t - zeros);
      const uint64_t first = static_cast<uint64_t>(-int64_t{rest / (1 << zeros)} * int64_t{inverse(B >> zeros)}) % period;
      for (uint64_t M = first; M < 1u << 25; M += period) {
        const int64_t product = static_cast<int64_t>(M * B) + rest, A = product >> t;
        EXPECT_EQ(A << t, product);
        if (M >= 1u << 24 && A >= 1 << 23 && A < 1 << 24) found.push_back(static_cast<float>(A) * 0x1p-23f);
      }
    }
  }
  return found;
}

// Of every 211th significand, or of all with IMBREX_ALL_FLOATS=1.
TEST(Divisor, QuotientsNextToMidpoints) {
  const uint32_t step = std::getenv("IMBREX_ALL_FLOATS") ? 1 : 211;
  size_t tried = 0;
  std::mt19937 random(1);
  for (uint32_t b = (1u << 24) - 1; b > 1u << 23 && !HasFatalFailure(); b -= std::min(step, b - (1u << 23))) {
    const std::vector<float> values = next_to_midpoints(b);
    tried += values.size();
    expect_quotients(values, static_cast<float>(b) * 0x1p-23f, static_cast<int>(random() % 125) - 60,
                     static_cast<int>(random() % 56) - 32);
  }
  EXPECT_GT(tried, 25'000'000 / step);
}

TEST(Divisor, Edges) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> edges = {0.0f, infinity, std::numeric_limits<float>::quiet_NaN()};
  for (const float edge : {0x1p-149f, 0x1p-126f, 0x1p-102f, 0x1p-32f, 1.0f, 3.0f, 6.0f, 0x1p24f, 0x1p63f, 0x1p64f, 0x1p127f,
                           std::numeric_limits<float>::max()})
    for (const float x : {edge, std::nextafter(edge, infinity), std::nextafter(edge, 0.0f)}) edges.push_back(x);
  for (size_t i = edges.size(); i-- > 0;) edges.push_back(-edges[i]);
  for (const float b : edges) expect_quotients(edges, b, 0, 0);
}

// Among them ties.
TEST(Divisor, SubnormalQuotients) {
  std::vector<float> values;
  for (int units = 0; units < 400; ++units) values.push_back(static_cast<float>(units) * 0x1p-149f);
  for (int units = -200; units < 200; ++units) values.push_back(0x1p-126f + static_cast<float>(units) * 0x1p-149f);
  for (int b = 1; b <= 48; ++b) expect_quotients(values, static_cast<float>(b) * 0.5f, 0, 0);
}

// Any floats; and what gives results about half of the least float and about the least normal one.
TEST(Divisor, RandomBits) {
  std::mt19937 random(2);
  const auto bits = [&] { return std::bit_cast<float>(static_cast<uint32_t>(random())); };
  for (int round = 0; round < 40'000 && !HasFatalFailure(); ++round) {
    const float b =
        round % 4 == 0 ? bits() : std::ldexp(1 + static_cast<float>(random() % (1 << 23)) * 0x1p-23f, round % 70 - 40);
    std::vector<float> values(16);
    for (size_t i = 0; i < 16; ++i) {
      const double result = i % 4 == 0 ? 0x1p-126 - 0x1p-150 : i % 4 == 1 ? 0x1p-150 : i % 4 == 2 ? 0x1p-126 : 0;
      values[i] = result == 0 ? bits() : static_cast<float>(result * static_cast<double>(b));
    }
    expect_quotients(values, b, 0, 0);
    for (float& a : values) a = std::bit_cast<float>(std::bit_cast<uint32_t>(a) + static_cast<uint32_t>(random() % 5) - 2);
    expect_quotients(values, b, 0, 0);
    for (float& a : values)
      a = std::ldexp(1 + static_cast<float>(random() % (1 << 23)) * 0x1p-23f, static_cast<int>(random() % 40));
    values[random() % 16] = random() % 2 ? 0.0f : -0.0f;
    expect_quotients(values, b, 0, 0);
  }
}

}  // namespace
}  // namespace imbrex::isa_test
