// What is written once for all ISAs, over the vectors and the structs Dot of products (isa/matmul.h) that the including header
// has.
#pragma once

#include "imbrex/target/isa/expanded.h"
#include "imbrex/target/isa/math.h"
#include "imbrex/target/isa/matmul.h"
#include "imbrex/target/isa/packing.h"
#include "imbrex/target/isa/reductions.h"
#include "imbrex/target/isa/scaled.h"

namespace imbrex::isa {
namespace {

constexpr int64_t kLanes = 16;  // of a vector: vf, vi, vm

IMBREX_MATMUL(matmul_i8, DotI8, int8_t, packed_i8, int32_t)
IMBREX_MATMUL(matmul_u8i8, DotU8I8, uint8_t, packed_i8, int32_t)
IMBREX_MATMUL(matmul_bf16, DotBf16, uint16_t, packed_bf16, float)
IMBREX_MATMUL(matmul_f32, DotF32, float, packed_f32, float)

IMBREX_OP vf even(vf low, vf high) { return float_of_bits(even(bits_of(low), bits_of(high))); }
IMBREX_OP vf odd(vf low, vf high) { return float_of_bits(odd(bits_of(low), bits_of(high))); }
IMBREX_OP vf interleave_lo(vf e, vf o) { return float_of_bits(interleave_lo(bits_of(e), bits_of(o))); }
IMBREX_OP vf interleave_hi(vf e, vf o) { return float_of_bits(interleave_hi(bits_of(e), bits_of(o))); }

// 32 consecutive columns: as bf16, a cache line.
struct vf_pair {
  vf low, high;
  IMBREX_OP void set(int half, vf x) { (half == 0 ? low : high) = x; }
};
IMBREX_OP vf_pair interleaved(vf e, vf o) { return {interleave_lo(e, o), interleave_hi(e, o)}; }

}  // namespace
}  // namespace imbrex::isa
