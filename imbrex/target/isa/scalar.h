// Vectors of sixteen lanes for every processor: arrays, lane by lane. README.md in this folder lists every primitive.
#pragma once

#include "imbrex/target/isa/lane.h"
#include "imbrex/target/isa/products.h"

namespace imbrex::isa {
namespace {

struct vf {
  float lane[16];
};
struct vi {
  int32_t lane[16];
};
struct vm {
  bool lane[16];
};

template <>
struct Lanes<vf> {
  using Int = vi;
  using Mask = vm;
};

// ---- making, bits, arithmetic, comparisons: the operation of isa/lane.h on each lane ------------------------------------------

#define IMBREX_EACH_LANE(R, expression)                  \
  R r;                                                   \
  for (int i = 0; i < 16; ++i) r.lane[i] = (expression); \
  return r
#define IMBREX_UNARY(name, R, T) \
  inline R name(T x) { IMBREX_EACH_LANE(R, name(x.lane[i])); }
#define IMBREX_BINARY(name, R, T) \
  inline R name(T a, T b) { IMBREX_EACH_LANE(R, name(a.lane[i], b.lane[i])); }
#define IMBREX_SHIFT(name)                    \
  template <int n>                            \
  inline vi name(vi x) {                      \
    IMBREX_EACH_LANE(vi, name<n>(x.lane[i])); \
  }
#define IMBREX_SELECT(T) \
  inline T select(vm condition, T a, T b) { IMBREX_EACH_LANE(T, select(condition.lane[i], a.lane[i], b.lane[i])); }

inline vf broadcast(float value) { IMBREX_EACH_LANE(vf, value); }
inline vi broadcast_i(int32_t value) { IMBREX_EACH_LANE(vi, value); }
inline vi iota_i(int32_t first) { IMBREX_EACH_LANE(vi, add(first, i)); }
template <>
inline vf fill<vf>(float value) {
  return broadcast(value);
}
template <>
inline vi fill_i<vi>(int32_t value) {
  return broadcast_i(value);
}

IMBREX_UNARY(bits_of, vi, vf)
IMBREX_UNARY(float_of_bits, vf, vi)
IMBREX_BINARY(bit_and, vi, vi)
IMBREX_BINARY(bit_or, vi, vi)
IMBREX_BINARY(bit_xor, vi, vi)
IMBREX_SHIFT(shift_left)
IMBREX_SHIFT(shift_right)
IMBREX_SHIFT(shift_right_signed)

IMBREX_BINARY(eq, vm, vf)
IMBREX_BINARY(ne, vm, vf)
IMBREX_BINARY(lt, vm, vf)
IMBREX_BINARY(le, vm, vf)
IMBREX_BINARY(gt, vm, vf)
IMBREX_BINARY(ge, vm, vf)
IMBREX_BINARY(eq, vm, vi)
IMBREX_BINARY(ne, vm, vi)
IMBREX_BINARY(lt, vm, vi)
IMBREX_BINARY(le, vm, vi)
IMBREX_BINARY(gt, vm, vi)
IMBREX_BINARY(ge, vm, vi)
IMBREX_SELECT(vf)
IMBREX_SELECT(vi)
IMBREX_SELECT(vm)

IMBREX_BINARY(add, vf, vf)
IMBREX_BINARY(sub, vf, vf)
IMBREX_BINARY(mul, vf, vf)
IMBREX_BINARY(div, vf, vf)
IMBREX_BINARY(min, vf, vf)
IMBREX_BINARY(max, vf, vf)
inline vf clamp(vf x, float low, float high) { IMBREX_EACH_LANE(vf, clamp(x.lane[i], low, high)); }
IMBREX_UNARY(neg, vf, vf)
IMBREX_UNARY(abs_, vf, vf)
IMBREX_BINARY(add, vi, vi)
IMBREX_BINARY(sub, vi, vi)
IMBREX_BINARY(mul, vi, vi)
IMBREX_BINARY(min, vi, vi)
IMBREX_BINARY(max, vi, vi)
IMBREX_UNARY(neg, vi, vi)
IMBREX_UNARY(abs_, vi, vi)

IMBREX_UNARY(truncated, vi, vf)
IMBREX_UNARY(nearest_float, vf, vi)
IMBREX_UNARY(f32_of, vf, vm)
IMBREX_UNARY(i32_of, vi, vm)

// ---- loads and stores: 16 lanes, or the first n (loads put zeros in the others); isa/lane_by_lane.h has those of other types ---

#define IMBREX_MEMORY(name, T, bytes)                                                                                    \
  inline T load_##name(const void* p, int n) {                                                                           \
    T r = {};                                                                                                            \
    for (int i = 0; i < n; ++i) r.lane[i] = load_##name##_s(static_cast<const char*>(p) + i * bytes);                    \
    return r;                                                                                                            \
  }                                                                                                                      \
  inline T load_##name(const void* p) { IMBREX_EACH_LANE(T, load_##name##_s(static_cast<const char*>(p) + i * bytes)); } \
  inline void store_##name(void* p, T x, int n) {                                                                        \
    for (int i = 0; i < n; ++i) store_##name##_s(static_cast<char*>(p) + i * bytes, x.lane[i]);                          \
  }                                                                                                                      \
  inline void store_##name(void* p, T x) { store_##name(p, x, 16); }
