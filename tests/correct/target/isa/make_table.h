// Defines IMBREX_TABLE from the target's header that was included before.
#include <stdlib.h>

#include "correct/target/isa/table.h"

namespace imbrex::isa_test {
namespace {

using namespace imbrex::isa;

void get(const float* p, vf& x) { x = load_f32(p); }
void get(const int32_t* p, vi& x) { x = load_i32(p); }
void put(float* p, vf x) { store_f32(p, x); }
void put(int32_t* p, vi x) { store_i32(p, x); }
void put(uint8_t* p, vm x) { store_mask(p, x); }
template <class T>
struct VectorOf {
  using type = vf;
};
template <>
struct VectorOf<int32_t> {
  using type = vi;
};

template <class In, class Out, class F, class G>
constexpr Unary<In, Out> unary(const char* name, F, G) {
  return {name,
          [](const In* x, Out* result) {
            typename VectorOf<In>::type v;
            get(x, v);
            put(result, F{}(v));
          },
          [](const In* x, Out* result) {
            for (int i = 0; i < 16; ++i) result[i] = G{}(x[i]);
          }};
}
template <class In, class Out, class F, class G>
constexpr Binary<In, Out> binary(const char* name, F, G) {
  return {name,
          [](const In* a, const In* b, Out* result) {
            typename VectorOf<In>::type v, w;
            get(a, v);
            get(b, w);
            put(result, F{}(v, w));
          },
          [](const In* a, const In* b, Out* result) {
            for (int i = 0; i < 16; ++i) result[i] = G{}(a[i], b[i]);
          }};
}

#define UNARY(In, Out, name) \
  unary<In, Out>(            \
      #name, [](auto x) { return name(x); }, [](In x) { return name(x); })
#define CAST(In, Out, name) \
  unary<In, Out>(           \
      #name, [](auto x) { return name(x); }, [](In x) { return name##_s(x); })
#define BINARY(In, Out, name) \
  binary<In, Out>(            \
      #name, [](auto a, auto b) { return name(a, b); }, [](In a, In b) { return name(a, b); })
#define MODES(In, Out, name)                                                                                        \
  CAST(In, Out, name##_rint), CAST(In, Out, name##_round), CAST(In, Out, name##_floor), CAST(In, Out, name##_ceil), \
      CAST(In, Out, name##_trunc)
#define COMPARISONS(In)                                                                                                        \
  BINARY(In, uint8_t, eq), BINARY(In, uint8_t, ne), BINARY(In, uint8_t, lt), BINARY(In, uint8_t, le), BINARY(In, uint8_t, gt), \
      BINARY(In, uint8_t, ge)

const Unary<float, float> f32_unary[] = {UNARY(float, float, neg),
                                         UNARY(float, float, abs_),
                                         UNARY(float, float, sqrt_),
                                         UNARY(float, float, recip),
                                         UNARY(float, float, rsqrt),
                                         UNARY(float, float, exp_),
                                         UNARY(float, float, log_),
                                         UNARY(float, float, floor_),
                                         MODES(float, float, round_bf16),
                                         MODES(float, float, round_f16),
                                         MODES(float, float, round_e4m3),
                                         MODES(float, float, round_e8m0),
                                         {}};
const Unary<float, int32_t> f32_to_i32[] = {MODES(float, int32_t, to_i32), {}};
const Unary<int32_t, float> i32_to_f32[] = {MODES(int32_t, float, to_f32),      MODES(int32_t, float, i32_to_bf16),
                                            MODES(int32_t, float, i32_to_f16),  MODES(int32_t, float, i32_to_e4m3),
                                            MODES(int32_t, float, i32_to_e8m0), {}};
const Unary<int32_t, int32_t> i32_unary[] = {UNARY(int32_t, int32_t, neg),
                                             UNARY(int32_t, int32_t, abs_),
                                             UNARY(int32_t, int32_t, saturate_i8),
                                             UNARY(int32_t, int32_t, saturate_u8),
                                             {}};
const Binary<float, float> f32_binary[] = {BINARY(float, float, add),
                                           BINARY(float, float, sub),
                                           BINARY(float, float, mul),
                                           BINARY(float, float, div),
                                           BINARY(float, float, min),
                                           BINARY(float, float, max),
                                           {}};
const Binary<int32_t, int32_t> i32_binary[] = {BINARY(int32_t, int32_t, add), BINARY(int32_t, int32_t, sub),
                                               BINARY(int32_t, int32_t, mul), BINARY(int32_t, int32_t, min),
                                               BINARY(int32_t, int32_t, max), {}};
const Binary<float, uint8_t> f32_compare[] = {COMPARISONS(float), {}};
const Binary<int32_t, uint8_t> i32_compare[] = {COMPARISONS(int32_t), {}};

void put_bits(uint32_t* lanes, vf x) { store_f32(lanes, x); }
void put_bits(uint32_t* lanes, vi x) { store_i32(lanes, x); }
void put_bits(uint32_t* lanes, vm x) { store_i32(lanes, i32_of(x)); }
#define MEMORY(name, bytes)                                                   \
  {                                                                           \
#name, bytes, [](const void* from, void* to, int n, uint32_t* lanes) {      \
     const auto x = n == 0 ? load_##name(from) : load_##name(from, n);         \
     put_bits(lanes, x);                                                       \
     n == 0 ? store_##name(to, x) : store_##name(to, x, n);                    \
   } \
  }
const Memory memory[] = {MEMORY(f32, 4),
                         MEMORY(bf16, 2),
                         MEMORY(f16, 2),
                         MEMORY(e4m3, 1),
                         MEMORY(e8m0, 1),
                         MEMORY(i32, 4),
                         MEMORY(i64, 8),
                         MEMORY(i8, 1),
                         MEMORY(u8, 1),
                         MEMORY(mask, 1),
                         {}};

void stored(const float* x, int n, bool streams, uint16_t* rounded, uint16_t* streamed, float* whole, uint16_t* cut) {
  const vf v = load_f32(x);
  n > 0 ? store_bf16_rint(rounded, v, n) : store_bf16_rint(rounded, v);
  stream_bf16_rint(streamed, v, streams);
  stream_f32(whole, v, streams);
  stream_bf16(cut, v, streams);
}
void stored_pair(const float* x, bool streams, uint16_t* stored, uint16_t* streamed) {
  vf_pair pair;
  for (int half = 0; half < 2; ++half) pair.set(half, load_f32(x + 16 * half));
  store_bf16_rint(stored, pair);
  stream_bf16_rint(streamed, pair, streams);
}
void halves(const float* columns, float* e, float* o, float* both) {
  const vf low = load_f32(columns), high = load_f32(columns + 16);
  store_f32(e, even(low, high));
  store_f32(o, odd(low, high));
  const vf_pair pair = interleaved(even(low, high), odd(low, high));
  store_f32(both, pair.low);
  store_f32(both + 16, pair.high);
}
float row_sum(const float* x, int64_t n) {
  sum64 sum;
  sum.clear();
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) sum.add4(load_f32(x + i), load_f32(x + i + 16), load_f32(x + i + 32), load_f32(x + i + 48));
  for (int block = 0; i < n; i += 16, ++block)
    sum.add_at(block, n - i >= 16 ? load_f32(x + i) : load_f32(x + i, static_cast<int>(n - i)));
  return sum.fold();
}
template <class Chains>
vf lanes_of(const float* x, int64_t n, float neutral) {
  Chains chains;
  chains.clear();
  for (int64_t i = 0; i < n; i += 16) {
    const vf v = load_f32(x + i, static_cast<int>(n - i < 16 ? n - i : 16));
    chains.add_at(static_cast<int>(i / 16 % 4),
                  select(lt(iota_i(static_cast<int32_t>(i)), broadcast_i(static_cast<int32_t>(n))), v, broadcast(neutral)));
  }
  return chains.lanes();
}
float row_max(const float* x, int64_t n) { return reduce_max(lanes_of<max64>(x, n, -__builtin_inff())); }
float row_min(const float* x, int64_t n) { return reduce_min(lanes_of<min64>(x, n, __builtin_inff())); }
float row_sum_any(const float* x, int64_t n) {
  sum64 sum;
  sum.clear();
  for (int64_t i = 0; i < n; i += 7) sum64_any(sum, i % 64, x + i, n - i < 7 ? n - i : 7);
  return sum.fold();
}

// A product whose left operand lies in tiles, behind the interface of the others. Rows that do not exist hold anything.
#if defined(IMBREX_TILES)
struct TimesOf {
  static TimesI8 of(int8_t);
  static TimesU8I8 of(uint8_t);
  static TimesBf16 of(uint16_t);
};
template <auto product>
struct Tiled;
template <class A, class Packed, class C,
          void (*product)(const A*, Packed, int64_t, C*, int64_t, int64_t, int64_t, int64_t, bool)>
struct Tiled<product> {
  static void matmul(const A* a, int64_t a_row_stride, const void* packed_b, int64_t first_block, C* c, int64_t c_row_stride,
                     int64_t rows, int64_t columns, int64_t k, bool accumulate) {
    constexpr int64_t element = sizeof(A);
    const size_t bytes = static_cast<size_t>(tiled_bytes(rows, k * element));
    char* const memory = static_cast<char*>(malloc(bytes + 64));
    char* const tiles = memory + (64 - reinterpret_cast<uintptr_t>(memory) % 64) % 64;
    memset(tiles, 85, bytes);
    put_into_tiles<decltype(TimesOf::of(A{}))>(reinterpret_cast<const char*>(a), a_row_stride * element, rows, k * element,
                                               tiles);
    product(reinterpret_cast<const A*>(tiles), Packed{static_cast<const char*>(packed_b)}, first_block, c, c_row_stride, rows,
            columns, k, accumulate);
    free(memory);
  }
};
template <auto product>
constexpr auto tiled = &Tiled<product>::matmul;
#endif

// The others: their right operand's type says how it is packed, which a table for all of them does not.
template <auto product>
struct InRows;
template <class A, class Packed, class C,
          void (*product)(const A*, int64_t, Packed, int64_t, C*, int64_t, int64_t, int64_t, int64_t, bool)>
struct InRows<product> {
  static void matmul(const A* a, int64_t a_row_stride, const void* packed_b, int64_t first_block, C* c, int64_t c_row_stride,
                     int64_t rows, int64_t columns, int64_t k, bool accumulate) {
    product(a, a_row_stride, Packed{static_cast<const char*>(packed_b)}, first_block, c, c_row_stride, rows, columns, k,
            accumulate);
  }
};

// What the table of targets lists: by name, and by kind of product.
#define IMBREX_PRODUCT(kind, function) {.name = #function, .kind = &InRows<matmul_##function<>>::matmul},
#define IMBREX_TILED_PRODUCT(kind, function) {.name = #function "_tiled", .kind = tiled<matmul_##function##_tiled<>>},
constexpr ProductKernel products[] = {IMBREX_PRODUCTS{nullptr}};
#undef IMBREX_PRODUCT
#undef IMBREX_TILED_PRODUCT

}  // namespace

extern const Table IMBREX_TABLE;
const Table IMBREX_TABLE = {
    .isa = IMBREX_ISA,
#if defined(IMBREX_TILES_IN_SOFTWARE)
    .tiles_in_software = true,
#else
    .tiles_in_software = false,
#endif
    .f32_unary = f32_unary,
    .f32_to_i32 = f32_to_i32,
    .i32_to_f32 = i32_to_f32,
    .i32_unary = i32_unary,
    .f32_binary = f32_binary,
    .i32_binary = i32_binary,
    .f32_compare = f32_compare,
    .i32_compare = i32_compare,
    .memory = memory,
    .stored = stored,
    .stored_pair = stored_pair,
    .halves = halves,
    .select = [](const uint8_t* condition, const float* a, const float* b,
                 float* result) { store_f32(result, select(load_mask(condition), load_f32(a), load_f32(b))); },
    .divide = [](const float* a, const float* b, float* result) { store_f32(result, div(load_f32(a), Divisor(*b))); },
    .row_sum = row_sum,
    .row_sum_any = row_sum_any,
    .row_max = row_max,
    .row_min = row_min,
    .reduce_max = [](const float* x, int n) { return reduce_max(load_f32(x), n); },
    .reduce_min = [](const float* x, int n) { return reduce_min(load_f32(x), n); },
    .reduce_max_i = [](const int32_t* x, int n) { return reduce_max_i(load_i32(x), n); },
    .reduce_min_i = [](const int32_t* x, int n) { return reduce_min_i(load_i32(x), n); },
    .reduce_sum_i = [](const int32_t* x) { return reduce_sum_i(load_i32(x)); },
    .pack_i8 = pack_i8,
    .pack_bf16 = pack_bf16,
    .pack_bf16_chains = pack_bf16_chains,
    .pack_f32 = pack_f32,
    .packed_bytes = packed_bytes,
    .products = products,
    .rows_of_one = {DotI8::kRowsOfOne, DotU8I8::kRowsOfOne, DotBf16::kRowsOfOne, DotF32::kRowsOfOne},
    .rows_of_two = {DotI8::kRowsOfTwo, DotU8I8::kRowsOfTwo, DotBf16::kRowsOfTwo, DotF32::kRowsOfTwo},
};

}  // namespace imbrex::isa_test
