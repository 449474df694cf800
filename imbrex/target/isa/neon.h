// Vectors of sixteen lanes for aarch64, every one of which has NEON and FMA: four registers each. README.md in this folder lists
// every primitive.
#pragma once

#include <arm_neon.h>

#include "imbrex/target/isa/lane.h"
#include "imbrex/target/isa/products.h"

namespace imbrex::isa {
namespace {

struct vf {
  float32x4_t a, b, c, d;
};
struct vi {
  int32x4_t a, b, c, d;
};
struct vm {
  uint32x4_t a, b, c, d;
};  // all ones or all zeros in each lane

template <>
struct Lanes<vf> {
  using Int = vi;
  using Mask = vm;
};

// ---- operations that are one instruction on each quarter ----------------------------------------------------------------------

#define IMBREX_UNARY(name, R, T, instruction) \
  IMBREX_OP R name(T x) { return {instruction(x.a), instruction(x.b), instruction(x.c), instruction(x.d)}; }
#define IMBREX_BINARY(name, R, T, instruction)                                                           \
  IMBREX_OP R name(T x, T y) {                                                                           \
    return {instruction(x.a, y.a), instruction(x.b, y.b), instruction(x.c, y.c), instruction(x.d, y.d)}; \
  }
#define IMBREX_SELECT(T, instruction)                                                                                        \
  IMBREX_OP T select(vm m, T x, T y) {                                                                                       \
    return {instruction(m.a, x.a, y.a), instruction(m.b, x.b, y.b), instruction(m.c, x.c, y.c), instruction(m.d, x.d, y.d)}; \
  }
IMBREX_UNARY(bits_of, vi, vf, vreinterpretq_s32_f32)
IMBREX_UNARY(float_of_bits, vf, vi, vreinterpretq_f32_s32)
IMBREX_BINARY(bit_and, vi, vi, vandq_s32)
IMBREX_BINARY(bit_or, vi, vi, vorrq_s32)
IMBREX_BINARY(bit_xor, vi, vi, veorq_s32)

IMBREX_BINARY(add, vf, vf, vaddq_f32)
IMBREX_BINARY(sub, vf, vf, vsubq_f32)
IMBREX_BINARY(mul, vf, vf, vmulq_f32)
IMBREX_BINARY(div, vf, vf, vdivq_f32)
IMBREX_BINARY(min, vf, vf, vminq_f32)  // NaN if either is NaN; -0 is less than +0
IMBREX_BINARY(max, vf, vf, vmaxq_f32)
IMBREX_UNARY(neg, vf, vf, vnegq_f32)
IMBREX_UNARY(abs_, vf, vf, vabsq_f32)
IMBREX_UNARY(sqrt_, vf, vf, vsqrtq_f32)
IMBREX_BINARY(add, vi, vi, vaddq_s32)
IMBREX_BINARY(sub, vi, vi, vsubq_s32)
IMBREX_BINARY(mul, vi, vi, vmulq_s32)
IMBREX_BINARY(min, vi, vi, vminq_s32)
IMBREX_BINARY(max, vi, vi, vmaxq_s32)
IMBREX_UNARY(neg, vi, vi, vnegq_s32)
IMBREX_UNARY(abs_, vi, vi, vabsq_s32)

IMBREX_BINARY(eq, vm, vf, vceqq_f32)
IMBREX_BINARY(lt, vm, vf, vcltq_f32)
IMBREX_BINARY(le, vm, vf, vcleq_f32)
IMBREX_BINARY(gt, vm, vf, vcgtq_f32)
IMBREX_BINARY(ge, vm, vf, vcgeq_f32)
IMBREX_BINARY(eq, vm, vi, vceqq_s32)
IMBREX_BINARY(lt, vm, vi, vcltq_s32)
IMBREX_BINARY(le, vm, vi, vcleq_s32)
IMBREX_BINARY(gt, vm, vi, vcgtq_s32)
IMBREX_BINARY(ge, vm, vi, vcgeq_s32)
IMBREX_UNARY(inverse, vm, vm, vmvnq_u32)
IMBREX_SELECT(vf, vbslq_f32)
IMBREX_SELECT(vi, vbslq_s32)
IMBREX_SELECT(vm, vbslq_u32)

IMBREX_UNARY(truncated, vi, vf, vcvtq_s32_f32)
IMBREX_UNARY(nearest_float, vf, vi, vcvtq_f32_s32)
IMBREX_UNARY(integral_rint, vf, vf, vrndnq_f32)
IMBREX_UNARY(integral_trunc, vf, vf, vrndq_f32)
IMBREX_UNARY(integral_floor, vf, vf, vrndmq_f32)
IMBREX_UNARY(integral_ceil, vf, vf, vrndpq_f32)
IMBREX_UNARY(lanes_of, vi, vm, vreinterpretq_s32_u32)
IMBREX_UNARY(unsigned_of, vm, vi, vreinterpretq_u32_s32)
#undef IMBREX_UNARY
#undef IMBREX_BINARY
#undef IMBREX_SELECT

// ---- making, shifts, the other comparisons ------------------------------------------------------------------------------------

IMBREX_OP vf broadcast(float value) {
  const float32x4_t x = vdupq_n_f32(value);
  return {x, x, x, x};
}
IMBREX_OP vi broadcast_i(int32_t value) {
  const int32x4_t x = vdupq_n_s32(value);
  return {x, x, x, x};
}
IMBREX_OP vi iota_i(int32_t first) {
  const int32x4_t steps = {0, 1, 2, 3}, four = vdupq_n_s32(4), a = vaddq_s32(vdupq_n_s32(first), steps), b = vaddq_s32(a, four),
                  c = vaddq_s32(b, four);
  return {a, b, c, vaddq_s32(c, four)};
}
template <>
IMBREX_OP vf fill<vf>(float value) {
  return broadcast(value);
}
template <>
IMBREX_OP vi fill_i<vi>(int32_t value) {
  return broadcast_i(value);
}

template <int n>
IMBREX_OP vi shift_left(vi x) {
  return {vshlq_n_s32(x.a, n), vshlq_n_s32(x.b, n), vshlq_n_s32(x.c, n), vshlq_n_s32(x.d, n)};
}
template <int n>
IMBREX_OP vi shift_right(vi x) {
  const vm u = unsigned_of(x);
  return lanes_of(vm{vshrq_n_u32(u.a, n), vshrq_n_u32(u.b, n), vshrq_n_u32(u.c, n), vshrq_n_u32(u.d, n)});
}
template <int n>
IMBREX_OP vi shift_right_signed(vi x) {
  return {vshrq_n_s32(x.a, n), vshrq_n_s32(x.b, n), vshrq_n_s32(x.c, n), vshrq_n_s32(x.d, n)};
}

IMBREX_OP vm ne(vf x, vf y) { return inverse(eq(x, y)); }
IMBREX_OP vm ne(vi x, vi y) { return inverse(eq(x, y)); }
IMBREX_OP vf clamp(vf x, float low, float high) { return min(max(x, broadcast(low)), broadcast(high)); }
IMBREX_OP vi i32_of(vm x) { return bit_and(lanes_of(x), broadcast_i(1)); }
IMBREX_OP vf f32_of(vm x) { return float_of_bits(bit_and(lanes_of(x), broadcast_i(0x3f800000))); }

// ---- loads and stores: 16 lanes, or the first n (loads put zeros in the others) -----------------------------------------------

IMBREX_OP vf load_f32(const void* p) {
  const float* const lanes = static_cast<const float*>(p);
  return {vld1q_f32(lanes), vld1q_f32(lanes + 4), vld1q_f32(lanes + 8), vld1q_f32(lanes + 12)};
}
IMBREX_OP vi load_i32(const void* p) {
  const int32_t* const lanes = static_cast<const int32_t*>(p);
  return {vld1q_s32(lanes), vld1q_s32(lanes + 4), vld1q_s32(lanes + 8), vld1q_s32(lanes + 12)};
}
// Sixteen halves as they lie in memory.
struct Halves {
  uint16x8_t low, high;
};
IMBREX_OP Halves load_halves(const void* p) {
  const uint16_t* const lanes = static_cast<const uint16_t*>(p);
  return {vld1q_u16(lanes), vld1q_u16(lanes + 8)};
}
IMBREX_OP vi widened(uint16x8_t low, uint16x8_t high) {
  return lanes_of(vm{vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low), vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high)});
}
IMBREX_OP vf load_bf16(const void* p) {
  const Halves x = load_halves(p);
  return float_of_bits(shift_left<16>(widened(x.low, x.high)));
}
IMBREX_OP vf load_f16(const void* p) {
  const Halves x = load_halves(p);
  const float16x8_t low = vreinterpretq_f16_u16(x.low), high = vreinterpretq_f16_u16(x.high);
  return {vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low), vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)};
}
IMBREX_OP vi load_u8(const void* p) {
  const uint8x16_t bytes = vld1q_u8(static_cast<const uint8_t*>(p));
  return widened(vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
}
IMBREX_OP vi load_i8(const void* p) {
  const int8x16_t bytes = vld1q_s8(static_cast<const int8_t*>(p));
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
  return {vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)};
}
IMBREX_OP vm load_mask(const void* p) { return ne(load_u8(p), broadcast_i(0)); }

