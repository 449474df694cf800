// Products by e4m3 with a scale for each block, bit for bit those by bf16 that each element times its scale is rounded to
// (docs/semantics.md), over any product of bf16 of an ISA. Memory holds a byte for each element: parts of panels are widened into
// scratch memory that the L1 or L2 cache holds until they are multiplied.
#pragma once

#include "imbrex/target/isa/matmul.h"
#include "imbrex/target/isa/scaled.h"

namespace imbrex::isa {
namespace {

// So much of k at a time, and so many panels: of few rows one, which stays in the L1 cache; of more, more, so that what a product
// prepares of its rows serves them all.
constexpr int64_t kExpandedK = 256, kExpandedPanels = 4, kFewRows = 12;
constexpr int64_t kExpandedBytesAhead = 8192;  // of packed bytes, which few rows read once, from front to back

template <class Wide>
struct OrderOf {
  using Order = InOrder;
};
template <>
struct OrderOf<packed_bf16_chains> {
  using Order = ChainsBesideEachOther;
};

// What is next of elements [begin, end) of k and has one scale: the block's number, and how many elements.
struct PartOfBlock {
  int64_t number, size;
};
inline PartOfBlock part_of_block(int64_t begin, int64_t end, ScaledBlock block) {
  const int64_t number = begin / block.k, left = (number + 1) * block.k - begin;
  return {number, left < end - begin ? left : end - begin};
}

// Some columns of a panel, of the tile that is multiplied: [begin, end), of which the panel's first is `first`.
struct ColumnsOfPanel {
  int64_t first, begin, end;
};

// Elements [begin, begin + size) of k of a panel: bytes of e4m3 from `from` on.
template <class Wide, class Scale>
inline void expand_panel(const uint8_t* from, ColumnsOfPanel columns, Scales<Scale> scales, ScaledBlock block, int64_t begin,
                         int64_t size, uint16_t* to) {
  const int64_t first_scale = columns.begin / block.columns, last_scale = (columns.end - 1) / block.columns;
  for (int64_t done = 0; done < size;) {
    const auto [number, now] = part_of_block(begin + done, begin + size, block);
    const int64_t elements = panel_bytes(now, 2) / 2;
    const PowerOfTwo scale(scales.at(number, first_scale));
    if (first_scale == last_scale && scale.is_one) {
      const E4m3Times by(scale.exponent);
      constexpr int write = 0, l2 = 2;
      for (int64_t i = 0; i < elements; i += 64) {
        __builtin_prefetch(from + i + kExpandedBytesAhead, write, l2);
        widen_64(from + i, by, to + i);
      }
    } else {
      float of_places[2 * kPanelColumns];  // of a group
      for (int64_t j = 0; j < kPanelColumns; ++j) {
        const int64_t column = columns.first + j;
        const bool exists = column >= columns.begin && column < columns.end;
        of_places[2 * j] = of_places[2 * j + 1] = exists ? scales.at(number, column / block.columns) : 0.0f;
      }
      widen_scaled(from, elements, of_places, to);
      // What fills the last block up stays zero, whatever the scale.
      for (int64_t place = now / kBlock * kBlock; place < elements / kPanelColumns; ++place)
        for (int64_t j = 0; OrderOf<Wide>::Order::element(place) >= now && j < kPanelColumns; ++j)
          to[(place / 2 * kPanelColumns + j) * 2 + place % 2] = 0;
    }
    from += elements;
    to += elements;
    done += now;
  }
}

// ---- widening in registers -----------------------------------------------------------------------------------------------------

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
  if (!o.accumulate) TileOf<Dot, R, 2>::store_zeros(o.c, o.c_stride);
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
        constexpr int write = 0, l1 = 3;
        __builtin_prefetch(b + kExpandedBytesAhead, write, l1);
        load_expanded<Dot>(group, b, by);
        tile.step(group, a_of_group, a_stride);
      }
      if (chain == 0) tile.store(sums, 2 * 64);
      if (chain == 1) tile.add_with(sums, o.c, o.c_stride);
      a += chain == 0 ? Dot::kBytesOfChain : Dot::kBytesOfStep - Dot::kBytesOfChain;
    }
  }
}
template <class Dot, int R = Dot::kRowsOfExpanded>
IMBREX_OP void microkernel_of_expanded(int64_t rows, const Operands& o, const E4m3Times& by) {
  if (rows == R) return microkernel_of_expanded<Dot, R>(o, by);
  if constexpr (R > 1) microkernel_of_expanded<Dot, R - 1>(rows, o, by);
}

