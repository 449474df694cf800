// Every product kernel of each target that this machine runs, of every small shape, against the rule of docs/semantics.md.
#include <gtest/gtest.h>

#include <algorithm>
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
  const auto chain = [&](int64_t begin) {
    float sum = 0;
    for (int64_t pair = begin; pair < begin + 16; pair += 2)
      for (const int64_t i : {pair + 1, pair})
        sum = accumulate(sum, i < k ? widened(a[i]) : 0.0f, i < k ? widened(b[i * b_stride]) : 0.0f);
    return sum;
  };
  const auto add = [](float x, float y) { return zero_if_subnormal(zero_if_subnormal(x) + zero_if_subnormal(y)); };
  for (int64_t block = 0; block < k; block += 32) start = add(start, add(chain(block), chain(block + 16)));
  return start;
}
float element(const float* a, const float* b, int64_t b_stride, int64_t k, float start) {
  for (int64_t i = 0; i < k; ++i) start = std::fma(a[i], b[i * b_stride], start);
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

const target::ProductKernel& entry_of(const Table& table, const ProductKernel& kernel) {
  std::string name = kernel.name;
  if (name.ends_with("_tiled")) name.resize(name.size() - 6);
  const std::vector<target::ProductKernel>& entries = target::target_named(table.isa)->products;
  return *std::find_if(entries.begin(), entries.end(), [&](const target::ProductKernel& entry) { return entry.name == name; });
}
Pack<uint16_t> pack_of(const Table& table, const ProductKernel& kernel) {
  return entry_of(table, kernel).packing == "bf16_chains" ? table.pack_bf16_chains : table.pack_bf16;
}

// All kernels for a kind of product, those that targets share once.
template <class A, class B, class C, class MakeA, class MakeB, class MakeC>
void check_all(Matmul<A, C> ProductKernel::*product, Pack<B> Table::*pack, MakeA make_a, MakeB make_b, MakeC make_c) {
  struct Subject {
    const Table* table;
    const ProductKernel* kernel;
    Pack<B> pack;
  };
  std::vector<Subject> subjects;
  std::set<std::string> seen;
  for (const Table* table : tables_of_products()) {
    for (const ProductKernel* kernel = table->products; kernel->name; ++kernel) {
      if (kernel->*product == nullptr) continue;
      std::string code = table->isa + std::string(".") + kernel->name + (table->tiles_in_software ? " in software" : "");
      const target::ProductKernel& entry = entry_of(*table, *kernel);
      if (!entry.takes_tiles) code = entry.rate;
      Pack<B> own = table->*pack;
      if constexpr (std::is_same_v<B, uint16_t>) own = pack_of(*table, *kernel);
      if (seen.insert(code).second) subjects.push_back({table, kernel, own});
    }
  }
  const auto check = [&](int64_t rows, int64_t columns, int64_t k) {
    const Case<A, B, C> one(rows, columns, k, make_a, make_b, make_c);
    for (const auto& [table, kernel, own] : subjects) {
      one.check(*table, kernel->name, kernel->*product, own);
      if (testing::Test::HasFatalFailure()) return false;
    }
    return true;
  };
  size_t count = 0;
  for (const int64_t columns : {1, 15, 16, 17, 31, 33, 64, 65, 83})
    for (const int64_t k : {0, 1, 2, 3, 5, 8, 17, 31, 32, 33, 63, 65})
      for (int64_t rows = 0; rows <= (columns == 33 && k == 33 ? 30 : 17); ++rows)
        if (count++ % fewer() == 0 && !check(rows, columns, k)) return;
  if (!check(205, 35, 66) || !check(13, 33, 32 * 40)) return;  // k in several parts
  if (fewer() > 1 || !check(15, 49, 2 * 2053)) return;
  // Several tiles of rows, all that go at once and more, panels and parts of k that are not full.
  if (!check(48, 64, 600) || !check(133, 48, 512 + 1) || !check(281, 33, 130)) return;
}

// More rows in tiles than the L2 cache holds: all columns by parts of k.
template <class A, class B, class C, class MakeA, class MakeB>
void check_many_rows_in_tiles(Matmul<A, C> ProductKernel::*product, Pack<B> Table::*pack, int64_t k, MakeA make_a, MakeB make_b) {
  const Case<A, B, C> one(165, 49, k, make_a, make_b, [] { return C{3}; });
  for (const Table* table : tables_of_products())
    for (const ProductKernel* kernel = table->products; kernel->name; ++kernel) {
      if (kernel->*product == nullptr || !std::string_view(kernel->name).ends_with("_tiled")) continue;
      Pack<B> own = table->*pack;
      if constexpr (std::is_same_v<B, uint16_t>) own = pack_of(*table, *kernel);
      one.check(*table, kernel->name, kernel->*product, own);
    }
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
TEST(MatrixProducts, OfManyRowsInTiles) {
  const auto byte = [] { return static_cast<int8_t>(bits()); };
  check_many_rows_in_tiles<int8_t, int8_t, int32_t>(&ProductKernel::i8, &Table::pack_i8, 6437, byte, byte);
  check_many_rows_in_tiles<uint16_t, uint16_t, float>(&ProductKernel::bf16, &Table::pack_bf16, 3237, moderate, moderate);
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
// The two sides of what counts as tiny, and ties of the sum in double that only its rest decides. The last that a chain takes of
// its elements are 12, 15 and 14: two products that make up a sum, and one that is added to it.
TEST(MatrixProducts, Bf16CornerCases) {
  struct Case {
    float before, high, low, a, b, expected;
  };
  const Case cases[] = {
      {0, 0x1p-126f, 0, 0x1p-75f, -0x1p-75f, 0.0f},       // exactly 2^-126 - 2^-150: tiny
      {0, 0x1p-126f, 0, 0x1p-75f, -0x1p-76f, 0x1p-126f},  // a tie at 24 bits: rounds to 2^-126
      {0, -0x1p-126f, 0, 0x1p-75f, 0x1p-75f, 0.0f},       // -0, and then + 0 of the other chain
      {0, 1, 0x1p-23f, 0x1.02p-60f, 0x1p-20f, 0x1.000002p0f},
      {0, 1, 0, 0x1.02p-12f, 0x1.02p-13f, std::fma(0x1.02p-12f, 0x1.02p-13f, 1.0f)},
      {0, 0x1p-30f, 0x1p-53f, 1, 1, 1.0f},
      {0, 0x1p-59f, -0x1p-83f, 0x1.82p0f, 0x1.02p0f, std::fma(0x1.82p0f, 0x1.02p0f, 0x1.fffffep-60f)},
      // What is added to the result, and the result, flush, too.
      {0x1.8p-126f, 0, 0, -0x1p-126f, 1, 0.0f},
      {0x1p-127f, 0, 0, 0x1p-126f, 1, 0x1p-126f},
      {-0.0f, 0, 0, 0, 0, 0.0f},
      {0x1p-149f, 0, 0, 0, 0, 0.0f},
  };
  const auto bf16 = [](float x) { return static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16); };
  for (const Table* table : tables_of_products()) {
    for (const ProductKernel* kernel = table->products; kernel->name; ++kernel) {
      if (kernel->bf16 == nullptr) continue;
      for (const Case& test : cases) {
        uint16_t a[16] = {}, b[16] = {};
        a[12] = bf16(test.high), a[15] = bf16(test.low), a[14] = bf16(test.a);
        b[12] = bf16(1), b[15] = bf16(1), b[14] = bf16(test.b);
        alignas(64) char packed[2048];
        pack_of(*table, *kernel)(b, 1, 1, 16, 1, packed, 0, 1);
        float c = test.before;
        kernel->bf16(a, 16, packed, 0, &c, 1, 1, 1, 16, true);
        EXPECT_EQ(identity(c), identity(test.expected))
            << table->isa << " " << kernel->name << ": " << test.high << " + " << test.low << " + " << test.a << " * " << test.b
            << " onto " << test.before << " = " << c;
      }
    }
  }
}
// One rounding for each step: sums that a rounded product would change, ties that only the rest decides, subnormals,
// cancellation.
TEST(MatrixProducts, F32CornerCases) {
  struct Case {
    float before, a, b;
  };
  const Case cases[] = {
      {-1, 0x1.000002p0f, 0x1.000002p0f},
      {0x1p0f, 0x1.000002p-12f, 0x1.fffffep-13f},
      {0x1.000002p0f, 0x1p-24f, 1},
      {0x1p0f, 0x1.000002p-12f, 0x1p-12f},
      {0x1p-149f, 0x1p-75f, 0x1p-75f},
      {0x1.fffffep127f, 0x1p64f, 0x1p63f},
      {-0x1.fffffep127f, 0x1.8p64f, 0x1p64f},
      {0x1p-126f, -0x1.000002p-63f, 0x1.fffffep-64f},
      {0.0f, -0x1p-80f, 0x1p-80f},
      {-0.0f, -0.0f, 1},
      {0x1.000002p-127f, 0x1.8p-75f, 0x1p-75f},
      {INFINITY, -INFINITY, 1},
      {-0x1.8p-148f, 0x1.4p-74f, 0x1.000002p-74f},
  };
  std::vector<Case> all(std::begin(cases), std::end(cases));
  for (int i = 0; i < 20000; ++i)
    all.push_back({std::bit_cast<float>(bits()), std::bit_cast<float>(bits()), std::bit_cast<float>(bits())});
  for (int i = 0; i < 20000; ++i) {  // where all three are of one size
    const auto near = [](int range) {
      return std::ldexp(static_cast<float>(static_cast<int32_t>(bits())),
                        -31 - static_cast<int>(bits() % static_cast<uint32_t>(range)));
    };
    all.push_back({near(40), near(30), near(30)});
  }
  for (const Table* table : tables_of_products()) {
    for (const ProductKernel* kernel = table->products; kernel->name; ++kernel) {
      if (kernel->f32 == nullptr) continue;
      for (const Case& test : all) {
        alignas(64) char packed[128];
        table->pack_f32(&test.b, 1, 1, 1, 1, packed, 0, 1);
        float c = test.before;
        kernel->f32(&test.a, 1, packed, 0, &c, 1, 1, 1, 1, true);
        ASSERT_EQ(identity(c), identity(std::fma(test.a, test.b, test.before)))
            << table->isa << " " << kernel->name << ": " << test.before << " + " << test.a << " * " << test.b << " = " << c;
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