IMBREX_OP void store_f32(void* p, vf x) {
  float* const lanes = static_cast<float*>(p);
  vst1q_f32(lanes, x.a);
  vst1q_f32(lanes + 4, x.b);
  vst1q_f32(lanes + 8, x.c);
  vst1q_f32(lanes + 12, x.d);
}
IMBREX_OP void store_i32(void* p, vi x) {
  int32_t* const lanes = static_cast<int32_t*>(p);
  vst1q_s32(lanes, x.a);
  vst1q_s32(lanes + 4, x.b);
  vst1q_s32(lanes + 8, x.c);
  vst1q_s32(lanes + 12, x.d);
}
// The low 16 bits of each lane.
IMBREX_OP Halves low_halves(vi lanes) {
  const vm x = unsigned_of(lanes);
  return {vcombine_u16(vmovn_u32(x.a), vmovn_u32(x.b)), vcombine_u16(vmovn_u32(x.c), vmovn_u32(x.d))};
}
IMBREX_OP void store_halves(void* p, Halves x) {
  uint16_t* const lanes = static_cast<uint16_t*>(p);
  vst1q_u16(lanes, x.low);
  vst1q_u16(lanes + 8, x.high);
}
IMBREX_OP void store_bf16(void* p, vf x) { store_halves(p, low_halves(shift_right<16>(bits_of(x)))); }
IMBREX_OP void store_f16(void* p, vf x) {
  store_halves(p, {vreinterpretq_u16_f16(vcombine_f16(vcvt_f16_f32(x.a), vcvt_f16_f32(x.b))),
                   vreinterpretq_u16_f16(vcombine_f16(vcvt_f16_f32(x.c), vcvt_f16_f32(x.d)))});
}
IMBREX_OP void store_u8(void* p, vi x) {
  const Halves halves = low_halves(x);
  vst1q_u8(static_cast<uint8_t*>(p), vcombine_u8(vmovn_u16(halves.low), vmovn_u16(halves.high)));
}
IMBREX_OP void store_i8(void* p, vi x) { store_u8(p, x); }
IMBREX_OP void store_mask(void* p, vm x) { store_u8(p, i32_of(x)); }

