// Each primitive of each target that this machine runs against its rule in docs/semantics.md, written here again and plainly.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "correct/target/isa/table.h"

namespace imbrex::isa_test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// ---- the rules ----------------------------------------------------------------------------------------------------------------

double to_integer(double x, const std::string& mode) {
  if (mode == "rint") return std::nearbyint(x);
  if (mode == "round") return std::round(x);
  if (mode == "floor") return std::floor(x);
  if (mode == "ceil") return std::ceil(x);
  return std::trunc(x);
}
// x rounded to `digits` significant binary digits, none below 2^lowest; `largest` is the largest finite value.
float to_format(double x, int digits, int lowest, double largest, const std::string& mode) {
  if (std::isnan(x) || std::isinf(x) || x == 0) return static_cast<float>(x);
  const int unit = std::max(std::ilogb(x) - (digits - 1), lowest);
  const double rounded = std::copysign(std::ldexp(to_integer(std::ldexp(x, -unit), mode), unit), x);
  if (std::fabs(rounded) <= largest) return static_cast<float>(rounded);
  const bool stays = mode == "trunc" || (mode == "floor" && x > 0) || (mode == "ceil" && x < 0);
  return static_cast<float>(std::copysign(stays ? largest : double{kInfinity}, x));
}
float to_bf16(double x, const std::string& mode) { return to_format(x, 8, -133, 0x1.fep127, mode); }
float to_f16(double x, const std::string& mode) { return to_format(x, 11, -24, 65504.0, mode); }
// No infinity: what would be one is NaN.
float to_e4m3(double x, const std::string& mode) {
  const float rounded = to_format(x, 4, -9, 448.0, mode);
  return std::isinf(rounded) ? kNan : rounded;
}
// Powers of two from 2^-127 to 2^127: no sign, no zero, no infinity.
float to_e8m0(double x, const std::string& mode) {
  if (!(x >= 0)) return kNan;
  const float rounded = to_format(std::max(x, 0x1p-127), 1, -127, 0x1p127, mode);
  return std::isinf(rounded) ? kNan : rounded;
}
float to_f32(double x, const std::string& mode) { return to_format(x, 24, -149, std::numeric_limits<float>::max(), mode); }
int32_t to_int32(float x, const std::string& mode) {
  if (std::isnan(x)) return 0;
  return static_cast<int32_t>(std::clamp(to_integer(x, mode), -2147483648.0, 2147483647.0));
}
float smaller(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return kNan;
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}
float larger(float a, float b) { return -smaller(-a, -b); }

float exp_rule(float x) {
  if (std::isnan(x)) return kNan;
  x = std::min(std::max(x, -104.0f), 89.0f);
  const float n = std::nearbyint(x * 1.44269504f);
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  for (const float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f}) p = p * r + c;
  const float y = (p * (r * r) + r) + 1.0f;
  const int half = static_cast<int>(std::floor(n / 2));
  return (y * static_cast<float>(std::ldexp(1.0, half))) * static_cast<float>(std::ldexp(1.0, static_cast<int>(n) - half));
}
float log_rule(float x) {
  if (std::isnan(x) || x < 0) return kNan;
  if (x == 0) return -kInfinity;
  if (std::isinf(x)) return x;
  int exponent = 0;
  float m = static_cast<float>(std::frexp(static_cast<double>(x), &exponent));
  if (m < 0.707106781186547524f) {
    m = m * 2;
    --exponent;
  }
  const float e = static_cast<float>(exponent), f = m - 1, z = f * f;
  float p = 7.0376836292e-2f;
  for (const float c : {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                        2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f})
    p = p * f + c;
  float y = (p * f) * z;
  y = y + e * -2.12194440e-4f;
  y = y - 0.5f * z;
  return (f + y) + e * 0.693359375f;
}

std::string mode_in(const std::string& name) { return name.substr(name.rfind('_') + 1); }
bool begins(const std::string& name, const char* with) { return name.rfind(with, 0) == 0; }

