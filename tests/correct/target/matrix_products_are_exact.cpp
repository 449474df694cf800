// Every product kernel of each target that this machine runs, of every small shape, against the rule of docs/semantics.md.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "correct/target/isa/table.h"
#include "imbrex/target/target.h"

namespace imbrex::isa_test {
namespace {

// ---- one element of C ---------------------------------------------------------------------------------------------------------

float zero_if_subnormal(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }
// Tiny is decided at 24 bits without a lower end: scaled by 2^60, nothing near 2^-126 is subnormal.
float accumulate(float acc, float a, float b) {
  a = zero_if_subnormal(a), b = zero_if_subnormal(b), acc = zero_if_subnormal(acc);
  const float result = std::fma(a, b, acc);
  if (std::fabs(result) > 0x1p-120f || !std::isfinite(result)) return result;
  // Here acc and the product are below 2^-110 or cancel: 2^60 keeps them finite. One of a, b is below 2.
  const float scaled =
      std::fabs(a) < std::fabs(b) ? std::fma(a * 0x1p60f, b, acc * 0x1p60f) : std::fma(a, b * 0x1p60f, acc * 0x1p60f);
  return std::fabs(scaled) < 0x1p-66f ? std::copysign(0.0f, scaled) : result;
}
float widened(uint16_t x) { return std::bit_cast<float>(static_cast<uint32_t>(x) << 16); }

template <class A>
int32_t element(const A* a, const int8_t* b, int64_t b_stride, int64_t k, int32_t start) {
  uint32_t sum = static_cast<uint32_t>(start);
  for (int64_t i = 0; i < k; ++i) sum += static_cast<uint32_t>(int32_t{a[i]} * b[i * b_stride]);
  return static_cast<int32_t>(sum);
}
float element(const uint16_t* a, const uint16_t* b, int64_t b_stride, int64_t k, float start) {
  for (int64_t i = 0; i < k; i += 2) {
    const bool pair = i + 1 < k;
    start = accumulate(start, pair ? widened(a[i + 1]) : 0.0f, pair ? widened(b[(i + 1) * b_stride]) : 0.0f);
    start = accumulate(start, widened(a[i]), widened(b[i * b_stride]));
  }
  return start;
}
float element(const float* a, const float* b, int64_t b_stride, int64_t k, float start) {
  for (int64_t i = 0; i < k; ++i) start = start + a[i] * b[i * b_stride];
  return start;
}
template <class T>
uint32_t identity(T x) {
  if constexpr (std::is_same_v<T, float>) return std::isnan(x) ? 0x7fc00000u : std::bit_cast<uint32_t>(x);
  return static_cast<uint32_t>(x);
}

// ---- all shapes ---------------------------------------------------------------------------------------------------------------

// One product: operands, what C held before, and what it holds afterwards.
template <class A, class B, class C>
struct Case {
  static constexpr int64_t first_block = 1;  // the product begins at the second column block
  int64_t rows, columns, k, n, a_stride, c_stride;
  std::vector<A> a;
  std::vector<B> b;
  std::vector<C> before, expected, expected_sum;

  template <class MakeA, class MakeB, class MakeC>
  Case(int64_t row_count, int64_t column_count, int64_t inner, MakeA make_a, MakeB make_b, MakeC make_c)
      : rows(row_count), columns(column_count), k(inner), n(columns + 16), a_stride(k + 3), c_stride(columns + 5) {
    a.resize(static_cast<size_t>(rows * a_stride + 1));
    b.resize(static_cast<size_t>(k * n + 1));
    before.resize(static_cast<size_t>((rows + 1) * c_stride));
    for (A& x : a) x = make_a();
    for (B& x : b) x = make_b();
    for (C& x : before) x = make_c();
    expected = expected_sum = before;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        const size_t at = static_cast<size_t>(r * c_stride + j);
        const A* const row = &a[static_cast<size_t>(r * a_stride)];
        const B* const column = b.data() + 16 * first_block + j;
        expected[at] = element(row, column, n, k, C{0});
        expected_sum[at] = element(row, column, n, k, before[at]);
      }
    }
  }

