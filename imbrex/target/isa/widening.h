// Bytes as bf16, for products of right sides that are bytes in memory: e4m3 or int8, unsigned or signed, as they are, and e4m3
// times a scale. The header of each ISA has E4m3Times, made of the exponent of a power of two such that all results are normal
// numbers, and widen_64, which multiplies 64 elements of e4m3 by it.
#pragma once

#include "imbrex/target/isa/math.h"

namespace imbrex::isa {
namespace {

// As they are. Exact.
template <class T>
struct Unscaled;
template <>
struct Unscaled<uint8_t> : E4m3Times {
  Unscaled() : E4m3Times(0) {}
};
template <>
struct Unscaled<int8_t> {};

IMBREX_OP vf as_float(const uint8_t* p) { return load_e4m3(p); }
IMBREX_OP vf as_float(const uint8_t* p, int n) { return load_e4m3(p, n); }
IMBREX_OP vf as_float(const int8_t* p) { return nearest_float(load_i8(p)); }
IMBREX_OP vf as_float(const int8_t* p, int n) { return nearest_float(load_i8(p, n)); }

inline void widen_64(const int8_t* from, Unscaled<int8_t>, uint16_t* to) {
  for (int i = 0; i < 64; i += 16) store_bf16(to + i, as_float(from + i));
}
template <class T>
inline void widen(const T* from, int64_t n, const Unscaled<T>& as_it_is, uint16_t* to) {
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) widen_64(from + i, as_it_is, to + i);
  for (; i < n; i += 16) {
    const int left = n - i < 16 ? static_cast<int>(n - i) : 16;
    store_bf16(to + i, as_float(from + i, left), left);
  }
}

// The exponent of a scale that E4m3Times takes.
struct PowerOfTwo {
  bool is_one;
  int exponent;
  explicit PowerOfTwo(float scale) {
    constexpr int32_t all_but_exponent = static_cast<int32_t>(0x807fffff);
    const int32_t bits = bits_of(scale);
    exponent = (bits >> 23) - 127;
    is_one = (bits & all_but_exponent) == 0 && exponent >= -117 && exponent <= 119;
  }
};
// By any scales, one for each of 64 elements that follow each other, and of the next 64 again: rounded.
inline void widen_scaled(const uint8_t* from, int64_t n, const float* scales, uint16_t* to) {
  for (int64_t i = 0; i < n; i += 16) store_bf16(to + i, round_bf16_rint(mul(load_e4m3(from + i), load_f32(scales + i % 64))));
}

}  // namespace
}  // namespace imbrex::isa
