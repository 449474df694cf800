// The packed form of a contraction's right operand B [k, n]: panels of 32 columns, each a run of groups that hold, for its
// columns, one step's elements of k beside each other. A microkernel reads a panel, or its left or right half, from front to
// back.
//   int8  [n/32][k/4][32][4], and at the end of each panel [32] int32: -128 times the sum of each column. The instruction that
//         multiplies unsigned by signed bytes takes activations that are 128 too large; sums that start there come out right.
//   bf16  [n/32][k/32][16][32][2]: of each block of 32 elements of k, 2 i and 2 i + 1 in group i
//   bf16_chains  the same, but in group i what the block's two chains take i-th (docs/semantics.md): i and 16 + i, neighbours
//         exchanged. Tile registers take the even places of a group for one chain, and the odd ones for the other.
//   f32   [n/32][k][32]
//   narrow  bytes, e4m3 or int8, at the places of elements of bf16 or bf16_chains, which they are widened to. At the end of each
//         panel of e4m3 a bit for each block of 32 elements of k: set where one of its 1024 codes is of no normal number
//   i8_blocks<K>  [n/32][k/K], of each block of K elements of k what int8 has of it
// Columns and elements of k that do not exist are zero. Packed memory begins at a multiple of 64 bytes.
#pragma once

#include "imbrex/runtime/abi.h"
#include "imbrex/target/isa/lane.h"

