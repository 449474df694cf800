#include "imbrex/runtime/tensor_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace imbrex::runtime {
namespace {

[[noreturn]] void fail(const char* id, std::string message, std::string hint) {
  throw UserError(id, std::move(message), std::move(hint));
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

bool is_empty(const TensorView& view) { return std::find(view.shape.begin(), view.shape.end(), 0) != view.shape.end(); }

// A linear extent: `offset`, or, where one dimension alone decides it, offset + factor * dim.
struct Linear {
  int64_t offset = 0, factor = 0;
  size_t dim = 0;
  bool has_dim = false;
};
std::optional<Linear> linear_in_one(const imbrex_kernel& kernel, const imbrex_extent& extent) {
  if (extent.factors == nullptr) return {};
  Linear linear{extent.offset};
  for (size_t dim = 0; dim < static_cast<size_t>(kernel.dim_count); ++dim) {
    if (extent.factors[dim] == 0) continue;
    if (linear.has_dim) return {};
    linear = {extent.offset, extent.factors[dim], dim, true};
  }
  return linear;
}

// The value at which offset + factor * value is `size`.
std::optional<int64_t> solution(int64_t offset, int64_t factor, int64_t size) {
  int64_t rest = 0;
  if (__builtin_sub_overflow(size, offset, &rest) || factor == 0 || (factor == -1 && rest == INT64_MIN) || rest % factor != 0)
    return {};
  return rest / factor;
}

// Whether the extent can have that size, for some dimensions.
bool fits(const imbrex_kernel& kernel, const imbrex_extent& extent, int64_t size) {
  if (size < 0) return false;
  const std::optional<Linear> linear = linear_in_one(kernel, extent);
  if (!linear) return true;
  if (!linear->has_dim) return size == std::max<int64_t>(linear->offset, 0);
  const std::optional<int64_t> dim = solution(linear->offset, linear->factor, size);
  if (dim && *dim >= 0) return true;
  const auto smallest = static_cast<__int128>(linear->factor) + linear->offset;
  return size == 0 && (linear->factor < 0 || smallest <= 0);  // negative extents are empty, too
}

bool matches(const imbrex_kernel& kernel, const imbrex_tensor_info& info, const TensorView& view) {
  if (static_cast<size_t>(info.rank) != view.shape.size()) return false;
  for (size_t axis = 0; axis < view.shape.size(); ++axis)
    if (!fits(kernel, info.shape[axis], view.shape[axis])) return false;
  return true;
}

// Bytes from the first to after the last element, if they are fewer than 2^62 and have addresses.
std::optional<int64_t> span_of(const TensorView& view) {
  if (is_empty(view)) return 0;
  int64_t last = 0, bytes = 0;
  for (size_t axis = 0; axis < view.shape.size(); ++axis) {
    int64_t step = 0;
    if (__builtin_mul_overflow(view.shape[axis] - 1, view.strides[axis], &step) || __builtin_add_overflow(last, step, &last))
      return {};
  }
  if (__builtin_add_overflow(last, int64_t{1}, &last) || __builtin_mul_overflow(last, bytes_of(view.dtype), &bytes) ||
      bytes >= IMBREX_TOO_MANY_BYTES)
    return {};
  if (reinterpret_cast<uintptr_t>(view.data) > UINTPTR_MAX - static_cast<uintptr_t>(bytes)) return {};
  return bytes;
}

// If its bytes are fewer than 2^62.
std::optional<std::vector<int64_t>> dense_strides(const TensorView& view) {
  std::vector<int64_t> strides(view.shape.size(), 1);
  if (is_empty(view)) return strides;
  int64_t stride = 1;
  for (size_t axis = view.shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    if (__builtin_mul_overflow(stride, view.shape[axis], &stride)) return {};
  }
  if (stride > (IMBREX_TOO_MANY_BYTES - 1) / bytes_of(view.dtype)) return {};
  return strides;
}

// True if no two indices reach one element: each axis steps over all that the axes inside it span.
bool reaches_each_once(const TensorView& view) {
  if (is_empty(view)) return true;
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
  if (!any_strides && !view.strides.empty() && view.strides.back() != 1 && view.shape.back() > 1)
    fail("tensor-strides", had + ": the elements of the last axis must lie side by side, stride 1", "a copy in row-major order");
  if (!span_of(view))
    fail("tensor-strides", had + ": its last element lies outside the address space", "strides in elements, not in bytes");
  if (info.role != IMBREX_INPUT && !reaches_each_once(view))
    fail("tensor-strides", had + ": two elements share an address, and the kernel writes the tensor",
         "strides at least as large as what the axes after them span");
}

}  // namespace

DType dtype_of(imbrex_dtype dtype) {
  switch (dtype) {
#define IMBREX_ROW(id, name, bytes, form, layout, precision, least, greatest, suffix, memory, abi, ...) \
  case abi: return DType::id;
    IMBREX_EACH_TYPE(IMBREX_ROW)
#undef IMBREX_ROW
  }
  throw InternalError("a kernel's table has element types of abi.h");
}

std::string wanted_text(const imbrex_kernel& kernel, size_t tensor) {
  const imbrex_tensor_info& info = kernel.tensors[tensor];
  std::string text = std::string(name_of(dtype_of(info.dtype))) + " [";
  for (int32_t axis = 0; axis < info.rank; ++axis) text += fmt::format("{}{}", axis == 0 ? "" : ", ", info.shape[axis].text);
  return text + "]";
}

TensorView checked_view(const imbrex_kernel& kernel, size_t tensor, TensorView view, bool any_strides) {
  const imbrex_tensor_info& info = kernel.tensors[tensor];
  const std::string wanted = wanted_text(kernel, tensor);
  if (view.data == nullptr && !is_empty(view))
    fail("tensor-null", fmt::format("tensor `{}`, {}, is bound to a null pointer", info.name, wanted), "its memory");
  if (view.dtype != dtype_of(info.dtype))
    fail("tensor-dtype",
         fmt::format("tensor `{}` of kernel `{}` is {}, but it is bound to {}", info.name, kernel.name, wanted,
                     to_text(view.dtype, view.shape)),
         fmt::format("elements of type {}", name_of(dtype_of(info.dtype))));
  if (!matches(kernel, info, view))
    fail("tensor-shape",
         fmt::format("tensor `{}` of kernel `{}` is {}, but it is bound to {}", info.name, kernel.name, wanted,
                     to_text(view.dtype, view.shape)),
         any_strides ? "the shape above; a weight stored the other way round is TensorView::transposed()" : "the shape above");
  std::optional<std::vector<int64_t>> dense = dense_strides(view);
  if (!dense)
    fail("tensor-shape", fmt::format("tensor `{}` with shape {} has 2^62 bytes or more", info.name, shape_text(view.shape)),
         "a shape that fits into memory");
  if (view.strides.empty()) view.strides = *std::move(dense);
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
  if (value < 0 || value > kernel_.dim_max[dim])
    fail("dim-range",
         fmt::format("dimension {} is {} ({}), but kernel `{}` takes 1 to {}", name, value, source, kernel_.name,
                     kernel_.dim_max[dim]),
         fmt::format("calls with {} from 1 to {}, or a larger `max` in the kernel", name, kernel_.dim_max[dim]));
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
  bound_.push_back({tensor, shape});
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const std::optional<Linear> linear = linear_in_one(kernel_, info.shape[axis]);
    if (linear && linear->has_dim && linear->offset == 0 && linear->factor > 0)
      set(linear->dim, shape[axis] / linear->factor, fmt::format("tensor `{}` is {}", info.name, shape_text(shape)));
  }
}

