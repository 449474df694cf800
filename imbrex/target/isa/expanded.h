// Products by e4m3 with a scale for each block, bit for bit those by bf16 that each element times its scale is rounded to
// (docs/semantics.md), over any product of bf16 of an ISA. Memory holds a byte for each element: parts of panels are widened into
// scratch memory that the L1 or L2 cache holds until they are multiplied.
#pragma once

#include "imbrex/target/isa/expanded_few_rows.h"

namespace imbrex::isa {
namespace {

// So much of k at a time, and so many panels: of few rows one, which stays in the L1 cache; of more, more, so that what a product
// prepares of its rows serves them all.
constexpr int64_t kExpandedK = 256, kExpandedPanels = 4, kFewRows = 12;

template <class Wide>
struct OrderOf {
  using Order = InOrder;
};
template <>
struct OrderOf<packed_bf16_chains> {
  using Order = ChainsBesideEachOther;
};

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
    if constexpr (Left::kRowsOfExpanded > 0) {
      const int64_t suitable = rows > 0 && rows <= Left::kRowsOfExpanded && inside == 0 && k % kBlock == 0
                                   ? columns_with_plain_scales(scales, column, columns, block, k)
                                   : 0;
      if (suitable > 0) {
        left.times_few(k, b.panels + panel * panel_bytes_narrow<uint8_t>(k), scales, column, block, c + column, c_row_stride,
                       rows, suitable);
        column += suitable;
        continue;
      }
    }
    const int64_t count = columns - column < most_columns - inside ? columns - column : most_columns - inside;
    const int64_t panels = (inside + count + kPanelColumns - 1) / kPanelColumns;
    const char* const of_panel = b.panels + panel * panel_bytes_narrow<uint8_t>(k);
    for (int64_t begin = 0; begin < k; begin += kExpandedK) {
      const int64_t size = k - begin < kExpandedK ? k - begin : kExpandedK, panel_elements = panel_bytes(size, 2) / 2;
      for (int64_t p = 0; p < panels; ++p) {
        const int64_t first = column - inside + p * kPanelColumns, end = first + kPanelColumns;
        expand_panel<Wide>(
            reinterpret_cast<const uint8_t*>(of_panel) + p * panel_bytes_narrow<uint8_t>(k) + begin * kPanelColumns,
            {first, first > column ? first : column, end < column + count ? end : column + count}, scales, block, begin, size,
            reinterpret_cast<uint16_t*>(scratch) + p * panel_elements);
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
  // C = all k elements of few rows by whole panels.
  template <class Scale>
  void times_few(int64_t k, const char* panels, Scales<Scale> scales, int64_t first_column, ScaledBlock block, float* c,
                 int64_t c_row_stride, int64_t rows, int64_t columns) const {
    multiply_few_rows<typename Dot::OfExpanded>(first, row_stride, k, panels, scales, first_column, block, c, c_row_stride, rows,
                                                columns);
  }
};

}  // namespace
}  // namespace imbrex::isa
