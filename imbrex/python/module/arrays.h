// Memory of Python's arrays: the buffer protocol (NumPy), the array interface (types of ml_dtypes), torch's tensors, and DLPack.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <array>
#include <cstdint>
#include <optional>

#include "imbrex/imbrex.h"

namespace imbrex::python {

namespace nb = nanobind;

// What an array is, but for where it is. Nothing here is allocated: a call of four arrays makes four of them.
struct Layout {
  static constexpr size_t kMostAxes = 16;

  // The element type's name as programs have it, or, of a type that they do not have, as its library does ("float64"). One pointer
  // for one name.
  const char* type = "";
  size_t rank = 0;
  std::array<int64_t, kMostAxes> shape, strides;  // strides in elements
  bool is_read_only = false;

  bool operator==(const Layout& other) const;
};

// Who calls a kernel. Where an operator of torch's is called, torch has written negated views to memory before.
enum class CalledBy { anyone, torch };

// An array, held as long as this lives.
class HeldArray {
 public:
  // imbrex.Error "not-an-array", "array-layout", "array-device" name `tensor`, which outlives this; "" where it has no name.
  HeldArray(nb::handle array, const char* tensor, CalledBy caller = CalledBy::anyone);
  ~HeldArray();
  HeldArray(HeldArray&& other) noexcept;
  HeldArray& operator=(HeldArray&&) = delete;

  const Layout& layout() const { return layout_; }
  void* data() const { return data_; }
  // As a tensor of `dtype`, over `layout`, which is this array's: bytes stand for fp8, and 16-bit integers for bf16, where the library
  // has no such type. imbrex.Error "tensor-dtype" names `tensor`.
  imbrex_array as(imbrex_dtype dtype, const char* tensor, const Layout& layout) const;
  // For a call that is run again: `array`, which this was made of, is watched. Another tensor on the same memory stands for one of
  // torch, which may be given other memory itself.
  void watch(nb::handle array);
  // Whether the memory of a watched array is elsewhere, or has another shape, since then: NumPy's `resize` and a `resize_` of
  // torch's storages do that, whoever holds the array. Reads a pointer, and asks torch for one.
  bool has_moved() const;
  const char* tensor() const { return tensor_; }
  // After a kernel has written to it: torch's derivatives of what was there before are refused then.
  void was_written() const;

 private:
  void take_tensor(const nb::dlpack::dltensor& tensor);
  void settle_strides_of_nothing();
  bool take_torch(nb::handle array, CalledBy caller);
  bool take_buffer(nb::handle array);
  bool take_interface(nb::handle array);
  bool take_dlpack(nb::handle array);

  const char* tensor_;
  Layout layout_;
  void* data_ = nullptr;
  bool has_buffer_ = false, is_torch_ = false;
  Py_buffer buffer_{};
  nb::object owner_;
  nb::object watched_;

  friend class GradientCheck;
};

// Kernels have no derivatives: of one call, refuses tensors of torch that gradients are computed of. Whether torch computes any is
// asked once.
class GradientCheck {
 public:
  // imbrex.Error "tensor-gradient" names `tensor`.
  void require_none(const HeldArray& array, const char* tensor);
  void require_none(nb::handle torch_tensor, const char* tensor);

 private:
  std::optional<bool> are_computed_;
};

}  // namespace imbrex::python
