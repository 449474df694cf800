// A dense row-major array in memory that owns its bytes: what tests, tools and the interpreter pass around.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "imbrex/base/dtype.h"
#include "imbrex/base/memory.h"

namespace imbrex {

struct Array {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  AlignedVector<std::byte> bytes;  // elements in row-major order, little endian

  static Array zeros(DType dtype, std::vector<int64_t> shape);
  int64_t size() const;  // elements
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes.data());
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
};

// "bf16 [128, 4096]"
std::string to_text(DType dtype, const std::vector<int64_t>& shape);

}  // namespace imbrex