// Few rows by a panel: a part of k at a time, of which each block has its scale.
template <class Dot, class Scale>
inline void multiply_expanded(const uint16_t* a, int64_t row_stride, const char* panel, Scales<Scale> scales,
                              int64_t scale_column, ScaledBlock block, int64_t begin, int64_t size, float* c,
                              int64_t c_row_stride, int64_t rows) {
  [[maybe_unused]] const typename Dot::Mode mode = {};
  Operands o = {};
  o.c = reinterpret_cast<char*>(c);
  o.c_stride = c_row_stride * 4;
  RowsOfA<Dot> rows_of_a(a, row_stride, Dot::kPreparedSteps);
  o.a_stride = rows_of_a.stride;
  const char* const prepared = rows_of_a.part(0, rows, begin / Dot::kStep, size / Dot::kStep);
  for (int64_t done = 0; done < size;) {
    const auto [number, now] = part_of_block(begin + done, begin + size, block);
    o.a = prepared + done / Dot::kStep * Dot::kBytesOfStep;
    o.b = panel + (begin + done) * kPanelColumns;
    o.steps = now / Dot::kStep;
    o.accumulate = begin + done > 0;
    const PowerOfTwo scale(scales.at(number, scale_column));
    microkernel_of_expanded<Dot>(rows, o, E4m3Times(scale.exponent));
    done += now;
  }
}

// Whether the columns of a part of a panel have scales in common, powers of two.
template <class Scale>
inline bool has_plain_scales(Scales<Scale> scales, ColumnsOfPanel columns, ScaledBlock block, int64_t begin, int64_t size) {
  const int64_t first = columns.begin / block.columns;
  if ((columns.end - 1) / block.columns != first) return false;
  for (int64_t number = begin / block.k; number <= (begin + size - 1) / block.k; ++number)
    if (!PowerOfTwo(scales.at(number, first)).is_one) return false;
  return true;
}

// ---- products -------------------------------------------------------------------------------------------------------------------

// C [rows, columns] of the left side, of k elements, and the columns of B from column 16 * first_block on. Scratch memory, 64-byte
// aligned: kExpandedPanels panels of kExpandedK elements of k.
template <class Left, class Wide, class Scale>
inline void matmul_expanded(Left left, packed_narrow<uint8_t, Wide> b, int64_t first_block, Scales<Scale> scales,
                            ScaledBlock block, float* c, int64_t c_row_stride, int64_t rows, int64_t columns, int64_t k,
                            char* scratch) {
  if (k <= 0) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < columns; ++j) c[r * c_row_stride + j] = 0.0f;
    return;
  }
  const int64_t most_columns = (rows <= kFewRows ? 1 : kExpandedPanels) * kPanelColumns;
  for (int64_t column = 0; column < columns;) {
    const int64_t at = first_block * 16 + column, panel = at / kPanelColumns, inside = at % kPanelColumns;
    const int64_t count = columns - column < most_columns - inside ? columns - column : most_columns - inside;
    const int64_t panels = (inside + count + kPanelColumns - 1) / kPanelColumns;
    const char* const of_panel = b.panels + panel * panel_bytes_narrow(k);
    for (int64_t begin = 0; begin < k; begin += kExpandedK) {
      const int64_t size = k - begin < kExpandedK ? k - begin : kExpandedK, panel_elements = panel_bytes(size, 2) / 2;
      if constexpr (Left::kRowsOfExpanded > 0) {
        if (rows <= Left::kRowsOfExpanded && inside == 0 && count == kPanelColumns && size % kBlock == 0 &&
            has_plain_scales(scales, {column, column, column + count}, block, begin, size)) {
          left.times_expanded(begin, size, of_panel, scales, column / block.columns, block, c + column, c_row_stride, rows);
          continue;
        }
      }
      for (int64_t p = 0; p < panels; ++p) {
        const int64_t first = column - inside + p * kPanelColumns, end = first + kPanelColumns;
        expand_panel<Wide>(reinterpret_cast<const uint8_t*>(of_panel) + p * panel_bytes_narrow(k) + begin * kPanelColumns,
                           {first, first > column ? first : column, end < column + count ? end : column + count}, scales, block,
                           begin, size, reinterpret_cast<uint16_t*>(scratch) + p * panel_elements);
      }
      left.times(begin, Wide{scratch}, inside / 16, c + column, c_row_stride, rows, count, size, begin > 0);
    }
    column += count;
  }
}

// The rows that are multiplied, with the product of their ISA.
template <auto product, class Dot>
struct LeftInRows {
  static constexpr int kRowsOfExpanded = Dot::kRowsOfExpanded;
  const uint16_t* first;
  int64_t row_stride;
  // C = or += elements [begin, begin + k) of each row by a right side.
  template <class Wide>
  void times(int64_t begin, Wide right, int64_t first_block, float* c, int64_t c_row_stride, int64_t rows, int64_t columns,
             int64_t k, bool accumulate) const {
    product(first + begin, row_stride, right, first_block, c, c_row_stride, rows, columns, k, accumulate);
  }
  template <class Scale>
  void times_expanded(int64_t begin, int64_t size, const char* panel, Scales<Scale> scales, int64_t scale_column,
                      ScaledBlock block, float* c, int64_t c_row_stride, int64_t rows) const {
    multiply_expanded<Dot>(first, row_stride, panel, scales, scale_column, block, begin, size, c, c_row_stride, rows);
  }
};

}  // namespace
}  // namespace imbrex::isa