void DimInference::add(size_t dim, int64_t value) { set(dim, value, "given"); }

// Sets the one dimension of the extent that is unknown, if there is one and the size gives it. An empty axis gives none: every
// extent below zero is one.
bool DimInference::solve(const imbrex_extent& extent, int64_t size, const std::string& source) {
  if (extent.factors == nullptr || size == 0) return false;
  std::optional<size_t> unknown;
  int64_t known = extent.offset;
  for (size_t dim = 0; dim < values_.size(); ++dim) {
    if (extent.factors[dim] == 0) continue;
    int64_t term = 0;
    if (!values_[dim] && unknown) return false;
    if (!values_[dim])
      unknown = dim;
    else if (__builtin_mul_overflow(extent.factors[dim], *values_[dim], &term) || __builtin_add_overflow(known, term, &known))
      return false;
  }
  if (!unknown) return false;
  const std::optional<int64_t> value = solution(known, extent.factors[*unknown], size);
  if (value) set(*unknown, *value, source);
  return value.has_value();
}

void DimInference::compare(const Bound& bound, const std::vector<int64_t>& dims) const {
  const imbrex_tensor_info& info = kernel_.tensors[bound.tensor];
  std::vector<int64_t> wanted;
  for (int32_t axis = 0; axis < info.rank; ++axis)
    wanted.push_back(kernel_.extent(static_cast<int32_t>(bound.tensor), axis, dims.data()));
  if (wanted == bound.shape) return;
  std::string values;
  for (size_t dim = 0; dim < dims.size(); ++dim)
    values += fmt::format("{}{} = {} ({})", dim == 0 ? "" : ", ", kernel_.dim_names[dim], dims[dim], sources_[dim]);
  fail("tensor-shape",
       fmt::format("tensor `{}` of kernel `{}` is {}, which is {} with {}; it is bound to {}", info.name, kernel_.name,
                   wanted_text(kernel_, bound.tensor), shape_text(wanted), values, shape_text(bound.shape)),
       fmt::format("a tensor {}", shape_text(wanted)));
}

