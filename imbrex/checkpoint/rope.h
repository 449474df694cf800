// The rotations of a layer's positions, in f32 as the model's own inference code computes them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/checkpoint/model_config.h"

namespace imbrex::checkpoint {

// Radians a position, of each of rope_dim / 2 pairs: theta^(-2i / rope_dim). With YaRN, fast ones are kept, slow ones divided by the
// factor, and those between mixed. Their magnitude is 1: nothing scales cosines and sines.
std::vector<float> rope_frequencies(const RopeRegime& regime, int64_t rope_dim);

// f32 [positions, rope_dim / 2]. An angle is the f32 product of position and frequency, even where that is off by 0.03 radians (the
// first pair at a million): the model was trained with it. Its cosine and sine are then those of this f32 number.
struct Rotations {
  Array cosines, sines;
};
Rotations rotations_at(std::span<const int64_t> positions, const RopeRegime& regime, int64_t rope_dim);

}  // namespace imbrex::checkpoint