float f32_unary_rule(const std::string& name, float x) {
  if (name == "neg") return -x;
  if (name == "abs_") return std::fabs(x);
  if (name == "sqrt_") return std::sqrt(x);
  if (name == "recip") return 1.0f / x;
  if (name == "rsqrt") return 1.0f / std::sqrt(x);
  if (name == "exp_") return exp_rule(x);
  if (name == "log_") return log_rule(x);
  if (name == "floor_") return std::floor(x);
  if (begins(name, "round_e4m3")) return to_e4m3(x, mode_in(name));
  if (begins(name, "round_e8m0")) return to_e8m0(x, mode_in(name));
  return begins(name, "round_bf16") ? to_bf16(x, mode_in(name)) : to_f16(x, mode_in(name));
}
float i32_to_f32_rule(const std::string& name, int32_t x) {
  if (begins(name, "to_f32")) return to_f32(x, mode_in(name));
  if (begins(name, "i32_to_e4m3")) return to_e4m3(x, mode_in(name));
  if (begins(name, "i32_to_e8m0")) return to_e8m0(x, mode_in(name));
  return begins(name, "i32_to_bf16") ? to_bf16(x, mode_in(name)) : to_f16(x, mode_in(name));
}
int32_t wrapped(int64_t x) { return static_cast<int32_t>(static_cast<uint32_t>(x)); }
int32_t i32_unary_rule(const std::string& name, int32_t x) {
  if (name == "neg") return wrapped(-int64_t{x});
  if (name == "abs_") return wrapped(std::abs(int64_t{x}));
  return name == "saturate_i8" ? std::clamp(x, -128, 127) : std::clamp(x, 0, 255);
}
float f32_binary_rule(const std::string& name, float a, float b) {
  if (name == "add") return a + b;
  if (name == "sub") return a - b;
  if (name == "mul") return a * b;
  if (name == "div") return a / b;
  return name == "min" ? smaller(a, b) : larger(a, b);
}
int32_t i32_binary_rule(const std::string& name, int32_t a, int32_t b) {
  if (name == "add") return wrapped(int64_t{a} + b);
  if (name == "sub") return wrapped(int64_t{a} - b);
  if (name == "mul") return wrapped(int64_t{a} * b);
  return name == "min" ? std::min(a, b) : std::max(a, b);
}
template <class T>
bool compare_rule(const std::string& name, T a, T b) {
  if (name == "eq") return a == b;
  if (name == "ne") return a != b;
  if (name == "lt") return a < b;
  if (name == "le") return a <= b;
  return name == "gt" ? a > b : a >= b;
}

// ---- inputs -------------------------------------------------------------------------------------------------------------------

// A NaN is a NaN; everything else by its bits.
template <class T>
uint32_t identity(T x) {
  if constexpr (std::is_same_v<T, float>) return std::isnan(x) ? 0x7fc00000u : std::bit_cast<uint32_t>(x);
  return static_cast<uint32_t>(x);
}

// Those of `values` that are tried, and zeros up to a multiple of 16.
template <class T>
std::vector<T> in_vectors(const std::vector<T>& values) {
  std::vector<T> tried;
  for (size_t i = 0; i < values.size(); i += fewer()) tried.push_back(values[i]);
  tried.resize((tried.size() + 15) / 16 * 16);
  return tried;
}

// All bf16 and f16 values, ties between them and the neighbours of both, integers and halves with neighbours, and random bits.
std::vector<float> floats() {
  std::vector<float> values;
  const auto with_neighbours = [&](float x) {
    for (const float y : {x, std::nextafter(x, kInfinity), std::nextafter(x, -kInfinity)}) values.push_back(y);
  };
  for (uint32_t half = 0; half < 0x10000; ++half) {
    with_neighbours(std::bit_cast<float>(half << 16));
    with_neighbours(std::bit_cast<float>(half << 16 | 0x8000));
  }
  for (int e = -27; e <= 17; ++e)
    for (int m = 2048; m < 4096; ++m)  // 12 bits: every f16 and every tie
      for (const double sign : {1.0, -1.0}) with_neighbours(static_cast<float>(sign * std::ldexp(m, e - 11)));
  for (int e = -12; e <= 10; ++e)
    for (int m = 16; m < 32; ++m)  // 5 bits: every e4m3 and every tie
      for (const double sign : {1.0, -1.0}) with_neighbours(static_cast<float>(sign * std::ldexp(m, e - 4)));
  for (int e = -149; e <= 127; ++e)
    for (const double m : {1.0, 1.5}) with_neighbours(static_cast<float>(std::ldexp(m, e)));
  for (int i = -1000; i <= 1000; ++i) with_neighbours(static_cast<float>(i) * 0.5f);
  for (const float edge :
       {8388608.0f, 16777216.0f, 2147483648.0f, 4294967296.0f, 65504.0f, 65520.0f, 88.72f, -103.97f, 0x1p-126f, 0x1p-149f})
    for (const float sign : {1.0f, -1.0f}) with_neighbours(sign * edge);
  std::mt19937 random(1);
  for (int i = 0; i < 400000; ++i) values.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
  for (int i = 0; i < 200000; ++i) values.push_back(static_cast<float>(static_cast<int32_t>(random())) * 0x1p-24f);
  return in_vectors(values);
}
std::vector<int32_t> integers() {
  std::vector<int32_t> values;
  for (int bit = 0; bit < 32; ++bit)
    for (int other = 0; other <= bit; ++other)
      for (int d = -3; d <= 3; ++d)
        for (const int64_t sign : {1, -1}) values.push_back(wrapped(sign * ((int64_t{1} << bit) + (int64_t{1} << other) + d)));
  for (int i = -70000; i <= 70000; ++i) values.push_back(i);
  std::mt19937 random(2);
  for (int i = 0; i < 300000; ++i) values.push_back(static_cast<int32_t>(random() >> random() % 31));
  return in_vectors(values);
}

