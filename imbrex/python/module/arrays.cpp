#include "arrays.h"

#include <nanobind/ndarray.h>

#include <cstring>
#include <string_view>

#include "errors.h"

namespace imbrex::python {
namespace {

// A format of the struct module, of one element: "f", "<h".
std::string type_of_format(std::string_view format, size_t bytes) {
  if (!format.empty() && (format[0] == '@' || format[0] == '=' || format[0] == '<')) format.remove_prefix(1);
  if (!format.empty() && (format[0] == '>' || format[0] == '!'))
    refuse("array-layout", "the elements of an array have their bytes in the other order",
           "array.astype(array.dtype.newbyteorder('='))");
  const std::string bits = std::to_string(8 * bytes);
  if (format.size() != 1) return std::string(format);
  switch (format[0]) {
    case '?': return "bool";
    case 'e': return "f16";
    case 'f': return "f32";
    case 'd': return "float64";
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n': return "int" + bits;
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N': return "uint" + bits;
    default: return std::string(format);
  }
}

// Types of ml_dtypes, by the names that NumPy has for them.
std::string type_of_dtype_name(const std::string& name) {
  if (name == "bfloat16") return "bf16";
  if (name == "float8_e4m3fn") return "e4m3";
  if (name == "float8_e8m0fnu") return "e8m0";
  return name;
}

std::string type_of_dlpack(const nb::dlpack::dtype& dtype) {
  const std::string bits = std::to_string(dtype.bits);
  switch (static_cast<nb::dlpack::dtype_code>(dtype.code)) {
    case nb::dlpack::dtype_code::Int: return "int" + bits;
    case nb::dlpack::dtype_code::UInt: return "uint" + bits;
    case nb::dlpack::dtype_code::Float: return dtype.bits == 32 ? "f32" : dtype.bits == 16 ? "f16" : "float" + bits;
    case nb::dlpack::dtype_code::Bfloat: return "bf16";
    case nb::dlpack::dtype_code::Bool: return "bool";
    default: break;
  }
  // Codes that DLPack has from version 1.1 on.
  if (dtype.code == 10) return "e4m3";
  if (dtype.code == 14) return "e8m0";
  return "type " + std::to_string(dtype.code) + " of " + bits + " bits";
}

}  // namespace

HeldArray::HeldArray(nb::handle array) {
  if (take_buffer(array) || take_interface(array) || take_dlpack(array)) return;
  refuse("not-an-array", std::string("a ") + Py_TYPE(array.ptr())->tp_name + " is no array",
         "give a NumPy array, a torch tensor, or what has the buffer protocol or DLPack");
}

HeldArray::~HeldArray() {
  if (has_buffer_) PyBuffer_Release(&buffer_);
}

HeldArray::HeldArray(HeldArray&& other) noexcept
    : type_(std::move(other.type_)),
      shape_(std::move(other.shape_)),
      strides_(std::move(other.strides_)),
      data_(other.data_),
      is_read_only_(other.is_read_only_),
      has_buffer_(other.has_buffer_),
      buffer_(other.buffer_),
      owner_(std::move(other.owner_)) {
  other.has_buffer_ = false;
}

bool HeldArray::take_buffer(nb::handle array) {
  if (!PyObject_CheckBuffer(array.ptr())) return false;
  if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_RECORDS_RO) != 0) {
    PyErr_Clear();  // NumPy has no format for types of ml_dtypes
    return false;
  }
  has_buffer_ = true;
  const auto bytes = static_cast<size_t>(buffer_.itemsize);
  type_ = type_of_format(buffer_.format ? buffer_.format : "B", bytes);
  shape_.assign(buffer_.shape, buffer_.shape + buffer_.ndim);
  for (int axis = 0; axis < buffer_.ndim; ++axis) {
    const Py_ssize_t stride = buffer_.strides[axis];
    if (bytes == 0 || stride % buffer_.itemsize != 0)
      refuse("array-layout", "the elements of an array lie at distances that are no multiples of their size", "array.copy()");
    strides_.push_back(stride / buffer_.itemsize);
  }
  data_ = buffer_.buf;
  is_read_only_ = buffer_.readonly != 0;
  return true;
}

bool HeldArray::take_interface(nb::handle array) {
  if (!nb::hasattr(array, "__array_interface__") || !nb::hasattr(array, "dtype")) return false;
  const nb::dict interface = nb::cast<nb::dict>(array.attr("__array_interface__"));
  type_ = type_of_dtype_name(nb::cast<std::string>(nb::str(array.attr("dtype").attr("name"))));
  const nb::tuple data = nb::cast<nb::tuple>(interface["data"]);
  data_ = reinterpret_cast<void*>(nb::cast<uintptr_t>(data[0]));
  is_read_only_ = nb::cast<bool>(data[1]);
  for (nb::handle extent : nb::cast<nb::tuple>(interface["shape"])) shape_.push_back(nb::cast<int64_t>(extent));
  const auto bytes = nb::cast<int64_t>(array.attr("dtype").attr("itemsize"));
  if (interface.contains("strides") && !interface["strides"].is_none()) {
    for (nb::handle stride : nb::cast<nb::tuple>(interface["strides"])) {
      if (nb::cast<int64_t>(stride) % bytes != 0)
        refuse("array-layout", "the elements of an array lie at distances that are no multiples of their size", "array.copy()");
      strides_.push_back(nb::cast<int64_t>(stride) / bytes);
    }
  } else {
    strides_.assign(shape_.size(), 1);
    for (size_t axis = shape_.size(); axis-- > 1;) strides_[axis - 1] = strides_[axis] * shape_[axis];
  }
  owner_ = nb::borrow(array);
  return true;
}

bool HeldArray::take_dlpack(nb::handle array) {
  if (!nb::hasattr(array, "__dlpack__")) return false;
  nb::object source = nb::borrow(array);
  // A tensor that gradients are computed of does not give its memory away; its values are those of detach().
  if (nb::hasattr(array, "requires_grad") && nb::cast<bool>(array.attr("requires_grad"))) source = array.attr("detach")();
  if (nb::hasattr(source, "__dlpack_device__") && nb::cast<int>(nb::cast<nb::tuple>(source.attr("__dlpack_device__")())[0]) != 1)
    refuse("array-device", "an array is not in the memory of the processor", "array.cpu()");
  nb::ndarray<> taken;
  if (!nb::try_cast(source, taken)) return false;
  type_ = type_of_dlpack(taken.dtype());
  for (size_t axis = 0; axis < taken.ndim(); ++axis) {
    shape_.push_back(static_cast<int64_t>(taken.shape(axis)));
    strides_.push_back(taken.stride(axis));
  }
  data_ = taken.data();
  owner_ = nb::cast(taken);
  return true;
}

imbrex_array HeldArray::as(imbrex_dtype dtype, const char* tensor) const {
  const std::string wanted = imbrex_dtype_name(dtype);
  const bool stands_for =
      (type_ == "uint16" && dtype == IMBREX_BF16) || (type_ == "uint8" && (dtype == IMBREX_E4M3 || dtype == IMBREX_E8M0));
  if (type_ != wanted && !stands_for)
    refuse("tensor-dtype", std::string("'") + tensor + "' is " + wanted + ", and the array given for it is " + type_,
           dtype == IMBREX_BF16 ? "an array of bf16 (ml_dtypes.bfloat16, torch.bfloat16, or its bits as uint16)"
                                : "an array of " + wanted);
  return {data_, dtype, is_read_only_, shape_.size(), shape_.data(), strides_.data()};
}

}  // namespace imbrex::python