// Lanes are not masked: a copy of the bytes that exist is loaded, and stored from.
#define IMBREX_FIRST_LANES(name, T, bytes_per_lane)            \
  IMBREX_OP T load_##name(const void* p, int n) {              \
    alignas(16) char lanes[16 * bytes_per_lane] = {};          \
    memcpy(lanes, p, static_cast<size_t>(n * bytes_per_lane)); \
    return load_##name(lanes);                                 \
  }                                                            \
  IMBREX_OP void store_##name(void* p, T x, int n) {           \
    alignas(16) char lanes[16 * bytes_per_lane];               \
    store_##name(lanes, x);                                    \
    memcpy(p, lanes, static_cast<size_t>(n * bytes_per_lane)); \
  }
IMBREX_FIRST_LANES(f32, vf, 4)
IMBREX_FIRST_LANES(i32, vi, 4)
IMBREX_FIRST_LANES(bf16, vf, 2)
IMBREX_FIRST_LANES(f16, vf, 2)
IMBREX_FIRST_LANES(i8, vi, 1)
IMBREX_FIRST_LANES(u8, vi, 1)
IMBREX_FIRST_LANES(mask, vm, 1)
#undef IMBREX_FIRST_LANES

// Lane i becomes lane i + lane i + w for w = 8, 4, 2, 1: lane 0.
IMBREX_OP float fold16(vf x) {
  const float32x4_t four = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

// ---- permutations of 32 consecutive columns -----------------------------------------------------------------------------------

IMBREX_OP vi even(vi low, vi high) {
  return {vuzp1q_s32(low.a, low.b), vuzp1q_s32(low.c, low.d), vuzp1q_s32(high.a, high.b), vuzp1q_s32(high.c, high.d)};
}
IMBREX_OP vi odd(vi low, vi high) {
  return {vuzp2q_s32(low.a, low.b), vuzp2q_s32(low.c, low.d), vuzp2q_s32(high.a, high.b), vuzp2q_s32(high.c, high.d)};
}
IMBREX_OP vi interleave_lo(vi e, vi o) {
  return {vzip1q_s32(e.a, o.a), vzip2q_s32(e.a, o.a), vzip1q_s32(e.b, o.b), vzip2q_s32(e.b, o.b)};
}
IMBREX_OP vi interleave_hi(vi e, vi o) {
  return {vzip1q_s32(e.c, o.c), vzip2q_s32(e.c, o.c), vzip1q_s32(e.d, o.d), vzip2q_s32(e.d, o.d)};
}

// ---- what the contractions are made of (isa/matmul.h) -------------------------------------------------------------------------

}  // namespace
}  // namespace imbrex::isa

