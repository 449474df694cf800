// Few rows by panels of e4m3 with scales, bit for bit as isa/expanded.h has it. Each byte is read once: it becomes a float in
// registers.
//
// Nearly all blocks of 32 elements of k have codes of normal numbers only; a bit behind the panel says of which that is not so
// (isa/packing.h). Of a normal number, the bits of its code shifted to their places in a float, and a constant for the exponent,
// are the number times 2^-8. Chains are added up so, and their sum is multiplied by 2^8 and the scale on the way to C, in one
// instruction with the addition. Powers of two change no rounding, as long as no sum is too large for a float, or so small that
// it is flushed: the left side's numbers and the scale must be moderate. Other blocks, and other rows, are widened exactly.
#pragma once

#include "imbrex/target/isa/matmul.h"
#include "imbrex/target/isa/scaled.h"

namespace imbrex::isa {
namespace {

// Of numbers of the left side from 2^-60 to 2^60, and zeros, and scales from 2^-40 to 2^40, sums of products with e4m3 are zero
// or lie between 2^-116 and 2^114, whether they are scaled or not.
constexpr int kModerateExponent = 60, kModerateScale = 40;
constexpr int kExponentOfNormalCodes = -8;

constexpr int64_t kExpandedBytesAhead = 8192;  // of packed bytes, which few rows read once, from front to back

// What is next of elements [begin, end) of k and has one scale: the block's number, and how many elements.
struct PartOfBlock {
  int64_t number, size;
};
inline PartOfBlock part_of_block(int64_t begin, int64_t end, ScaledBlock block) {
  const int64_t number = begin / block.k, left = (number + 1) * block.k - begin;
  return {number, left < end - begin ? left : end - begin};
}

IMBREX_OP void fetch_expanded(const char* b) {
  constexpr int write = 0, l1 = 3;
  __builtin_prefetch(b + kExpandedBytesAhead, write, l1);
}

// ---- any codes ------------------------------------------------------------------------------------------------------------------

// Two vectors of columns of one group, of 64 bytes.
template <class Dot>
IMBREX_OP void load_expanded(GroupOf<Dot, 2>& group, const char* bytes, const E4m3Times& by) {
  const auto pairs = Dot::widened(bytes, by);
  group.first = Dot::of_pairs(pairs.first);
  group.others.first = Dot::of_pairs(pairs.second);
}

// R rows by a panel, whole blocks of k that have one scale. `o.b` is in bytes of e4m3.
template <class Dot, int R>
IMBREX_MICROKERNEL void microkernel_of_expanded(const Operands& o, const E4m3Times& scale) {
  const E4m3Times by = scale;
  alignas(64) char sums[2 * 64 * R];
  const char *a = o.a, *b = o.b;
  const int64_t a_stride = o.a_stride;
  for (int64_t steps = o.steps; steps > 0; --steps) {
#pragma GCC unroll 1
    for (int chain = 0; chain < 2; ++chain) {
      TileOf<Dot, R, 2> tile;
      GroupOf<Dot, 2> group;
      tile.clear();
      const char* a_of_group = a;
      const char* const b_end = b + Dot::kGroups * kGroupBytes / 2;
#pragma GCC unroll 1
      for (; b != b_end; a_of_group += Dot::kBytesOfGroup, b += kGroupBytes / 2) {
        fetch_expanded(b);
        load_expanded<Dot>(group, b, by);
        tile.step(group, a_of_group, a_stride);
      }
      if (chain == 0) tile.store(sums, 2 * 64);
      if (chain == 1) tile.add_with(sums, o.c, o.c_stride);
      a += chain == 0 ? Dot::kBytesOfChain : Dot::kBytesOfStep - Dot::kBytesOfChain;
    }
  }
}

// ---- codes of normal numbers ----------------------------------------------------------------------------------------------------

// C += (first + second) * times, of tiles whose vectors hold the even columns and the odd ones.
template <class Dot, int R>
IMBREX_OP void add_chains(const TileOf<Dot, R, 2>& first, const TileOf<Dot, R, 2>& second, vf times, char* c, int64_t c_stride) {
  const vi even = bits_of(add(first.first.first, second.first.first)),
           odd = bits_of(add(first.first.others.first, second.first.others.first));
  store_f32(c, Dot::sum_scaled(load_f32(c), float_of_bits(interleave_lo(even, odd)), times));
  store_f32(c + 64, Dot::sum_scaled(load_f32(c + 64), float_of_bits(interleave_hi(even, odd)), times));
  if constexpr (R > 1) add_chains<Dot, R - 1>(first.others, second.others, times, c + c_stride, c_stride);
}

// As microkernel_of_expanded. Both chains go side by side: one alone would wait for its sums. What is fetched is fetched in the order
// in which it lies.
template <class Dot, int R>
IMBREX_MICROKERNEL void microkernel_of_normal_codes(const Operands& o, float scale) {
  constexpr int64_t chain = Dot::kGroups * kGroupBytes / 2;
  const vf times = broadcast(scale);
  const char *a = o.a, *b = o.b;
  const int64_t a_stride = o.a_stride;
  for (int64_t steps = o.steps; steps > 0; --steps) {
    TileOf<Dot, R, 2> first, second;
    GroupOf<Dot, 2> group;
    first.clear();
    second.clear();
    const char *a_of_group = a, *fetched = b;
    const char* const b_end = b + chain;
#pragma GCC unroll 1
    for (; b != b_end; a_of_group += Dot::kBytesOfGroup, b += kGroupBytes / 2, fetched += kGroupBytes) {
      fetch_expanded(fetched);
      fetch_expanded(fetched + kGroupBytes / 2);
      Dot::load_normal_codes(b, group.first, group.others.first);
      first.step(group, a_of_group, a_stride);
      Dot::load_normal_codes(b + chain, group.first, group.others.first);
      second.step(group, a_of_group + Dot::kBytesOfChain, a_stride);
    }
    add_chains<Dot, R>(first, second, times, o.c, o.c_stride);
    a += Dot::kBytesOfStep;
    b += chain;
  }
}

// Whether all numbers but zeros have magnitudes from 2^-kModerateExponent to below 2^kModerateExponent.
inline bool are_moderate(const uint16_t* row, int64_t k) {
  constexpr uint16_t least = (127 - kModerateExponent) << 7, most = (127 + kModerateExponent) << 7;
  uint16_t others = 0;
  for (int64_t i = 0; i < k; ++i) {
    const uint16_t magnitude = row[i] & 0x7fff;
    const bool is_moderate = static_cast<uint16_t>(magnitude - least) < most - least || magnitude == 0;
    others = static_cast<uint16_t>(others | !is_moderate);
  }
  return others == 0;
}

// ---- products -------------------------------------------------------------------------------------------------------------------

// A run of blocks from the block `at` on, at most so many, that are alike: with codes of normal numbers only, or none.
struct RunOfBlocks {
  bool are_normal;
  int64_t count;
};
inline RunOfBlocks run_of_blocks(const char* bits, int64_t at, int64_t most) {
  constexpr int64_t bits_of_word = 64;
  uint64_t word;
  memcpy(&word, bits + at / bits_of_word * 8, sizeof word);
  word >>= at % bits_of_word;
  const bool are_normal = (word & 1) == 0;
  const uint64_t others = are_normal ? word : ~word;
  const int64_t in_word = bits_of_word - at % bits_of_word,
                run = others == 0 ? in_word : at_most(in_word, __builtin_ctzll(others));
  return {are_normal, at_most(most, run)};
}

template <class Dot, int R = Dot::kRowsOfExpanded>
IMBREX_OP void multiply_run(int64_t rows, const Operands& o, bool are_normal, const PowerOfTwo& scale) {
  if (rows == R && are_normal)
    return microkernel_of_normal_codes<Dot, R>(o, float_of_bits((127 + scale.exponent - kExponentOfNormalCodes) << 23));
  if (rows == R) return microkernel_of_expanded<Dot, R>(o, E4m3Times(scale.exponent));
  if constexpr (R > 1) multiply_run<Dot, R - 1>(rows, o, are_normal, scale);
}

// How many of columns [first, end) lie in whole panels, each of which has scales in common, powers of two.
template <class Scale>
inline int64_t columns_with_plain_scales(Scales<Scale> scales, int64_t first, int64_t end, ScaledBlock block, int64_t k) {
  int64_t column = first;
  for (; column + kPanelColumns <= end; column += kPanelColumns) {
    const int64_t of_panel = column / block.columns;
    if ((column + kPanelColumns - 1) / block.columns != of_panel) break;
    bool are_plain = true;
    for (int64_t number = 0; number * block.k < k; ++number)
      are_plain = are_plain && PowerOfTwo(scales.at(number, of_panel)).is_one;
    if (!are_plain) break;
  }
  return column - first;
}

// C [rows, columns] of rows, at most Dot::kRowsOfExpanded, of whole blocks of k, and whole panels with plain scales.
template <class Dot, class Scale>
inline void multiply_few_rows(const uint16_t* a, int64_t row_stride, int64_t k, const char* panels, Scales<Scale> scales,
                              int64_t first_column, ScaledBlock block, float* c, int64_t c_row_stride, int64_t rows,
                              int64_t columns) {
  [[maybe_unused]] const typename Dot::Mode mode = {};
  bool is_moderate = true;
  for (int64_t r = 0; r < rows; ++r) {
    is_moderate = is_moderate && are_moderate(a + r * row_stride, k);
    for (int64_t j = 0; j < columns; j += 16) store_f32(c + r * c_row_stride + j, broadcast(0.0f));
  }
  const int64_t at_once = RowsOfA<Dot>::steps_at_once(rows), all_steps = k / Dot::kStep;
  RowsOfA<Dot> rows_of_a(a, row_stride, at_once);
  Operands o = {};
  o.a_stride = rows_of_a.stride;
  o.c_stride = c_row_stride * 4;
  for (int64_t first = 0; first < all_steps; first += at_once) {
    const int64_t end = at_most(all_steps, first + at_once);
    const char* const prepared = rows_of_a.part(0, rows, first, end - first);
    const char* panel = panels;
    for (int64_t column = 0; column < columns; column += kPanelColumns, panel += panel_bytes_narrow<uint8_t>(k)) {
      o.c = reinterpret_cast<char*>(c + column);
      for (int64_t step = first; step < end;) {
        const auto [number, size] = part_of_block(step * Dot::kStep, end * Dot::kStep, block);
        const PowerOfTwo scale(scales.at(number, (first_column + column) / block.columns));
        const bool suits = is_moderate && scale.exponent >= -kModerateScale && scale.exponent <= kModerateScale;
        for (const int64_t end_of_part = step + size / Dot::kStep; step < end_of_part; step += o.steps) {
          const RunOfBlocks run = run_of_blocks(panel + element_bytes_narrow(k), step, end_of_part - step);
          o.a = prepared + (step - first) * Dot::kBytesOfStep;
          o.b = panel + step * kBlock * kPanelColumns;
          o.steps = run.count;
          multiply_run<Dot>(rows, o, suits && run.are_normal, scale);
        }
      }
    }
  }
}

}  // namespace
}  // namespace imbrex::isa
