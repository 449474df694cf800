// Random numbers by place: element i of a stream depends on the seed, the stream's name and i alone, so that the same row holds
// the same numbers whatever the batch, the order of generation and the machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

namespace imbrex::inputs {

class RandomStream {
 public:
  RandomStream(uint64_t seed, std::string_view name) : key_(mix(seed)) {
    for (char c : name) key_ = mix(key_ ^ static_cast<unsigned char>(c));
  }

  uint64_t bits(int64_t i) const { return mix(key_ + static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15u); }
  // In [0, 1).
  double uniform(int64_t i) const { return static_cast<double>(bits(i) >> 11) * 0x1p-53; }
  // Mean 0, variance 1, at most 3.5 in magnitude: the sum of four uniform numbers of 16 bits each.
  double normal(int64_t i) const {
    const uint64_t b = bits(i);
    const auto sum = static_cast<double>((b & 0xffff) + (b >> 16 & 0xffff) + (b >> 32 & 0xffff) + (b >> 48));
    return (sum - 2 * 65535.0) * (1.7320508075688772 / 65536);
  }
  // Of either sign, its magnitude spread evenly over the octaves from `least` to `most`.
  double signed_magnitude(int64_t i, double least, double most) const {
    const double u = uniform(i);
    return (bits(~i) & 1 ? -least : least) * std::pow(most / least, u);
  }

 private:
  // The finalizer of SplitMix64 (Steele, Lea, Flood, 2014).
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t key_;
};

}  // namespace imbrex::inputs
