// The packed form of a contraction's right operand B [k, n]: blocks of 16 columns, each a run of 64-byte groups that hold, for
// its 16 columns, one step's elements of k beside each other.
//   int8  [n/16][k/4][16][4], as unsigned bytes: the sign bit is flipped, so that the signed activations can be the second
//   operand
//                             of the instruction that multiplies unsigned by signed bytes
//   bf16  [n/16][k/2][16][2]
//   f32   [n/16][k][16]
// Columns and elements of k that do not exist are zero. Packed memory begins at a multiple of 64 bytes.
#pragma once

#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

constexpr int64_t kGroupBytes = 64;

IMBREX_OP int64_t groups_of(int64_t k, int64_t bytes_per_element) { return (k * bytes_per_element + 3) / 4; }
IMBREX_OP int64_t packed_bytes(int64_t k, int64_t n, int64_t bytes_per_element) {
  return (n + 15) / 16 * groups_of(k, bytes_per_element) * kGroupBytes;
}
IMBREX_OP int64_t packed_bytes_i8(int64_t k, int64_t n) { return packed_bytes(k, n, 1); }
IMBREX_OP int64_t packed_bytes_bf16(int64_t k, int64_t n) { return packed_bytes(k, n, 2); }
IMBREX_OP int64_t packed_bytes_f32(int64_t k, int64_t n) { return packed_bytes(k, n, 4); }

// Packs column blocks [block_begin, block_end). Element (i, j) of B is b[i * k_stride + j * n_stride].
template <class T>
inline void pack(const T* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, T flipped, void* packed,
                 int64_t block_begin, int64_t block_end) {
  constexpr int64_t per_group = 4 / sizeof(T);
  const int64_t groups = groups_of(k, sizeof(T));
  T* out = static_cast<T*>(packed) + block_begin * groups * 16 * per_group;
  for (int64_t block = block_begin; block < block_end; ++block)
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t j = block * 16; j < block * 16 + 16; ++j)
        for (int64_t i = group * per_group; i < (group + 1) * per_group; ++i)
          *out++ = static_cast<T>((i < k && j < n ? b[i * k_stride + j * n_stride] : T{0}) ^ flipped);
}
inline void pack_i8(const int8_t* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed, int64_t block_begin,
                    int64_t block_end) {
  pack<int8_t>(b, k_stride, n_stride, k, n, INT8_MIN, packed, block_begin, block_end);
}
inline void pack_bf16(const uint16_t* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed,
                      int64_t block_begin, int64_t block_end) {
  pack<uint16_t>(b, k_stride, n_stride, k, n, 0, packed, block_begin, block_end);
}
inline void pack_f32(const float* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed, int64_t block_begin,
                     int64_t block_end) {
  float* out = static_cast<float*>(packed) + block_begin * k * 16;
  for (int64_t block = block_begin; block < block_end; ++block)
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = block * 16; j < block * 16 + 16; ++j) *out++ = j < n ? b[i * k_stride + j * n_stride] : 0.0f;
}

}  // namespace
}  // namespace imbrex::isa