#include "imbrex/target/isa/steps.h"

namespace imbrex::isa {
namespace {

// Of 32 registers, 12 hold a tile of C and 8 at most a group of B.
struct ThreeRows {
  static constexpr int kRowsOfOne = 3, kRowsOfTwo = 0;
};

// g++ would move one row's products before another's additions and run out of registers.
template <class T>
IMBREX_OP T in_order(T sum) {
  __asm__ volatile("" : "+w"(sum));
  return sum;
}

// Four columns' groups of four elements of k: each column's products in pairs, then the pairs.
IMBREX_OP int32x4_t dot_of_four(int8x16_t b, int8x16_t a) {
  const int16x8_t of_first_columns = vmull_s8(vget_low_s8(b), vget_low_s8(a)), of_last_columns = vmull_high_s8(b, a);
  return vpaddq_s32(vpaddlq_s16(of_first_columns), vpaddlq_s16(of_last_columns));
}
// Sixteen columns of a group.
struct Bytes {
  int8x16_t a, b, c, d;
};
IMBREX_OP Bytes load_bytes(const char* p) {
  const int8_t* const bytes = reinterpret_cast<const int8_t*>(p);
  return {vld1q_s8(bytes), vld1q_s8(bytes + 16), vld1q_s8(bytes + 32), vld1q_s8(bytes + 48)};
}
IMBREX_OP vi add_dots(vi sum, Bytes b, int8x16_t a) {
  return {in_order(vaddq_s32(sum.a, dot_of_four(b.a, a))), in_order(vaddq_s32(sum.b, dot_of_four(b.b, a))),
          in_order(vaddq_s32(sum.c, dot_of_four(b.c, a))), in_order(vaddq_s32(sum.d, dot_of_four(b.d, a)))};
}

struct DotI8 : StepsOfAGroup<int8_t>, ThreeRows {
  using Result = int32_t;
  using Accumulator = vi;
  using Columns = Bytes;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return load_bytes(packed); }
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) {
    return add_dots(sum, b, vreinterpretq_s8_s32(vdupq_n_s32(load_i32_s(a))));
  }
};