template <class In, class Out, class Rule>
void check_unary(const Table& table, const Unary<In, Out>* list, const std::vector<In>& values, Rule rule) {
  for (; list->name; ++list) {
    int wrong = 0;
    for (size_t i = 0; i < values.size() && wrong < 5; i += 16) {
      Out vector[16], single[16];
      list->vector(&values[i], vector);
      list->single(&values[i], single);
      for (size_t j = 0; j < 16; ++j) {
        const Out expected = rule(std::string(list->name), values[i + j]);
        if (identity(vector[j]) == identity(expected) && identity(single[j]) == identity(expected)) continue;
        ++wrong;
        ADD_FAILURE() << table.isa << " " << list->name << "(" << values[i + j] << " = bits " << std::hex
                      << identity(values[i + j]) << ") gives " << vector[j] << " and " << single[j] << " instead of " << expected;
      }
    }
  }
}
template <class In, class Out, class Rule>
void check_binary(const Table& table, const Binary<In, Out>* list, const std::vector<In>& a, const std::vector<In>& b,
                  Rule rule) {
  for (; list->name; ++list) {
    int wrong = 0;
    for (size_t i = 0; i < a.size() && wrong < 5; i += 16) {
      Out vector[16], single[16];
      list->vector(&a[i], &b[i], vector);
      list->single(&a[i], &b[i], single);
      for (size_t j = 0; j < 16; ++j) {
        const Out expected = rule(std::string(list->name), a[i + j], b[i + j]);
        if (identity(vector[j]) == identity(expected) && identity(single[j]) == identity(expected)) continue;
        ++wrong;
        ADD_FAILURE() << table.isa << " " << list->name << "(" << a[i + j] << ", " << b[i + j] << ") gives " << +vector[j]
                      << " and " << +single[j] << " instead of " << +expected;
      }
    }
  }
}

// ---- tests --------------------------------------------------------------------------------------------------------------------

TEST(Primitives, UnaryOperationsAndCasts) {
  const std::vector<float> f = floats();
  const std::vector<int32_t> n = integers();
  for (const Table* table : tables()) {
    check_unary(*table, table->f32_unary, f, f32_unary_rule);
    check_unary(*table, table->f32_to_i32, f, [](const std::string& name, float x) { return to_int32(x, mode_in(name)); });
    check_unary(*table, table->i32_to_f32, n, i32_to_f32_rule);
    check_unary(*table, table->i32_unary, n, i32_unary_rule);
  }
}

TEST(Primitives, BinaryOperationsAndComparisons) {
  std::vector<float> a, b;
  const std::vector<float> special = {0.0f,      -0.0f,
                                      1.0f,      -1.0f,
                                      kInfinity, -kInfinity,
                                      kNan,      -kNan,
                                      0x1p-149f, -0x1p-149f,
                                      0x1p-126f, std::numeric_limits<float>::max(),
                                      3.5f,      std::bit_cast<float>(0x7f800001u),
                                      0.1f,      -7.25f};
  for (const float x : special)
    for (const float y : special) a.push_back(x), b.push_back(y);
  std::vector<int32_t> m, n;
  const std::vector<int32_t> special_integers = {
      0, 1, -1, 2, 127, -128, 255, 65535, 65536, -65536, INT32_MAX, INT32_MIN, INT32_MAX - 1, INT32_MIN + 1, 46341, -46341};
  for (const int32_t x : special_integers)
    for (const int32_t y : special_integers) m.push_back(x), n.push_back(y);
  std::mt19937 random(3);
  for (int i = 0; i < 160000; ++i) {
    a.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
    b.push_back(random() % 2 ? std::bit_cast<float>(static_cast<uint32_t>(random()))
                             : a.back() * std::ldexp(1.0f + static_cast<float>(random() % 1000) * 1e-3f,
                                                     static_cast<int>(random() % 30) - 15));
    m.push_back(static_cast<int32_t>(random()));
    n.push_back(static_cast<int32_t>(random()));
  }
  for (const Table* table : tables()) {
    check_binary(*table, table->f32_binary, a, b, f32_binary_rule);
    check_binary(*table, table->i32_binary, m, n, i32_binary_rule);
    check_binary(*table, table->f32_compare, a, b, compare_rule<float>);
    check_binary(*table, table->i32_compare, m, n, compare_rule<int32_t>);
  }
}

