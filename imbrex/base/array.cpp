#include "imbrex/base/array.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace imbrex {

int64_t Array::size() const {
  int64_t n = 1;
  for (int64_t extent : shape) n *= extent;
  return n;
}

Array Array::zeros(DType dtype, std::vector<int64_t> shape) {
  Array a{dtype, std::move(shape), {}};
  a.bytes.resize(static_cast<size_t>(a.size() * bytes_of(dtype)));
  return a;
}

std::string to_text(DType dtype, const std::vector<int64_t>& shape) {
  return fmt::format("{} [{}]", name_of(dtype), fmt::join(shape, ", "));
}

}  // namespace imbrex