void DimInference::require_nothing_to_write_if_zero(const std::vector<int64_t>& dims) const {
  const auto zero = static_cast<size_t>(std::find(dims.begin(), dims.end(), 0) - dims.begin());
  if (zero == dims.size()) return;
  for (int32_t i = 0; i < kernel_.tensor_count; ++i) {
    const imbrex_tensor_info& info = kernel_.tensors[i];
    bool has_elements = info.role != IMBREX_INPUT;
    for (int32_t axis = 0; axis < info.rank; ++axis) has_elements = has_elements && kernel_.extent(i, axis, dims.data()) != 0;
    if (has_elements)
      fail("dim-range",
           fmt::format("dimension {} is 0 ({}), but tensor `{}` of kernel `{}`, which it writes, has elements then",
                       kernel_.dim_names[zero], sources_[zero], info.name, kernel_.name),
           fmt::format("{} from 1 to {}", kernel_.dim_names[zero], kernel_.dim_max[zero]));
  }
}

std::vector<int64_t> DimInference::finish() {
  for (bool found = true; found;) {
    found = false;
    for (const Bound& bound : bound_)
      for (size_t axis = 0; axis < bound.shape.size(); ++axis)
        found = solve(kernel_.tensors[bound.tensor].shape[axis], bound.shape[axis],
                      fmt::format("tensor `{}` is {}", kernel_.tensors[bound.tensor].name, shape_text(bound.shape))) ||
                found;
  }
  std::vector<int64_t> result;
  for (size_t dim = 0; dim < values_.size(); ++dim) {
    if (!values_[dim])
      fail("dim-missing",
           fmt::format("dimension {} of kernel `{}` follows from no tensor that is bound", kernel_.dim_names[dim], kernel_.name),
           fmt::format("set_dim(\"{}\", ...)", kernel_.dim_names[dim]));
    result.push_back(*values_[dim]);
  }
  for (const Bound& bound : bound_) compare(bound, result);
  require_nothing_to_write_if_zero(result);
  return result;
}

}  // namespace imbrex::runtime