TEST(Primitives, PermutationsAndSelection) {
  float columns[32], even[16], odd[16], both[32];
  for (int i = 0; i < 32; ++i) columns[i] = static_cast<float>(i + 1);
  for (const Table* table : tables()) {
    table->halves(columns, even, odd, both);
    for (size_t i = 0; i < 16; ++i) {
      EXPECT_EQ(even[i], columns[2 * i]) << table->isa;
      EXPECT_EQ(odd[i], columns[2 * i + 1]) << table->isa;
    }
    EXPECT_EQ(std::memcmp(both, columns, sizeof both), 0) << table->isa;
    for (int one = 0; one < 16; ++one) {
      uint8_t condition[16] = {};
      condition[one] = 1;
      table->select(condition, columns, columns + 16, even);
      for (int i = 0; i < 16; ++i) EXPECT_EQ(even[i], columns[i == one ? i : 16 + i]) << table->isa;
    }
  }
}

// Stores that round, and those that go past the caches: what separate operations give, wherever subnormals and NaN stand.
TEST(Primitives, RoundingAndStreamingStores) {
  const auto widened = [](uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); };
  const std::vector<float> values = floats();
  for (const Table* table : tables()) {
    int wrong = 0;
    for (size_t i = 0; i < values.size() && wrong < 5; i += 16) {
      const int n = static_cast<int>(i / 16 % 17);
      alignas(32) uint16_t rounded[17] = {}, streamed[16], cut[16];
      alignas(32) float whole[16];
      rounded[n == 0 ? 16 : n] = 4711;
      table->stored(&values[i], n, i % 32 == 0, rounded, streamed, whole, cut);
      for (int j = 0; j < 16; ++j) {
        const float x = values[i + static_cast<size_t>(j)], expected = to_bf16(x, "rint");
        const bool right = (n > 0 && j >= n) || identity(widened(rounded[j])) == identity(expected);
        const bool is_cut = std::isnan(x) || (std::bit_cast<uint32_t>(x) >> 16) == cut[j];
        if (right && identity(widened(streamed[j])) == identity(expected) && identity(whole[j]) == identity(x) && is_cut)
          continue;
        ++wrong;
        ADD_FAILURE() << table->isa << " n = " << n << ": " << x << " is stored as " << widened(rounded[j]) << ", "
                      << widened(streamed[j]) << ", " << whole[j] << ", " << widened(cut[j]) << ", and is " << expected;
      }
      EXPECT_EQ(rounded[n == 0 ? 16 : n], 4711) << table->isa << ": a store of " << n << " wrote more";
    }
  }
}

TEST(Primitives, StoresOfPairs) {
  const auto widened = [](uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); };
  const std::vector<float> values = floats();
  ASSERT_GT(values.size() * fewer(), 100'000u);
  for (const Table* table : tables()) {
    int wrong = 0;
    for (size_t i = 0; i + 32 <= values.size() && wrong < 5; i += 32) {
      uint16_t stored[33] = {};
      alignas(64) uint16_t streamed[32];
      stored[32] = 4711;
      table->stored_pair(&values[i], i % 64 == 0, stored, streamed);
      for (size_t j = 0; j < 32; ++j) {
        const float expected = to_bf16(values[i + j], "rint");
        if (identity(widened(stored[j])) == identity(expected) && identity(widened(streamed[j])) == identity(expected)) continue;
        ++wrong;
        ADD_FAILURE() << table->isa << ": " << values[i + j] << " is stored as " << widened(stored[j]) << ", "
                      << widened(streamed[j]) << ", and is " << expected;
      }
      EXPECT_EQ(stored[32], 4711) << table->isa;
    }
  }
}