// No instruction multiplies unsigned by signed bytes: what is 128 too small as a signed byte is multiplied, and 128 times the
// column's bytes are added.
struct DotU8I8 : StepsOfAGroup<uint8_t>, ThreeRows {
  using Result = int32_t;
  using Accumulator = vi;
  struct Columns {
    Bytes bytes;
    vi times_128;
  };
  using Mode = AsItIs;
  IMBREX_OP static int32x4_t sum_of_four(int8x16_t b) { return vpaddlq_s16(vpaddlq_s8(b)); }
  IMBREX_OP static Columns load(const char* packed) {
    const Bytes b = load_bytes(packed);
    return {b, shift_left<7>(vi{sum_of_four(b.a), sum_of_four(b.b), sum_of_four(b.c), sum_of_four(b.d)})};
  }
  IMBREX_OP static vi step(vi sum, Columns b, const char* a) {
    constexpr uint32_t all_128 = 0x80808080;
    const int32_t less_128 = static_cast<int32_t>(static_cast<uint32_t>(load_i32_s(a)) ^ all_128);
    return add_dots(add(sum, b.times_128), b.bytes, vreinterpretq_s8_s32(vdupq_n_s32(less_128)));
  }
};

// Zero of its sign where the magnitude is less than 2^-126.
IMBREX_OP float32x4_t flushed(float32x4_t x) {
  const uint32x4_t tiny = vcaltq_f32(x, vdupq_n_f32(0x1p-126f));
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), vshrq_n_u32(tiny, 1)));
}
IMBREX_OP vf flushed(vf x) { return {flushed(x.a), flushed(x.b), flushed(x.c), flushed(x.d)}; }

// The flushing of FPCR comes before rounding, that of docs/semantics.md after it. So nothing is flushed by the processor, and the
// same sum is made 2^24 times as large, too, where it is rounded to 24 bits though it be tiny: that decides. What overflows there
// is NaN or infinite, and not tiny. Where a factor or addend is so large that it does, the sum is 0 or far from tiny.
IMBREX_OP float32x4_t multiply_add_flushed(float32x4_t sum, float32x4_t b, float32x4_t a, float32x4_t a_enlarged) {
  const float32x4_t enlarged = vfmaq_f32(vmulq_n_f32(sum, 0x1p24f), b, a_enlarged), result = vfmaq_f32(sum, b, a);
  const uint32x4_t tiny = vcaltq_f32(enlarged, vdupq_n_f32(0x1p-102f));
  return in_order(vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(result), vshrq_n_u32(tiny, 1))));
}

// Of pairs of bf16: subnormals are zero of their sign.
IMBREX_OP int32x4_t flushed_pairs(int32x4_t pairs) {
  const uint16x8_t x = vreinterpretq_u16_s32(pairs), is_normal = vtstq_u16(x, vdupq_n_u16(0x7f80));
  return vreinterpretq_s32_u16(vandq_u16(x, vorrq_u16(is_normal, vdupq_n_u16(0x8000))));
}
IMBREX_OP float32x4_t even_floats(int32x4_t pairs) { return vreinterpretq_f32_s32(vshlq_n_s32(pairs, 16)); }
IMBREX_OP float32x4_t odd_floats(int32x4_t pairs) {
  return vreinterpretq_f32_s32(vandq_s32(pairs, vdupq_n_s32(static_cast<int32_t>(0xffff0000))));
}