  void check(const Table& table, const char* name, Matmul<A, C> matmul, Pack<B> pack) const {
    const int64_t bytes = table.packed_bytes(k, n, sizeof(B));
    std::vector<char> space(static_cast<size_t>(bytes) + 128, char{77});
    char* const packed = space.data() + (64 - reinterpret_cast<uintptr_t>(space.data()) % 64);
    pack(b.data(), n, 1, k, n, packed, 0, 1);
    pack(b.data(), n, 1, k, n, packed, 1, (n + 31) / 32);
    ASSERT_EQ(packed[bytes], 77) << "packing wrote past its end";
    for (const bool accumulated : {false, true}) {
      std::vector<C> c = before;
      matmul(a.data(), a_stride, packed, first_block, c.data(), c_stride, rows, columns, k, accumulated);
      const std::vector<C>& right = accumulated ? expected_sum : expected;
      for (size_t at = 0; at < c.size(); ++at)
        ASSERT_EQ(identity(c[at]), identity(right[at]))
            << table.isa << (table.tiles_in_software ? " in software " : " ") << name << " rows " << rows << " columns "
            << columns << " k " << k << " accumulate " << accumulated << " at [" << static_cast<int64_t>(at) / c_stride << ", "
            << static_cast<int64_t>(at) % c_stride << "]: " << c[at] << ", not " << right[at];
    }
  }
};

// All kernels for a kind of product, those that targets share once.
template <class A, class B, class C, class MakeA, class MakeB, class MakeC>
void check_all(Matmul<A, C> ProductKernel::*product, Pack<B> Table::*pack, MakeA make_a, MakeB make_b, MakeC make_c) {
  struct Subject {
    const Table* table;
    const ProductKernel* kernel;
  };
  std::vector<Subject> subjects;
  std::set<std::string> seen;
  for (const Table* table : tables_of_products()) {
    for (const ProductKernel* kernel = table->products; kernel->name; ++kernel) {
      if (kernel->*product == nullptr) continue;
      std::string code = table->isa + std::string(".") + kernel->name + (table->tiles_in_software ? " in software" : "");
      for (const target::ProductKernel& entry : target::target_named(table->isa)->products)
        if (entry.name == kernel->name && !entry.takes_tiles) code = entry.rate;
      if (seen.insert(code).second) subjects.push_back({table, kernel});
    }
  }
  const auto check = [&](int64_t rows, int64_t columns, int64_t k) {
    const Case<A, B, C> one(rows, columns, k, make_a, make_b, make_c);
    for (const auto& [table, kernel] : subjects) {
      one.check(*table, kernel->name, kernel->*product, table->*pack);
      if (testing::Test::HasFatalFailure()) return false;
    }
    return true;
  };
  for (const int64_t columns : {1, 15, 16, 17, 31, 33, 64, 65, 83})
    for (const int64_t k : {0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 129})
      for (int64_t rows = 0; rows <= 17; ++rows)
        if (!check(rows, columns, k)) return;
  if (!check(205, 35, 66) || !check(15, 49, 2 * 2053)) return;  // k in several parts
  // Several tiles of rows, all that go at once and more, panels and parts of k that are not full.
  if (!check(48, 64, 600) || !check(133, 48, 512 + 1) || !check(281, 33, 130)) return;
}

std::mt19937 random_bits(7);
uint32_t bits() { return static_cast<uint32_t>(random_bits()); }

TEST(MatrixProducts, Int8) {
  check_all(
      &ProductKernel::i8, &Table::pack_i8, [] { return static_cast<int8_t>(bits() % 3 ? bits() : 0x80); },
      [] { return static_cast<int8_t>(bits() % 3 ? bits() : 0x80); }, [] { return static_cast<int32_t>(bits()); });
}
TEST(MatrixProducts, Int8Extremes) {
  check_all(
      &ProductKernel::i8, &Table::pack_i8, [] { return int8_t{-128}; }, [] { return int8_t{-128}; }, [] { return INT32_MAX; });
}
TEST(MatrixProducts, Uint8TimesInt8) {
  check_all(
      &ProductKernel::u8i8, &Table::pack_i8, [] { return static_cast<uint8_t>(bits() % 3 ? bits() : 255); },
      [] { return static_cast<int8_t>(bits() % 3 ? bits() : 0x80); }, [] { return static_cast<int32_t>(bits()); });
}
TEST(MatrixProducts, F32) {
  const auto make = [] {
    return std::ldexp(static_cast<float>(static_cast<int32_t>(bits())), -31 + static_cast<int>(bits() % 20));
  };
  check_all(&ProductKernel::f32, &Table::pack_f32, make, make, make);
}

