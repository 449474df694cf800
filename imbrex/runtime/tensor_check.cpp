#include "imbrex/runtime/tensor_check.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

namespace imbrex::runtime {
namespace {

// More than any memory holds; products of two such numbers and an element's bytes are checked where they are made.
constexpr int64_t kMostOfADim = int64_t{1} << 40;

[[noreturn]] void fail(const char* id, std::string message, std::string hint) {
  throw UserError(id, std::move(message), std::move(hint));
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

std::string extent_text(const imbrex_kernel& kernel, const imbrex_extent& extent) {
  if (extent.dim < 0) return fmt::format("{}", extent.constant);
  const char* name = kernel.dim_names[extent.dim];
  return extent.constant == 1 ? name : fmt::format("{} * {}", extent.constant, name);
}

bool fits(const imbrex_extent& extent, int64_t size) {
  if (size < 1) return false;
  return extent.dim < 0 ? size == extent.constant : extent.constant >= 1 && size % extent.constant == 0;
}

bool matches(const imbrex_tensor_info& info, const TensorView& view) {
  if (static_cast<size_t>(info.rank) != view.shape.size()) return false;
  for (size_t axis = 0; axis < view.shape.size(); ++axis)
    if (!fits(info.shape[axis], view.shape[axis])) return false;
  return true;
}

// Bytes from the first to after the last element, if that is a number.
std::optional<int64_t> span_of(const TensorView& view) {
  int64_t last = 0, bytes = 0;
  for (size_t axis = 0; axis < view.shape.size(); ++axis) {
    int64_t step = 0;
    if (__builtin_mul_overflow(view.shape[axis] - 1, view.strides[axis], &step) || __builtin_add_overflow(last, step, &last))
      return {};
  }
  if (__builtin_add_overflow(last, int64_t{1}, &last) || __builtin_mul_overflow(last, bytes_of(view.dtype), &bytes)) return {};
  if (reinterpret_cast<uintptr_t>(view.data) > UINTPTR_MAX - static_cast<uintptr_t>(bytes)) return {};
  return bytes;
}

std::optional<std::vector<int64_t>> dense_strides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    if (__builtin_mul_overflow(stride, shape[axis], &stride)) return {};
  }
  return strides;
}

// True if no two indices reach one element: each axis steps over all that the axes inside it span.
bool reaches_each_once(const TensorView& view) {
  int64_t inner = 1;
  for (size_t axis = view.shape.size(); axis-- > 0;) {
    if (view.shape[axis] > 1 && view.strides[axis] < inner) return false;
    inner += (view.shape[axis] - 1) * view.strides[axis];
  }
  return true;
}

void check_strides(const imbrex_tensor_info& info, const TensorView& view, bool any_strides) {
  const std::string had = fmt::format("tensor `{}` of shape {} is bound with strides {}", info.name, shape_text(view.shape),
                                      shape_text(view.strides));
  if (view.strides.size() != view.shape.size())
    fail("tensor-strides", had + ": one for each axis is needed", "strides in elements, or none");
  for (const int64_t stride : view.strides)
    if (stride < 0)
      fail("tensor-strides", had + ": strides are not negative", "the address of the first row, and rows in ascending order");
  if (!any_strides && !view.strides.empty() && view.strides.back() != 1 && view.shape.back() != 1)
    fail("tensor-strides", had + ": the elements of the last axis must lie side by side, stride 1", "a copy in row-major order");
  if (!span_of(view))
    fail("tensor-strides", had + ": its last element lies outside the address space", "strides in elements, not in bytes");
  if (info.role != IMBREX_INPUT && !reaches_each_once(view))
    fail("tensor-strides", had + ": two of its elements would be one, and the kernel writes it",
         "strides at least as large as what the axes after them span");
}

}  // namespace

DType dtype_of(imbrex_dtype dtype) {
  switch (dtype) {
    case IMBREX_F32: return DType::f32;
    case IMBREX_BF16: return DType::bf16;
    case IMBREX_F16: return DType::f16;
    case IMBREX_INT8: return DType::int8;
    case IMBREX_UINT8: return DType::uint8;
    case IMBREX_BOOL: return DType::boolean;
    case IMBREX_INT32: return DType::int32;
  }
  throw InternalError("a kernel's table has element types of abi.h");
}

std::string wanted_text(const imbrex_kernel& kernel, size_t tensor) {
  const imbrex_tensor_info& info = kernel.tensors[tensor];
  std::string text = std::string(name_of(dtype_of(info.dtype))) + " [";
  for (int32_t axis = 0; axis < info.rank; ++axis) text += (axis == 0 ? "" : ", ") + extent_text(kernel, info.shape[axis]);
  return text + "]";
}

