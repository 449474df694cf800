// e4m3 times a power of two as bf16 where a target's vectors have no faster way than f32. Included before common.h.
#pragma once

#include "imbrex/target/isa/math.h"

namespace imbrex::isa {
namespace {

struct E4m3Times {
  vf factor;
  explicit E4m3Times(int exponent) : factor(broadcast(float_of_bits((127 + exponent) << 23))) {}
};
inline void widen_64(const uint8_t* from, const E4m3Times& by, uint16_t* to) {
  for (int i = 0; i < 64; i += 16) store_bf16(to + i, mul(load_e4m3(from + i), by.factor));
}

}  // namespace
}  // namespace imbrex::isa
