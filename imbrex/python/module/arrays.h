// Memory of Python's arrays: the buffer protocol, the array interface (ml_dtypes), DLPack (torch).
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <vector>

#include "imbrex/imbrex.h"

namespace imbrex::python {

namespace nb = nanobind;

// An array, held as long as this lives.
class HeldArray {
 public:
  // imbrex.Error "not-an-array", "array-layout", "array-device".
  explicit HeldArray(nb::handle array);
  ~HeldArray();
  HeldArray(HeldArray&& other) noexcept;
  HeldArray& operator=(HeldArray&&) = delete;

  // The element type's name as programs have it, or, of a type that they do not have, as its library does ("float64").
  const std::string& type() const { return type_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  const std::vector<int64_t>& strides() const { return strides_; }  // in elements
  bool is_read_only() const { return is_read_only_; }
  // Whether it came by the buffer protocol, and then its format there and the bytes of an element.
  bool has_buffer() const { return has_buffer_; }
  const char* format() const { return buffer_.format ? buffer_.format : "B"; }
  Py_ssize_t element_bytes() const { return buffer_.itemsize; }
  // As a tensor of `dtype`: bytes stand for fp8, and 16-bit integers for bf16, where the library has no such type. imbrex.Error
  // "tensor-dtype" names `tensor`.
  imbrex_array as(imbrex_dtype dtype, const char* tensor) const;

 private:
  bool take_buffer(nb::handle array);
  bool take_interface(nb::handle array);
  bool take_dlpack(nb::handle array);

  std::string type_;
  std::vector<int64_t> shape_, strides_;  // strides in elements
  void* data_ = nullptr;
  bool is_read_only_ = false;
  bool has_buffer_ = false;
  Py_buffer buffer_{};
  nb::object owner_;
};

}  // namespace imbrex::python
