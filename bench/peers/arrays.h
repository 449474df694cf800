// Arrays as the memory that oneDNN and the glue work on.
#pragma once

#include <algorithm>
#include <cstring>

#include "imbrex/base/array.h"
#include "imbrex/base/memory.h"

namespace imbrex::peers {

// Of f32 or bf16.
inline AlignedVector<float> floats_of(const Array& array) {
  AlignedVector<float> values(static_cast<size_t>(array.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    if (array.dtype == DType::f32) {
      values[i] = array.as<float>()[i];
    } else {
      const uint32_t bits = static_cast<uint32_t>(array.as<uint16_t>()[i]) << 16;
      std::memcpy(&values[i], &bits, sizeof bits);
    }
  }
  return values;
}

// Two matrices with as many rows side by side.
template <class T>
AlignedVector<std::byte> side_by_side(const T* left, int64_t left_columns, const T* right, int64_t right_columns, int64_t rows) {
  const auto columns = static_cast<size_t>(left_columns + right_columns);
  AlignedVector<std::byte> both(static_cast<size_t>(rows) * columns * sizeof(T));
  auto* to = reinterpret_cast<T*>(both.data());
  for (int64_t row = 0; row < rows; ++row, to += columns) {
    std::copy_n(left + row * left_columns, left_columns, to);
    std::copy_n(right + row * right_columns, right_columns, to + left_columns);
  }
  return both;
}

}  // namespace imbrex::peers
