// Products with scales for blocks of k (docs/semantics.md), over any product of bf16 or int8 of an ISA. A right operand of bytes is
// packed as bytes (isa/packing.h). Where it is multiplied as bf16, the panels of a block are widened into scratch memory that the
// L1 and L2 caches hold, so that memory is read a byte for each element.
#pragma once

#include "imbrex/target/isa/packing.h"
#include "imbrex/target/isa/widening.h"

namespace imbrex::isa {
namespace {

// The scales of a matrix's blocks, f32 or e8m0: strides are 0 where one scale serves all.
template <class T>
struct Scales {
  const T* first;
  int64_t row_stride, column_stride;
  float at(int64_t row, int64_t column) const {
    const T* const scale = first + row * row_stride + column * column_stride;
    if constexpr (sizeof(T) == 1) return load_e8m0_s(scale);
    if constexpr (sizeof(T) == 4) return load_f32_s(scale);
  }
};
// What has one scale in common.
struct ScaledBlock {
  int64_t k, columns;
};

// So many columns of C at a time, whose panels of a block are widened together, and so many rows, whose products are scaled while
// they are near.
constexpr int64_t kScaledPanels = 4, kScaledColumns = kScaledPanels * kPanelColumns, kScaledRows = 128;

// The panels of one block of k, as a product takes them.
template <class T, class Wide>
inline Wide panels_of_block(packed_narrow<T, Wide> b, int64_t panel, int64_t panels, int64_t, ScaledBlock, int64_t begin,
                            int64_t size, int64_t k, char* wide) {
  const int64_t elements = panel_bytes(size, 2) / 2, first = begin / kBlock * kBlock * kPanelColumns;
  const Unscaled<T> as_it_is;
  for (int64_t p = 0; p < panels; ++p)
    widen(reinterpret_cast<const T*>(b.panels) + (panel + p) * panel_bytes_narrow<T>(k) + first, elements, as_it_is,
          reinterpret_cast<uint16_t*>(wide) + p * elements);
  return {wide};
}
template <int64_t block>
inline packed_i8 panels_of_block(packed_i8_blocks<block> b, int64_t panel, int64_t, int64_t number, ScaledBlock, int64_t, int64_t,
                                 int64_t k, char*) {
  return {b.panels + panel * panel_bytes_i8_blocks(k, block) + number * panel_bytes(block, 1)};
}
template <class T, class Wide>
constexpr int64_t panels_at_once(packed_narrow<T, Wide>) {
  return kScaledPanels;
}
template <int64_t block>
constexpr int64_t panels_at_once(packed_i8_blocks<block>) {
  return 1;
}

IMBREX_OP vf sum_of_products(const float* p) { return load_f32(p); }
IMBREX_OP vf sum_of_products(const float* p, int n) { return load_f32(p, n); }
IMBREX_OP vf sum_of_products(const int32_t* p) { return nearest_float(load_i32(p)); }
IMBREX_OP vf sum_of_products(const int32_t* p, int n) { return nearest_float(load_i32(p, n)); }

// C = or += products * (of_row * of_columns), each operation rounded.
template <class Sum>
inline void add_scaled(const Sum* products, float of_row, const float* of_columns, float* c, int64_t columns, bool is_first) {
  const vf row = broadcast(of_row), zero = broadcast(0.0f);
  int64_t j = 0;
  for (; j + 16 <= columns; j += 16) {
    const vf scaled = mul(sum_of_products(products + j), mul(row, load_f32(of_columns + j)));
    store_f32(c + j, add(is_first ? zero : load_f32(c + j), scaled));
  }
  if (j == columns) return;
  const int n = static_cast<int>(columns - j);
  const vf scaled = mul(sum_of_products(products + j, n), mul(row, load_f32(of_columns + j, n)));
  store_f32(c + j, add(is_first ? zero : load_f32(c + j, n), scaled), n);
}

// C [rows, columns] of A [rows, k] and the columns of B from column 16 * first_block on. `product` multiplies bf16 or int8.
// Scratch memory, 64-byte aligned: kScaledRows rows (or all, if they are fewer) by kScaledColumns sums; kScaledPanels panels of a
// block of k; and all of A as bf16 where it is bytes that are multiplied so.
template <auto product, class Element, class Sum, class A, class Packed, class ScaleOfA, class ScaleOfB>
inline void matmul_scaled(const A* a, int64_t a_row_stride, Packed b, int64_t first_block, Scales<ScaleOfA> a_scales,
                          Scales<ScaleOfB> b_scales, ScaledBlock block, float* c, int64_t c_row_stride, int64_t rows,
                          int64_t columns, int64_t k, char* scratch) {
  if (k <= 0) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < columns; ++j) c[r * c_row_stride + j] = 0.0f;
    return;
  }
  const int64_t rows_at_once = rows < kScaledRows ? rows : kScaledRows;
  Sum* const sums = reinterpret_cast<Sum*>(scratch);
  char* const wide = scratch + rows_at_once * kScaledColumns * 4;
  const Element* left = reinterpret_cast<const Element*>(a);
  int64_t left_stride = a_row_stride;
  if constexpr (sizeof(A) != sizeof(Element)) {
    const int64_t most = block.k < k ? block.k : k;
    uint16_t* const copy = reinterpret_cast<uint16_t*>(wide + kScaledPanels * panel_bytes(most, 2));
    const Unscaled<A> as_it_is;
    for (int64_t r = 0; r < rows; ++r) widen(a + r * a_row_stride, k, as_it_is, copy + r * k);
    left = copy;
    left_stride = k;
  }
  const int64_t most_columns = panels_at_once(Packed{}) * kPanelColumns;
  for (int64_t column = 0; column < columns;) {
    const int64_t at = first_block * 16 + column, panel = at / kPanelColumns, inside = at % kPanelColumns;
    const int64_t count = columns - column < most_columns - inside ? columns - column : most_columns - inside;
    const int64_t panels = (inside + count + kPanelColumns - 1) / kPanelColumns;
    for (int64_t begin = 0, number = 0; begin < k; ++number) {
      const int64_t size = k - begin < block.k ? k - begin : block.k;
      const auto right = panels_of_block(b, panel, panels, number, block, begin, size, k, wide);
      float of_columns[kScaledColumns];
      for (int64_t j = 0; j < count;) {
        const int64_t which = (column + j) / block.columns, left_in_block = block.columns - (column + j) % block.columns;
        const int64_t end = count - j < left_in_block ? count : j + left_in_block;
        const float scale = b_scales.at(number, which);
        for (; j < end; ++j) of_columns[j] = scale;
      }
      for (int64_t row = 0; row < rows; row += kScaledRows) {
        const int64_t count_of_rows = rows - row < kScaledRows ? rows - row : kScaledRows;
        product(left + row * left_stride + begin, left_stride, right, inside / 16, sums, kScaledColumns, count_of_rows, count,
                size, false);
        for (int64_t r = 0; r < count_of_rows; ++r)
          add_scaled(sums + r * kScaledColumns, a_scales.at(row + r, number), of_columns, c + (row + r) * c_row_stride + column,
                     count, number == 0);
      }
      begin += size;
    }
    column += count;
  }
}

}  // namespace
}  // namespace imbrex::isa