struct DotBf16 : StepsOfABlock, ThreeRows {
  using Columns = vi;  // as pairs: as floats they would take twice the registers
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) {
    const vi b = load_i32(packed);
    return {flushed_pairs(b.a), flushed_pairs(b.b), flushed_pairs(b.c), flushed_pairs(b.d)};
  }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    const int32x4_t pair = flushed_pairs(vdupq_n_s32(load_i32_s(a)));
    const float32x4_t odd = odd_floats(pair), odd_enlarged = vmulq_n_f32(odd, 0x1p24f);
    sum = {multiply_add_flushed(sum.a, odd_floats(b.a), odd, odd_enlarged),
           multiply_add_flushed(sum.b, odd_floats(b.b), odd, odd_enlarged),
           multiply_add_flushed(sum.c, odd_floats(b.c), odd, odd_enlarged),
           multiply_add_flushed(sum.d, odd_floats(b.d), odd, odd_enlarged)};
    const float32x4_t even = even_floats(pair), even_enlarged = vmulq_n_f32(even, 0x1p24f);
    return {multiply_add_flushed(sum.a, even_floats(b.a), even, even_enlarged),
            multiply_add_flushed(sum.b, even_floats(b.b), even, even_enlarged),
            multiply_add_flushed(sum.c, even_floats(b.c), even, even_enlarged),
            multiply_add_flushed(sum.d, even_floats(b.d), even, even_enlarged)};
  }
  // A sum of two floats that is tiny is exact.
  IMBREX_OP static vf sum(vf c, vf first, vf second) { return flushed(add(flushed(c), flushed(add(first, second)))); }
};

struct DotF32 : StepsOfAGroup<float>, ThreeRows {
  using Result = float;
  using Accumulator = vf;
  using Columns = vf;
  using Mode = AsItIs;
  IMBREX_OP static Columns load(const char* packed) { return load_f32(packed); }
  IMBREX_OP static vf step(vf sum, Columns b, const char* a) {
    const float32x4_t x = vdupq_n_f32(load_f32_s(a));
    return {vfmaq_f32(sum.a, b.a, x), vfmaq_f32(sum.b, b.b, x), vfmaq_f32(sum.c, b.c, x), vfmaq_f32(sum.d, b.d, x)};
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

// Without dot products of bytes: products of 16 bits, in pairs.
struct Sadalp {
  using Operand = int8x16_t;
  using Sum = int32x4_t;
  static constexpr double kOfStep = 8;
  IMBREX_OP static int8x16_t operand() { return vld1q_s8(reinterpret_cast<const int8_t*>(kOperandBytes.any)); }
  IMBREX_OP static int32x4_t zero() { return vdupq_n_s32(0); }
  template <class T>
  IMBREX_OP static void hide(T& x) {
    __asm__ volatile("" : "+w"(x));
  }
  IMBREX_OP static int32x4_t step(int32x4_t c, int8x16_t a) { return vpadalq_s16(c, vmull_s8(vget_low_s8(a), vget_low_s8(a))); }
};
struct Fmla {
  using Operand = float32x4_t;
  using Sum = float32x4_t;
  static constexpr double kOfStep = 4;
  IMBREX_OP static float32x4_t operand() { return vld1q_f32(reinterpret_cast<const float*>(kOperandBytes.floats)); }
  IMBREX_OP static float32x4_t zero() { return vdupq_n_f32(0); }
  IMBREX_OP static void hide(float32x4_t& x) { __asm__ volatile("" : "+w"(x)); }
  IMBREX_OP static float32x4_t step(float32x4_t c, float32x4_t a) { return vfmaq_f32(c, a, a); }
};
struct MulAdd : Fmla {
  static constexpr double kOfStep = 2 * 4;
  IMBREX_OP static float32x4_t step(float32x4_t c, float32x4_t a) { return vaddq_f32(vmulq_f32(c, a), a); }
};
IMBREX_PEAK(sadalp, Sadalp)
IMBREX_PEAK(fmla, Fmla)
IMBREX_PEAK(vector, MulAdd)

}  // namespace
}  // namespace imbrex::isa