IMBREX_MEMORY(f32, vf, 4)
IMBREX_MEMORY(i32, vi, 4)

// Lane i becomes lane i + lane i + w for w = 8, 4, 2, 1: lane 0.
inline float fold16(vf x) {
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) x.lane[i] += x.lane[i + width];
  return x.lane[0];
}

// ---- permutations of 32 consecutive columns -----------------------------------------------------------------------------------

inline vi even(vi low, vi high) { IMBREX_EACH_LANE(vi, i < 8 ? low.lane[2 * i] : high.lane[2 * i - 16]); }
inline vi odd(vi low, vi high) { IMBREX_EACH_LANE(vi, i < 8 ? low.lane[2 * i + 1] : high.lane[2 * i - 15]); }
inline vi interleave_lo(vi e, vi o) { IMBREX_EACH_LANE(vi, i % 2 == 0 ? e.lane[i / 2] : o.lane[i / 2]); }
inline vi interleave_hi(vi e, vi o) { IMBREX_EACH_LANE(vi, i % 2 == 0 ? e.lane[8 + i / 2] : o.lane[8 + i / 2]); }

#undef IMBREX_EACH_LANE
#undef IMBREX_UNARY
#undef IMBREX_BINARY
#undef IMBREX_SHIFT
#undef IMBREX_SELECT
#undef IMBREX_MEMORY

// ---- what the contractions are made of (isa/matmul.h) -------------------------------------------------------------------------

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/steps.h"

namespace imbrex::isa {
namespace {

struct OneRow {
  static constexpr int kRowsOfOne = 1, kRowsOfTwo = 0;
};

inline float flushed(float x) { return abs_(x) < 0x1p-126f ? x * 0.0f : x; }
// A sum of two floats that is tiny is exact.
inline float add_flushed(float a, float b) { return flushed(flushed(a) + flushed(b)); }

// acc + a * b for bf16 a and b, rounded once, with subnormal operands and tiny results as zero: what FMA does with DAZ and FTZ.
// The product is exact in double and the sum there nearly so. Rounding that to float is right unless it lies on a tie to which
// the addition in double rounded: then the rest of that addition decides.
inline float multiply_add_bf16(float acc, float a, float b) {
  a = flushed(a);
  b = flushed(b);
  acc = flushed(acc);
  const double product = static_cast<double>(a) * static_cast<double>(b), addend = static_cast<double>(acc);
  double sum = product + addend;
  int64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  constexpr int64_t below_float = (int64_t{1} << 29) - 1, tie = int64_t{1} << 28;
  if ((bits & below_float) == tie && sum - sum == 0.0) {
    const double from_addend = sum - product;
    const double rest = (product - (sum - from_addend)) + (addend - from_addend);
    if (rest != 0.0) {
      bits += (rest > 0.0) == (sum > 0.0) ? 1 : -1;
      memcpy(&sum, &bits, sizeof sum);
    }
  }
  // Tiny: below 2^-126 when rounded to 24 bits, hence below the tie between it and its predecessor there.
  constexpr double first_not_tiny = 0x1p-126 - 0x1p-151;
  if (sum < first_not_tiny && sum > -first_not_tiny) return static_cast<float>(sum * 0.0);
  return static_cast<float>(sum);
}

// acc + a * b, rounded once: fma() without a call. The product is exact in double. The sum is rounded to odd there: where it is
// not exact, its last bit says that there was a rest, so that no second rounding takes it for a tie (Boldo and Melquiond,
// "Emulation of FMA and correctly rounded sums", 2008).
inline float multiply_add(float acc, float a, float b) {
  const double product = static_cast<double>(a) * static_cast<double>(b), addend = static_cast<double>(acc);
  double sum = product + addend;
  const double from_addend = sum - product;
  const double rest = (product - (sum - from_addend)) + (addend - from_addend);
  int64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  if (rest != 0.0 && rest - rest == 0.0 && (bits & 1) == 0) {
    bits += (rest > 0.0) == (sum > 0.0) ? 1 : -1;
    memcpy(&sum, &bits, sizeof sum);
  }
  return static_cast<float>(sum);
}

// The sixteen columns of a group of B stay in memory.
struct DotI8 : StepsOfAGroup<int8_t>, OneRow {
  using Result = int32_t;
  using Accumulator = vi;
  using Columns = const char*;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return packed; }
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) {
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 4; ++j) sum.lane[i] = add(sum.lane[i], load_i8_s(a + j) * load_i8_s(b + 4 * i + j));
    }
    return sum;
  }
};

