#include "imbrex/checkpoint/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace imbrex::checkpoint {
namespace {

// The pair, counted as a real number, whose angle makes this many turns over the original positions.
double pair_of_turns(double turns, const RopeRegime& regime, int64_t rope_dim) {
  const auto positions = static_cast<double>(regime.yarn->original_positions);
  return static_cast<double>(rope_dim) * std::log(positions / (turns * 2 * std::numbers::pi)) / (2 * std::log(regime.theta));
}

}  // namespace

std::vector<float> rope_frequencies(const RopeRegime& regime, int64_t rope_dim) {
  std::vector<float> frequencies;
  for (int64_t pair = 0; pair < rope_dim / 2; ++pair) {
    const float exponent = static_cast<float>(2 * pair) / static_cast<float>(rope_dim);
    frequencies.push_back(1.0f / static_cast<float>(std::pow(regime.theta, static_cast<double>(exponent))));
  }
  if (!regime.yarn) return frequencies;
  const double low = std::max(std::floor(pair_of_turns(regime.yarn->beta_fast, regime, rope_dim)), 0.0);
  double high = std::min(std::ceil(pair_of_turns(regime.yarn->beta_slow, regime, rope_dim)), static_cast<double>(rope_dim - 1));
  if (low == high) high += 0.001;
  const auto factor = static_cast<float>(regime.yarn->factor);
  for (size_t pair = 0; pair < frequencies.size(); ++pair) {
    const float ramp = (static_cast<float>(pair) - static_cast<float>(low)) / static_cast<float>(high - low);
    const float kept = 1 - std::clamp(ramp, 0.0f, 1.0f);
    frequencies[pair] = frequencies[pair] / factor * (1 - kept) + frequencies[pair] * kept;
  }
  return frequencies;
}

Rotations rotations_at(std::span<const int64_t> positions, const RopeRegime& regime, int64_t rope_dim) {
  const std::vector<float> frequencies = rope_frequencies(regime, rope_dim);
  const std::vector<int64_t> shape = {static_cast<int64_t>(positions.size()), rope_dim / 2};
  Rotations rotations{Array::zeros(DType::f32, shape), Array::zeros(DType::f32, shape)};
  float *cosine = rotations.cosines.as<float>(), *sine = rotations.sines.as<float>();
  for (const int64_t position : positions)
    for (const float frequency : frequencies) {
      const float angle = static_cast<float>(position) * frequency;
      *cosine++ = static_cast<float>(std::cos(static_cast<double>(angle)));
      *sine++ = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  return rotations;
}

}  // namespace imbrex::checkpoint