TEST(Primitives, SumsOfSixtyFourLanes) {
  std::mt19937 random(4);
  for (int64_t n = 0; n <= 300; ++n) {
    std::vector<float> x(static_cast<size_t>(n));
    for (float& v : x) v = std::ldexp(static_cast<float>(static_cast<int32_t>(random())), -31 - static_cast<int>(random() % 20));
    float lanes[64] = {};
    for (int64_t k = 0; k < n; ++k) lanes[k % 64] = lanes[k % 64] + x[static_cast<size_t>(k)];
    for (int w = 32; w >= 1; w /= 2)
      for (int i = 0; i < w; ++i) lanes[i] = lanes[i] + lanes[i + w];
    for (const Table* table : tables()) {
      EXPECT_EQ(identity(table->row_sum(x.data(), n)), identity(lanes[0])) << table->isa << " n = " << n;
      EXPECT_EQ(identity(table->row_sum_any(x.data(), n)), identity(lanes[0])) << table->isa << " n = " << n;
    }
  }
}

TEST(Primitives, ExtremesInFourChains) {
  std::mt19937 random(6);
  for (int64_t n = 0; n <= 300; ++n) {
    std::vector<float> x(static_cast<size_t>(n));
    float least = kInfinity, most = -kInfinity;
    for (float& v : x) {
      v = random() % 400 == 0 ? kNan
          : n % 2 == 0        ? (random() % 2 ? 0.0f : -0.0f)
                              : static_cast<float>(static_cast<int32_t>(random()));
      least = smaller(least, v), most = larger(most, v);
    }
    for (const Table* table : tables()) {
      EXPECT_EQ(identity(table->row_max(x.data(), n)), identity(most)) << table->isa << " n = " << n;
      EXPECT_EQ(identity(table->row_min(x.data(), n)), identity(least)) << table->isa << " n = " << n;
    }
  }
}

const Unary<float, float>& exp_of(const Table& table) {
  const Unary<float, float>* list = table.f32_unary;
  while (std::string(list->name) != "exp_") ++list;
  return *list;
}

// Of every 4,001st float, or of all with IMBREX_ALL_FLOATS=1 (a quarter of an hour).
TEST(Primitives, ExpOfFloatsEverywhere) {
  const uint64_t step = std::getenv("IMBREX_ALL_FLOATS") ? 1 : 4001;
  const std::vector<const Table*> all = tables();
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 16 * step) {
    float x[16], expected[16], actual[16];
    for (uint64_t i = 0; i < 16; ++i) x[i] = std::bit_cast<float>(static_cast<uint32_t>(bits + i * step));
    exp_of(*all.front()).vector(x, expected);
    for (const Table* table : all) {
      exp_of(*table).vector(x, actual);
      for (size_t i = 0; i < 16; ++i)
        if (identity(actual[i]) != identity(expected[i]))
          FAIL() << table->isa << " exp(" << x[i] << ") is " << actual[i] << " instead of " << expected[i];
    }
  }
}

TEST(Primitives, ReductionsOfOneVector) {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    float x[16];
    int32_t y[16];
    for (int i = 0; i < 16; ++i) {
      x[i] = random() % 40 == 0  ? kNan
             : random() % 5 == 0 ? (random() % 2 ? 0.0f : -0.0f)
                                 : static_cast<float>(static_cast<int32_t>(random()));
      y[i] = static_cast<int32_t>(random());
    }
    const int n = static_cast<int>(random() % 17);
    float least = kInfinity, most = -kInfinity;
    int32_t least_i = INT32_MAX, most_i = INT32_MIN;
    int64_t sum = 0;
    for (int i = 0; i < n; ++i) {
      least = smaller(least, x[i]);
      most = larger(most, x[i]);
      least_i = std::min(least_i, y[i]);
      most_i = std::max(most_i, y[i]);
    }
    for (const int32_t v : y) sum += v;
    for (const Table* table : tables()) {
      EXPECT_EQ(identity(table->reduce_min(x, n)), identity(least)) << table->isa;
      EXPECT_EQ(identity(table->reduce_max(x, n)), identity(most)) << table->isa;
      EXPECT_EQ(table->reduce_min_i(y, n), least_i) << table->isa;
      EXPECT_EQ(table->reduce_max_i(y, n), most_i) << table->isa;
      EXPECT_EQ(table->reduce_sum_i(y), wrapped(sum)) << table->isa;
    }
  }
}

}  // namespace
}  // namespace imbrex::isa_test
