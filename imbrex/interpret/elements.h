// Elements of tensors as tiles: copied in and out, each type as the numbers that tiles hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/interpret/operations.h"

namespace imbrex::interpret {

// Which elements of an array a tile of `row_count` x `column_count` stands for: its element [r, c] is the array's element
// rows[r] + columns[c].
struct Elements {
  int64_t row_count = 1, column_count = 1;
  std::vector<int64_t> rows, columns;  // empty if there are none
  // Of the tile's element k, in row-major order.
  size_t at(size_t k) const { return static_cast<size_t>(rows[k / columns.size()] + columns[k % columns.size()]); }
  size_t size() const { return rows.size() * columns.size(); }
};

Tile tile_of(const Array& array, const Elements& elements);
void put(const Tile& tile, Array& array, const Elements& elements);  // of the array's type
Array array_of(const Tile& tile);

}  // namespace imbrex::interpret
