// Reductions over lanes: the sum of 64 lanes of docs/semantics.md, and the largest, smallest and sum of one vector's lanes.
#pragma once

#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

// The state of one f32 row sum. Element k of the whole axis belongs to lane k mod 64; `block` is (k mod 64) / 16. Lanes without
// an element may hold +0: a lane is never -0, so that adding +0 changes nothing.
struct sum64 {
  vf block0, block1, block2, block3;

  IMBREX_OP void clear() { block0 = block1 = block2 = block3 = broadcast(0.0f); }
  IMBREX_OP void add4(vf a, vf b, vf c, vf d) {
    block0 = add(block0, a);
    block1 = add(block1, b);
    block2 = add(block2, c);
    block3 = add(block3, d);
  }
  IMBREX_OP void add_at(int block, vf v) {
    switch (block) {
      case 0: block0 = add(block0, v); break;
      case 1: block1 = add(block1, v); break;
      case 2: block2 = add(block2, v); break;
      default: block3 = add(block3, v); break;
    }
  }
  IMBREX_OP void load(const float* lanes) {
    block0 = load_f32(lanes);
    block1 = load_f32(lanes + 16);
    block2 = load_f32(lanes + 32);
    block3 = load_f32(lanes + 48);
  }
  IMBREX_OP void store(float* lanes) const {
    store_f32(lanes, block0);
    store_f32(lanes + 16, block1);
    store_f32(lanes + 32, block2);
    store_f32(lanes + 48, block3);
  }
  IMBREX_OP float fold() const { return fold16(add(add(block0, block2), add(block1, block3))); }  // widths 32 and 16
};

// Adds n consecutive elements of the axis, the first of them in any lane.
inline void sum64_any(sum64& sum, int64_t first_lane, const float* elements, int64_t n) {
  float lanes[64];
  sum.store(lanes);
  for (int64_t i = 0; i < n; ++i) lanes[(first_lane + i) % 64] += elements[i];
  sum.load(lanes);
}

// The state of one f32 row maximum or minimum: four chains, because each step of one waits for the step before it. Their order
// does not matter to the result.
#define IMBREX_CHAINS(name, combine, neutral)                                                        \
  struct name {                                                                                      \
    vf block0, block1, block2, block3;                                                               \
    IMBREX_OP void clear() { block0 = block1 = block2 = block3 = broadcast(neutral); }               \
    IMBREX_OP void add_at(int block, vf v) {                                                         \
      switch (block) {                                                                               \
        case 0: block0 = combine(block0, v); break;                                                  \
        case 1: block1 = combine(block1, v); break;                                                  \
        case 2: block2 = combine(block2, v); break;                                                  \
        default: block3 = combine(block3, v); break;                                                 \
      }                                                                                              \
    }                                                                                                \
    IMBREX_OP vf lanes() const { return combine(combine(block0, block1), combine(block2, block3)); } \
  };
IMBREX_CHAINS(max64, max, -__builtin_inff())
IMBREX_CHAINS(min64, min, __builtin_inff())
#undef IMBREX_CHAINS

// Over the first n lanes, 0 <= n <= 16.
#define IMBREX_REDUCTION(name, T, V, combine, neutral, fill_vector, store_vector)        \
  IMBREX_OP T name(V x, int n) {                                                         \
    T lanes[16];                                                                         \
    store_vector(lanes, select(lt(iota_i(0), broadcast_i(n)), x, fill_vector(neutral))); \
    for (int width = 8; width > 0; width /= 2)                                           \
      for (int i = 0; i < width; ++i) lanes[i] = combine(lanes[i], lanes[i + width]);    \
    return lanes[0];                                                                     \
  }                                                                                      \
  IMBREX_OP T name(V x) { return name(x, 16); }
IMBREX_REDUCTION(reduce_max, float, vf, max, -__builtin_inff(), broadcast, store_f32)
IMBREX_REDUCTION(reduce_min, float, vf, min, __builtin_inff(), broadcast, store_f32)
IMBREX_REDUCTION(reduce_max_i, int32_t, vi, max, INT32_MIN, broadcast_i, store_i32)
IMBREX_REDUCTION(reduce_min_i, int32_t, vi, min, INT32_MAX, broadcast_i, store_i32)
IMBREX_REDUCTION(reduce_sum_i, int32_t, vi, add, 0, broadcast_i, store_i32)
#undef IMBREX_REDUCTION

}  // namespace
}  // namespace imbrex::isa