uint16_t moderate() { return static_cast<uint16_t>((bits() & 0x807f) | ((117 + bits() % 20) << 7)); }
TEST(MatrixProducts, Bf16) {
  check_all(&ProductKernel::bf16, &Table::pack_bf16, moderate, moderate,
            [] { return static_cast<float>(static_cast<int32_t>(bits())) * 0x1p-31f; });
}
// Products and sums around the smallest normal number, subnormal factors and accumulators, zeros of both signs.
TEST(MatrixProducts, Bf16NearTheLowerEnd) {
  check_all(
      &ProductKernel::bf16, &Table::pack_bf16,
      [] { return static_cast<uint16_t>((bits() & 0x807f) | ((bits() % 8 ? 55 + bits() % 12 : 0) << 7)); },
      [] { return static_cast<uint16_t>((bits() & 0x807f) | ((bits() % 8 ? 55 + bits() % 12 : 0) << 7)); },
      [] { return std::bit_cast<float>((bits() & 0x807fffffu) | ((bits() % 4) << 23)); });
}
// All bits: infinities, NaN, overflow.
TEST(MatrixProducts, Bf16AnyBits) {
  const auto any = [] { return static_cast<uint16_t>(bits()); };
  const auto tame = [] { return static_cast<uint16_t>(bits() % 50 ? (bits() & 0x807f) | ((bits() % 254) << 7) : bits()); };
  check_all(&ProductKernel::bf16, &Table::pack_bf16, tame, tame, [] { return std::bit_cast<float>(bits()); });
  check_all(&ProductKernel::bf16, &Table::pack_bf16, any, any, [] { return std::bit_cast<float>(bits()); });
}
// The two sides of what counts as tiny, and ties of the sum in double that only its rest decides.
TEST(MatrixProducts, Bf16CornerCases) {
  struct Case {
    float acc, a, b, expected;
  };
  const Case cases[] = {
      {0x1p-126f, 0x1p-75f, -0x1p-75f, 0.0f},       // exactly 2^-126 - 2^-150: tiny
      {0x1p-126f, 0x1p-75f, -0x1p-76f, 0x1p-126f},  // a tie at 24 bits: rounds to 2^-126
      {-0x1p-126f, 0x1p-75f, 0x1p-75f, -0.0f},
      {0x1.000002p0f, 0x1.02p-60f, 0x1p-20f, 0x1.000002p0f},
      {0x1p0f, 0x1.02p-12f, 0x1.02p-13f, std::fma(0x1.02p-12f, 0x1.02p-13f, 1.0f)},
      {0x1.000002p-30f, 0x1p0f, 0x1p0f, 1.0f},
      {0x1.fffffep-60f, 0x1.82p0f, 0x1.02p0f, std::fma(0x1.82p0f, 0x1.02p0f, 0x1.fffffep-60f)},
  };
  for (const Table* table : tables_of_products()) {
    for (const ProductKernel* kernel = table->products; kernel->name; ++kernel) {
      if (kernel->bf16 == nullptr) continue;
      for (const Case& test : cases) {
        const uint16_t a = static_cast<uint16_t>(std::bit_cast<uint32_t>(test.a) >> 16),
                       b = static_cast<uint16_t>(std::bit_cast<uint32_t>(test.b) >> 16);
        alignas(64) char packed[128];
        table->pack_bf16(&b, 1, 1, 1, 1, packed, 0, 1);
        float c = test.acc;
        kernel->bf16(&a, 1, packed, 0, &c, 1, 1, 1, 1, true);
        EXPECT_EQ(identity(c), identity(test.expected))
            << table->isa << " " << kernel->name << ": " << test.acc << " + " << test.a << " * " << test.b << " = " << c;
      }
    }
  }
}

TEST(MatrixProducts, ATransposedSourcePacksTheSame) {
  const int64_t k = 37, n = 50;
  std::vector<int8_t> b(static_cast<size_t>(k * n)), transposed(b.size());
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      transposed[static_cast<size_t>(j * k + i)] = b[static_cast<size_t>(i * n + j)] = static_cast<int8_t>(bits());
  for (const Table* table : tables_of_products()) {
    std::vector<char> p(static_cast<size_t>(table->packed_bytes(k, n, 1))), q(p.size());
    table->pack_i8(b.data(), n, 1, k, n, p.data(), 0, 2);
    table->pack_i8(transposed.data(), 1, k, k, n, q.data(), 0, 2);
    EXPECT_EQ(p, q);
  }
}

}  // namespace
}  // namespace imbrex::isa_test