TensorView checked_view(const imbrex_kernel& kernel, size_t tensor, TensorView view, bool any_strides) {
  const imbrex_tensor_info& info = kernel.tensors[tensor];
  const std::string wanted = wanted_text(kernel, tensor);
  if (view.data == nullptr)
    fail("tensor-null", fmt::format("tensor `{}`, {}, is bound to a null pointer", info.name, wanted), "its memory");
  if (view.dtype != dtype_of(info.dtype))
    fail("tensor-dtype",
         fmt::format("tensor `{}` of kernel `{}` is {}, but it is bound to {}", info.name, kernel.name, wanted,
                     to_text(view.dtype, view.shape)),
         fmt::format("elements of type {}", name_of(dtype_of(info.dtype))));
  if (!matches(info, view))
    fail("tensor-shape",
         fmt::format("tensor `{}` of kernel `{}` is {}, but it is bound to {}", info.name, kernel.name, wanted,
                     to_text(view.dtype, view.shape)),
         any_strides ? "the shape above; a weight stored the other way round is TensorView::transposed()" : "the shape above");
  if (view.strides.empty()) {
    std::optional<std::vector<int64_t>> strides = dense_strides(view.shape);
    if (!strides)
      fail("tensor-shape",
           fmt::format("tensor `{}` with shape {} has more elements than can be counted", info.name, shape_text(view.shape)),
           "a shape that fits into memory");
    view.strides = *std::move(strides);
  }
  check_strides(info, view, any_strides);
  if (reinterpret_cast<uintptr_t>(view.data) % static_cast<uintptr_t>(bytes_of(view.dtype)) != 0)
    fail("tensor-misaligned",
         fmt::format("tensor `{}` is bound to address {}, which is not a multiple of the {} bytes of {}", info.name, view.data,
                     bytes_of(view.dtype), name_of(view.dtype)),
         "memory aligned for its elements");
  if (info.role != IMBREX_INPUT && !view.writable)
    fail("tensor-read-only",
         fmt::format("tensor `{}` is written by kernel `{}`, but it is bound to memory that may only be read", info.name,
                     kernel.name),
         "memory that can be written");
  return view;
}

void DimInference::set(size_t dim, int64_t value, const std::string& source) {
  const char* name = kernel_.dim_names[dim];
  if (value < 1 || value > kMostOfADim)
    fail("dim-range", fmt::format("dimension {} is {} ({}), but it must be between 1 and {}", name, value, source, kMostOfADim),
         "a size that is possible");
  if (values_[dim] && *values_[dim] != value)
    fail("dim-conflict",
         fmt::format("dimension {} of kernel `{}` is {} ({}) and also {} ({})", name, kernel_.name, *values_[dim], sources_[dim],
                     value, source),
         "tensors that agree");
  if (!values_[dim]) sources_[dim] = source;
  values_[dim] = value;
}

void DimInference::add(size_t tensor, const std::vector<int64_t>& shape) {
  const imbrex_tensor_info& info = kernel_.tensors[tensor];
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const imbrex_extent& extent = info.shape[axis];
    if (extent.dim >= 0)
      set(static_cast<size_t>(extent.dim), shape[axis] / extent.constant,
          fmt::format("tensor `{}` is {}", info.name, shape_text(shape)));
  }
}

void DimInference::add(size_t dim, int64_t value) { set(dim, value, "given"); }

std::vector<int64_t> DimInference::finish(const std::vector<std::optional<int64_t>>& maxima) const {
  std::vector<int64_t> result;
  for (size_t dim = 0; dim < values_.size(); ++dim) {
    const char* name = kernel_.dim_names[dim];
    if (!values_[dim])
      fail("dim-missing", fmt::format("dimension {} of kernel `{}` follows from no tensor that is bound", name, kernel_.name),
           fmt::format("set_dim(\"{}\", ...)", name));
    if (dim < maxima.size() && maxima[dim] && *values_[dim] > *maxima[dim])
      fail("dim-range",
           fmt::format("dimension {} is {} ({}), but kernel `{}` declares a maximum of {}", name, *values_[dim], sources_[dim],
                       kernel_.name, *maxima[dim]),
           "fewer at a time, or a kernel with a larger maximum");
    result.push_back(*values_[dim]);
  }
  return result;
}

size_t extent_bytes(const TensorView& view) {
  const std::optional<int64_t> bytes = span_of(view);
  require(bytes.has_value(), "a checked view lies inside the address space");
  return static_cast<size_t>(*bytes);
}

bool may_overlap(const TensorView& a, const TensorView& b) {
  const auto begin_a = reinterpret_cast<uintptr_t>(a.data), begin_b = reinterpret_cast<uintptr_t>(b.data);
  if (begin_a + extent_bytes(a) <= begin_b || begin_b + extent_bytes(b) <= begin_a) return false;
  if (a.shape.size() < 2 || b.shape.size() < 2) return true;
  // Both in rows that repeat with one period: do the bytes of one row of each share a place within the period?
  const auto period = static_cast<size_t>(a.strides[0] * bytes_of(a.dtype));
  if (period == 0 || period != static_cast<size_t>(b.strides[0] * bytes_of(b.dtype))) return true;
  const auto row_bytes = [](TensorView view) {
    view.shape[0] = 1;
    return extent_bytes(view);
  };
  const size_t place = begin_b >= begin_a ? (begin_b - begin_a) % period : (period - (begin_a - begin_b) % period) % period;
  return place < row_bytes(a) || place + row_bytes(b) > period;
}

}  // namespace imbrex::runtime