struct DotU8I8 : StepsOfAGroup<uint8_t>, OneRow {
  using Result = int32_t;
  using Accumulator = vi;
  using Columns = const char*;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return packed; }
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) {
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 4; ++j) sum.lane[i] = add(sum.lane[i], load_u8_s(a + j) * load_i8_s(b + 4 * i + j));
    }
    return sum;
  }
};

struct DotBf16 : StepsOfABlock, OneRow {
  using Columns = const char*;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return packed; }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    const float even_a = load_bf16_s(a), odd_a = load_bf16_s(a + 2);
    for (int i = 0; i < 16; ++i) {
      sum.lane[i] = multiply_add_bf16(sum.lane[i], odd_a, load_bf16_s(b + 4 * i + 2));
      sum.lane[i] = multiply_add_bf16(sum.lane[i], even_a, load_bf16_s(b + 4 * i));
    }
    return sum;
  }
  IMBREX_OP static vf sum(vf c, vf first, vf second) {
    for (int i = 0; i < 16; ++i) c.lane[i] = add_flushed(c.lane[i], add_flushed(first.lane[i], second.lane[i]));
    return c;
  }
};

struct DotF32 : StepsOfAGroup<float>, OneRow {
  using Result = float;
  using Accumulator = vf;
  using Columns = const char*;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return packed; }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    const float element = load_f32_s(a);
    for (int i = 0; i < 16; ++i) sum.lane[i] = multiply_add(sum.lane[i], element, load_f32_s(b + 4 * i));
    return sum;
  }
};

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/bytes_by_lanes.h"
#include "imbrex/target/isa/common.h"
#include "imbrex/target/isa/divisor.h"

namespace imbrex::isa {
namespace {

IMBREX_OP void store_bf16_rint(void* p, vf x) { store_bf16(p, round_bf16_rint(x)); }
IMBREX_OP void store_bf16_rint(void* p, vf x, int n) { store_bf16(p, round_bf16_rint(x), n); }

// Nothing goes past the caches here.
IMBREX_OP void stream_bf16(void* p, vf x, bool) { store_bf16(p, x); }
IMBREX_OP void stream_bf16_rint(void* p, vf x, bool) { store_bf16_rint(p, x); }
IMBREX_OP void store_bf16_rint(void* p, vf_pair x) {
  store_bf16_rint(p, x.low);
  store_bf16_rint(static_cast<char*>(p) + 32, x.high);
}
IMBREX_OP void stream_bf16_rint(void* p, vf_pair x, bool) { store_bf16_rint(p, x); }
IMBREX_OP void stream_f32(void* p, vf x, bool) { store_f32(p, x); }

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/peak.h"

namespace imbrex::isa {
namespace {

// A multiplication and an addition of one f32.
struct MulAddOne {
  using Operand = float;
  using Sum = float;
  static constexpr double kOfStep = 1;
  IMBREX_OP static float operand() { return load_f32_s(kOperandBytes.floats); }
  IMBREX_OP static float zero() { return 0; }
  IMBREX_OP static void hide(float& x) { hide_from_compiler(x); }
  IMBREX_OP static float step(float c, float a) { return c * a + a; }
};
struct MulAddOneAsTwo : MulAddOne {
  static constexpr double kOfStep = 2;
};
IMBREX_PEAK(mulss, MulAddOne)
IMBREX_PEAK(vector, MulAddOneAsTwo)

}  // namespace
}  // namespace imbrex::isa