namespace imbrex::isa {
namespace {

constexpr int64_t kPanelColumns = IMBREX_PACK_COLUMNS;
constexpr int64_t kGroupBytes = kPanelColumns * 4;

constexpr int64_t kBlock = 32;  // elements of k that a product of bf16 takes together

constexpr int64_t groups_of(int64_t k, int64_t bytes_per_element) {
  if (bytes_per_element == 2) return (k + kBlock - 1) / kBlock * (kBlock / 2);
  return (k * bytes_per_element + 3) / 4;
}
constexpr int64_t panel_bytes(int64_t k, int64_t bytes_per_element) {
  const int64_t corrections = bytes_per_element == 1 ? 1 : 0;
  return (groups_of(k, bytes_per_element) + corrections) * kGroupBytes;
}
constexpr int64_t packed_bytes(int64_t k, int64_t n, int64_t bytes_per_element) {
  return (n + kPanelColumns - 1) / kPanelColumns * panel_bytes(k, bytes_per_element);
}
// What holds a packed operand. Its type says how it is packed, so that no product takes another's.
struct packed_i8 {
  const char* panels;
};
struct packed_bf16 {
  const char* panels;
};
struct packed_bf16_chains {
  const char* panels;
};
struct packed_f32 {
  const char* panels;
};
template <class T, class Wide>
struct packed_narrow {
  const char* panels;
};
template <class T>
using packed_narrow_bf16 = packed_narrow<T, packed_bf16>;
template <class T>
using packed_narrow_bf16_chains = packed_narrow<T, packed_bf16_chains>;
template <int64_t block>
struct packed_i8_blocks {
  const char* panels;
};
constexpr int64_t packed_bytes_i8(int64_t k, int64_t n) { return packed_bytes(k, n, 1); }
constexpr int64_t packed_bytes_bf16(int64_t k, int64_t n) { return packed_bytes(k, n, 2); }
constexpr int64_t packed_bytes_bf16_chains(int64_t k, int64_t n) { return packed_bytes(k, n, 2); }
constexpr int64_t packed_bytes_f32(int64_t k, int64_t n) { return packed_bytes(k, n, 4); }
// Of a panel the bytes of its elements; of e4m3, the bits behind them, in whole groups; and both.
constexpr int64_t element_bytes_narrow(int64_t k) { return panel_bytes(k, 2) / 2; }
template <class T>
constexpr int64_t bit_bytes_narrow(int64_t k) {
  constexpr int64_t of_group = kGroupBytes * 8 * kBlock;  // elements of k
  return T(-1) < T(0) ? 0 : (k + of_group - 1) / of_group * kGroupBytes;
}
template <class T>
constexpr int64_t panel_bytes_narrow(int64_t k) {
  return element_bytes_narrow(k) + bit_bytes_narrow<T>(k);
}
template <class T>
constexpr int64_t packed_bytes_narrow_bf16(int64_t k, int64_t n) {
  return (n + kPanelColumns - 1) / kPanelColumns * panel_bytes_narrow<T>(k);
}
template <class T>
constexpr int64_t packed_bytes_narrow_bf16_chains(int64_t k, int64_t n) {
  return packed_bytes_narrow_bf16<T>(k, n);
}
constexpr int64_t panel_bytes_i8_blocks(int64_t k, int64_t block) {
  return k / block * panel_bytes(block, 1) + (k % block == 0 ? 0 : panel_bytes(k % block, 1));
}
template <int64_t block>
constexpr int64_t packed_bytes_i8_blocks(int64_t k, int64_t n) {
  return (n + kPanelColumns - 1) / kPanelColumns * panel_bytes_i8_blocks(k, block);
}

// Which element of k stands at which place of a panel's column.
struct InOrder {
  static constexpr int64_t element(int64_t place) { return place; }
};
struct ChainsBesideEachOther {
  static constexpr int64_t element(int64_t place) {
    return place / kBlock * kBlock + place % 2 * (kBlock / 2) + ((place % kBlock / 2) ^ 1);
  }
};

// The groups [begin, end) of one panel, whose first column is j0. Element (i, j) of B is b[i * k_stride + j * n_stride].
template <class Order, int64_t per_group, class T>
inline void pack_groups(const T* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, int64_t j0, int64_t begin,
                        int64_t end, T* out) {
  out += begin * kPanelColumns * per_group;
  for (int64_t group = begin; group < end; ++group)
    for (int64_t j = j0; j < j0 + kPanelColumns; ++j)
      for (int64_t place = group * per_group; place < (group + 1) * per_group; ++place) {
        const int64_t i = Order::element(place);
        *out++ = i < k && j < n ? b[i * k_stride + j * n_stride] : T{};
      }
}

// The same of groups and columns that all exist, where one of the two axes has its elements beside each other. The order in which
// elements are read follows that axis; places in a block are constants of unrolled loops.
template <class Order, int64_t per_group, class T>
inline void pack_whole_groups(const T* __restrict b, int64_t k_stride, int64_t n_stride, int64_t begin, int64_t end,
                              T* __restrict out) {
  if (n_stride == 1) {
    for (int64_t group = begin; group < end; ++group) {
      const T* rows[per_group];
      for (int64_t i = 0; i < per_group; ++i) rows[i] = b + Order::element(group * per_group + i) * k_stride;
      T* const to = out + group * kPanelColumns * per_group;
      for (int64_t j = 0; j < kPanelColumns; ++j)
        for (int64_t i = 0; i < per_group; ++i) to[j * per_group + i] = rows[i][j];
    }
    return;
  }
  for (int64_t first = begin; first < end; first += kBlock / per_group)
    for (int64_t j = 0; j < kPanelColumns; ++j) {
      const T* const column = b + j * n_stride + first * per_group;
      T* const to = out + (first * kPanelColumns + j) * per_group;
#pragma GCC unroll 32
      for (int64_t group = 0; group < kBlock / per_group; ++group) {
        T elements[per_group];
        for (int64_t i = 0; i < per_group; ++i) elements[i] = column[Order::element(group * per_group + i)];
        memcpy(to + group * kPanelColumns * per_group, elements, sizeof elements);
      }
    }
}

// One panel, whose first column is j0. A group has so many elements of each column.
template <class Order, int64_t per_group, class T>
inline void pack_panel(const T* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, int64_t j0, T* out) {
  constexpr int64_t block_groups = kBlock / per_group;
  const bool is_fast = j0 + kPanelColumns <= n && (k_stride == 1 || n_stride == 1);
  const int64_t whole = is_fast ? k / kBlock * block_groups : 0;  // groups of whole blocks, whose elements all exist
  if (whole > 0 && k_stride == 1)
    pack_whole_groups<Order, per_group>(b + j0 * n_stride, 1, n_stride, 0, whole, out);
  else if (whole > 0)
    pack_whole_groups<Order, per_group>(b + j0, k_stride, 1, 0, whole, out);
  pack_groups<Order, per_group>(b, k_stride, n_stride, k, n, j0, whole, groups_of(k, 4 / per_group), out);
}

// Packs panels [begin, end) of B.
template <class T, class Order = InOrder>
inline void pack(const T* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed, int64_t begin, int64_t end) {
  for (int64_t panel = begin; panel < end; ++panel) {
    char* const out = static_cast<char*>(packed) + panel * panel_bytes(k, sizeof(T));
    pack_panel<Order, 4 / sizeof(T)>(b, k_stride, n_stride, k, n, panel * kPanelColumns, reinterpret_cast<T*>(out));
  }
}
// One panel of int8, whose first column is j0, and its corrections.
inline void pack_panel_i8(const int8_t* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, int64_t j0, int8_t* out) {
  pack_panel<InOrder, 4>(b, k_stride, n_stride, k, n, j0, out);
  uint32_t sums[kPanelColumns] = {};
  for (int64_t g = 0; g < groups_of(k, 1); ++g, out += kGroupBytes)
    for (int64_t j = 0; j < kPanelColumns; ++j)
      sums[j] += static_cast<uint32_t>(out[4 * j] + out[4 * j + 1] + out[4 * j + 2] + out[4 * j + 3]);
  int32_t corrections[kPanelColumns];
  for (int64_t j = 0; j < kPanelColumns; ++j) corrections[j] = static_cast<int32_t>(sums[j] * uint32_t(-128));
  memcpy(out, corrections, sizeof corrections);
}
inline void pack_i8(const int8_t* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed, int64_t begin,
                    int64_t end) {
  for (int64_t panel = begin; panel < end; ++panel)
    pack_panel_i8(b, k_stride, n_stride, k, n, panel * kPanelColumns, static_cast<int8_t*>(packed) + panel * panel_bytes(k, 1));
}
template <int64_t block>
inline void pack_i8_blocks(const int8_t* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed, int64_t begin,
                           int64_t end) {
  for (int64_t panel = begin; panel < end; ++panel) {
    int8_t* out = static_cast<int8_t*>(packed) + panel * panel_bytes_i8_blocks(k, block);
    for (int64_t first = 0; first < k; first += block, out += panel_bytes(block, 1))
      pack_panel_i8(b + first * k_stride, k_stride, n_stride, k - first < block ? k - first : block, n, panel * kPanelColumns,
                    out);
  }
}
// The bits behind a panel's elements: of zeros, subnormal numbers and NaN.
inline void mark_blocks_that_are_not_normal(uint8_t* panel, int64_t k) {
  constexpr int64_t codes_of_block = kBlock * kPanelColumns;
  const int64_t blocks = (k + kBlock - 1) / kBlock;
  uint8_t* const bits = panel + element_bytes_narrow(k);
  memset(bits, 0, static_cast<size_t>(bit_bytes_narrow<uint8_t>(k)));
  for (int64_t block = 0; block < blocks; ++block) {
    const uint8_t* const codes = panel + block * codes_of_block;
    uint8_t others = 0;
    for (int64_t i = 0; i < codes_of_block; ++i)
      others |= static_cast<uint8_t>((codes[i] & 0x78) == 0) | static_cast<uint8_t>((codes[i] & 0x7f) == 0x7f);
    bits[block / 8] = static_cast<uint8_t>(bits[block / 8] | others << block % 8);
  }
}
template <class T, class Order = InOrder>
inline void pack_narrow_bf16(const T* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed, int64_t begin,
                             int64_t end) {
  for (int64_t panel = begin; panel < end; ++panel) {
    T* const out = static_cast<T*>(packed) + panel * panel_bytes_narrow<T>(k);
    pack_panel<Order, 2>(b, k_stride, n_stride, k, n, panel * kPanelColumns, out);
    if constexpr (bit_bytes_narrow<T>(1) > 0) mark_blocks_that_are_not_normal(out, k);
  }
}
template <class T>
inline void pack_narrow_bf16_chains(const T* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed,
                                    int64_t begin, int64_t end) {
  pack_narrow_bf16<T, ChainsBesideEachOther>(b, k_stride, n_stride, k, n, packed, begin, end);
}
inline void pack_bf16(const uint16_t* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed, int64_t begin,
                      int64_t end) {
  pack<uint16_t>(b, k_stride, n_stride, k, n, packed, begin, end);
}
inline void pack_bf16_chains(const uint16_t* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed,
                             int64_t begin, int64_t end) {
  pack<uint16_t, ChainsBesideEachOther>(b, k_stride, n_stride, k, n, packed, begin, end);
}
inline void pack_f32(const float* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, void* packed, int64_t begin,
                     int64_t end) {
  pack<float>(b, k_stride, n_stride, k, n, packed, begin, end);
}

}  // namespace
}  // namespace imbrex::isa
