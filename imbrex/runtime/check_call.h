/* Says what is wrong with a call before it runs, for callers of kernels compiled ahead of time. Plain C, internal linkage, no
 * allocation. What passes here touches bound memory only, if each buffer is as large as its shape and strides say. */
#ifndef IMBREX_RUNTIME_CHECK_CALL_H
#define IMBREX_RUNTIME_CHECK_CALL_H

#include <stdarg.h>
#include <stdio.h>

#include "imbrex/runtime/abi.h"
#include "imbrex/runtime/call_memory.h"

/* C casts, which C++ code that includes this may have warnings for. */
#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#endif

typedef enum imbrex_status {
  IMBREX_OK = 0,
  IMBREX_NO_KERNEL,       /* the kernel is null, or of another version of abi.h or of the semantics */
  IMBREX_NULL_POINTER,    /* a pointer that is needed is null */
  IMBREX_BAD_DIM,         /* a dimension out of its range, or one that makes a tensor or the workspace too large */
  IMBREX_BAD_STRIDE,      /* strides that make rows overlap, go backwards, or leave gaps between columns */
  IMBREX_MISALIGNED,      /* a tensor not aligned to its elements; packed memory or workspace not to 64 bytes */
  IMBREX_BAD_THREAD,      /* ith is not below nth, or several threads have no barrier */
  IMBREX_NOT_PACKABLE,    /* pack() of a tensor that the kernel takes as it is */
  IMBREX_OTHER_PACKING,   /* packed memory of another target, version, layout, tensor or kernel */
  IMBREX_SMALL_WORKSPACE, /* a workspace of fewer bytes than the kernel needs */
  IMBREX_OVERLAP          /* an output, inout, workspace or memory to pack into that shares bytes with something else */
} imbrex_status;

/* What a check found: `text` (at most `size` bytes, may be null) gets one line that names the tensor and the numbers. */
typedef struct imbrex_message {
  char* text;
  size_t size;
} imbrex_message;

__attribute__((format(printf, 3, 4))) static inline imbrex_status imbrex_say(imbrex_message message, imbrex_status status,
                                                                             const char* rule, ...) {
  va_list values;
  if (message.text == NULL || message.size == 0) return status;
  va_start(values, rule);
  vsnprintf(message.text, message.size, rule, values);
  va_end(values);
  return status;
}

static inline int imbrex_is_aligned(const void* pointer, size_t bytes) { return (uintptr_t)pointer % bytes == 0; }

/* Whether so many bytes from there on have addresses. */
static inline int imbrex_has_addresses(const void* begin, uint64_t bytes) { return bytes <= UINTPTR_MAX - (uintptr_t)begin; }

static inline imbrex_status imbrex_check_kernel(const imbrex_kernel* kernel, imbrex_message message) {
  if (kernel == NULL) return imbrex_say(message, IMBREX_NO_KERNEL, "the kernel is null");
  if (kernel->abi_version != IMBREX_ABI_VERSION)
    return imbrex_say(message, IMBREX_NO_KERNEL,
                      "the kernel is for version %u of imbrex/runtime/abi.h, its caller for version %d",
                      (unsigned)kernel->abi_version, IMBREX_ABI_VERSION);
  if (kernel->semantics != IMBREX_SEMANTICS)
    return imbrex_say(message, IMBREX_NO_KERNEL,
                      "%s is of semantics %u (Imbrex %s), its caller of semantics %d: results may differ in bits", kernel->name,
                      (unsigned)kernel->semantics, kernel->version, IMBREX_SEMANTICS);
  return IMBREX_OK;
}

/* The elements of one step along the first axis: a row of a matrix, one of a vector. For dimensions that imbrex_check_call lets
 * pass, as in imbrex_dense_strides. */
static inline int64_t imbrex_row_elements(const imbrex_kernel* kernel, int32_t tensor, const int64_t* dims) {
  int64_t elements = 1;
  int32_t axis;
  for (axis = 1; axis < kernel->tensors[tensor].rank; ++axis) elements *= kernel->extent(tensor, axis, dims);
  return elements;
}

/* The strides of a tensor that lies row-major without gaps: one for each axis. */
static inline void imbrex_dense_strides(const imbrex_kernel* kernel, int32_t tensor, const int64_t* dims, int64_t* strides) {
  int64_t elements = 1;
  int32_t axis;
  for (axis = kernel->tensors[tensor].rank - 1; axis >= 0; --axis) {
    strides[axis] = elements;
    elements *= kernel->extent(tensor, axis, dims);
  }
}

/* `elements`: of the tensor; fewer than IMBREX_TOO_MANY_BYTES bytes. */
static inline imbrex_status imbrex_count_elements(const imbrex_kernel* kernel, int32_t tensor, const int64_t* dims,
                                                  int64_t* elements, imbrex_message message) {
  const imbrex_tensor_info* info = &kernel->tensors[tensor];
  const int64_t most = (IMBREX_TOO_MANY_BYTES - 1) / (int64_t)imbrex_element_bytes(info->dtype);
  int is_empty = 0, is_too_large = 0;
  int32_t axis;
  *elements = 1;
  for (axis = 0; axis < info->rank; ++axis) {
    const int64_t extent = kernel->extent(tensor, axis, dims);
    if (extent == 0) is_empty = 1;
    if (extent < 0 || (extent > 0 && *elements > most / extent)) is_too_large = 1;
    if (!is_too_large) *elements *= extent > 0 ? extent : 1;
  }
  if (is_empty) *elements = 0;
  if (!is_empty && is_too_large)
    return imbrex_say(message, IMBREX_BAD_DIM, "tensor %s has 2^62 bytes or more with these dimensions", info->name);
  return IMBREX_OK;
}

static inline imbrex_status imbrex_say_null(const imbrex_tensor_info* info, int32_t index, imbrex_message message) {
  return imbrex_say(message, IMBREX_NULL_POINTER, "tensor %s, number %d: its `%s` is null", info->name, (int)index,
                    info->role == IMBREX_INPUT ? "input" : "output");
}

/* A tensor that is bound as it is: its strides, and that its last byte has an address. */
static inline imbrex_status imbrex_check_layout(const imbrex_kernel* kernel, int32_t index, imbrex_tensor tensor,
                                                const int64_t* dims, imbrex_message message) {
  const imbrex_tensor_info* info = &kernel->tensors[index];
  const int64_t element_bytes = (int64_t)imbrex_element_bytes(info->dtype);
  const int64_t most = (IMBREX_TOO_MANY_BYTES - 1) / element_bytes;
  int64_t elements, span = 1; /* elements from the first to after the last of the axes seen so far */
  const imbrex_status status = imbrex_count_elements(kernel, index, dims, &elements, message);
  int32_t axis;
  if (status != IMBREX_OK || elements == 0) return status;
  if (imbrex_data(info, tensor) == NULL) return imbrex_say_null(info, index, message);
  if (info->rank > 0 && tensor.strides == NULL)
    return imbrex_say(message, IMBREX_NULL_POINTER, "the strides of tensor %s are null", info->name);
  for (axis = info->rank - 1; axis >= 0; --axis) {
    const int64_t extent = kernel->extent(index, axis, dims), stride = tensor.strides[axis];
    if (extent == 1) continue;
    if (axis == info->rank - 1 && stride != 1)
      return imbrex_say(message, IMBREX_BAD_STRIDE, "the last axis of tensor %s has stride %lld, not 1", info->name,
                        (long long)stride);
    if (stride < 0 || (stride < span && info->role != IMBREX_INPUT))
      return imbrex_say(message, IMBREX_BAD_STRIDE, "tensor %s has a stride of %lld, less than what it steps over", info->name,
                        (long long)stride);
    if (stride > (most - span) / (extent - 1))
      return imbrex_say(message, IMBREX_BAD_DIM, "tensor %s spans 2^62 bytes or more, with a stride of %lld", info->name,
                        (long long)stride);
    span += (extent - 1) * stride;
  }
  if (!imbrex_has_addresses(imbrex_data(info, tensor), (uint64_t)(span * element_bytes)))
    return imbrex_say(message, IMBREX_BAD_DIM, "tensor %s ends after the last address, with %lld elements", info->name,
                      (long long)span);
  return IMBREX_OK;
}

static inline imbrex_status imbrex_check_tensor(const imbrex_kernel* kernel, int32_t index, const imbrex_call* call,
                                                imbrex_message message) {
  const imbrex_tensor_info* info = &kernel->tensors[index];
  const void* data = imbrex_data(info, call->tensors[index]);
  const size_t alignment = info->packed_bytes > 0 ? 64 : imbrex_element_bytes(info->dtype);
  if (!imbrex_is_aligned(data, alignment))
    return imbrex_say(message, IMBREX_MISALIGNED, "tensor %s is not aligned to %d bytes", info->name, (int)alignment);
  if (info->packed_bytes == 0) return imbrex_check_layout(kernel, index, call->tensors[index], call->dims, message);
  if (data == NULL) return imbrex_say_null(info, index, message);
  if (!imbrex_has_addresses(data, info->packed_bytes))
    return imbrex_say(message, IMBREX_BAD_DIM, "the packed form of tensor %s ends after the last address", info->name);
  return IMBREX_OK;
}

/* A dimension may be 0 where no output has an element then. */
static inline imbrex_status imbrex_check_dims(const imbrex_kernel* kernel, const int64_t* dims, imbrex_message message) {
  int32_t i, zero = -1;
  int64_t elements;
  for (i = 0; i < kernel->dim_count; ++i) {
    if (dims[i] == 0) zero = i;
    if (dims[i] >= 0 && dims[i] <= kernel->dim_max[i]) continue;
    return imbrex_say(message, IMBREX_BAD_DIM, "dimension %s is %lld, which is not between 0 and %lld", kernel->dim_names[i],
                      (long long)dims[i], (long long)kernel->dim_max[i]);
  }
  for (i = 0; zero >= 0 && i < kernel->tensor_count; ++i) {
    if (kernel->tensors[i].role == IMBREX_INPUT) continue;
    if (imbrex_count_elements(kernel, i, dims, &elements, message) == IMBREX_OK && elements == 0) continue;
    return imbrex_say(message, IMBREX_BAD_DIM, "dimension %s is 0, but tensor %s has elements to write", kernel->dim_names[zero],
                      kernel->tensors[i].name);
  }
  return IMBREX_OK;
}

static inline const char* imbrex_threads(const imbrex_call* call) { return call->nth == 1 ? "thread" : "threads"; }

/* A call that needs none may bring anything. */
static inline imbrex_status imbrex_check_workspace(const imbrex_kernel* kernel, const imbrex_call* call, imbrex_message message) {
  const size_t needed = kernel->workspace_bytes(call->dims, call->nth);
  if (needed == IMBREX_TOO_LARGE)
    return imbrex_say(message, IMBREX_BAD_DIM, "the workspace of %s for %d %s has 2^62 bytes or more", kernel->name,
                      (int)call->nth, imbrex_threads(call));
  if (needed == 0) return IMBREX_OK;
  if (call->workspace == NULL)
    return imbrex_say(message, IMBREX_NULL_POINTER, "%s needs a workspace of %zu bytes for %d %s", kernel->name, needed,
                      (int)call->nth, imbrex_threads(call));
  if (call->workspace_bytes < needed)
    return imbrex_say(message, IMBREX_SMALL_WORKSPACE,
                      "the workspace of %s has %zu bytes, %zu fewer than the %zu that it needs for %d %s", kernel->name,
                      call->workspace_bytes, needed - call->workspace_bytes, needed, (int)call->nth, imbrex_threads(call));
  if (!imbrex_is_aligned(call->workspace, 64))
    return imbrex_say(message, IMBREX_MISALIGNED, "the workspace of %s is not aligned to 64 bytes", kernel->name);
  if (!imbrex_has_addresses(call->workspace, needed))
    return imbrex_say(message, IMBREX_BAD_DIM, "the workspace of %s ends after the last address", kernel->name);
  return IMBREX_OK;
}

/* What is written lies apart from everything else. Of a workspace, as many bytes count as the kernel needs. */
static inline imbrex_status imbrex_check_overlap(const imbrex_kernel* kernel, const imbrex_call* call, imbrex_message message) {
  int32_t written, other;
  if (!imbrex_find_overlap(kernel, call->tensors, call->dims, call->workspace, kernel->workspace_bytes(call->dims, call->nth),
                           &written, &other))
    return IMBREX_OK;
  if (written == kernel->tensor_count)
    return imbrex_say(message, IMBREX_OVERLAP, "the workspace of %s shares memory with tensor %s", kernel->name,
                      kernel->tensors[other].name);
  return imbrex_say(message, IMBREX_OVERLAP, "tensor %s, which %s writes, shares memory with tensor %s",
                    kernel->tensors[written].name, kernel->name, kernel->tensors[other].name);
}

/* Everything about a call that can be seen from it. */
static inline imbrex_status imbrex_check_call(const imbrex_kernel* kernel, const imbrex_call* call, char* text, size_t size) {
  const imbrex_message message = {text, size};
  imbrex_status status;
  int32_t i;
  if ((status = imbrex_check_kernel(kernel, message)) != IMBREX_OK) return status;
  if (call == NULL || (call->dims == NULL && kernel->dim_count > 0) || (call->tensors == NULL && kernel->tensor_count > 0))
    return imbrex_say(message, IMBREX_NULL_POINTER, "the call of %s, its dims or its tensors are null", kernel->name);
  if (call->nth < 1 || call->ith < 0 || call->ith >= call->nth)
    return imbrex_say(message, IMBREX_BAD_THREAD, "%s runs as thread ith = %d of nth = %d", kernel->name, (int)call->ith,
                      (int)call->nth);
  if (call->nth > 1 && call->barrier == NULL)
    return imbrex_say(message, IMBREX_BAD_THREAD, "%s runs on %d threads without a barrier", kernel->name, (int)call->nth);
  if ((status = imbrex_check_dims(kernel, call->dims, message)) != IMBREX_OK) return status;
  for (i = 0; i < kernel->tensor_count; ++i)
    if ((status = imbrex_check_tensor(kernel, i, call, message)) != IMBREX_OK) return status;
  if ((status = imbrex_check_workspace(kernel, call, message)) != IMBREX_OK) return status;
  return imbrex_check_overlap(kernel, call, message);
}

/* The same for kernel->pack(index, source, strides, packed, ith, nth). */
static inline imbrex_status imbrex_check_pack(const imbrex_kernel* kernel, int32_t index, const void* source,
                                              const int64_t* strides, const void* packed, int32_t ith, int32_t nth, char* text,
                                              size_t size) {
  const imbrex_message message = {text, size};
  const imbrex_status status = imbrex_check_kernel(kernel, message);
  const imbrex_tensor_info* info;
  int64_t element_bytes, most, span = 1; /* of the source, in elements */
  int32_t axis;
  if (status != IMBREX_OK) return status;
  if (index < 0 || index >= kernel->tensor_count || kernel->tensors[index].packed_bytes == 0)
    return imbrex_say(message, IMBREX_NOT_PACKABLE, "%s has no packed tensor of number %d", kernel->name, (int)index);
  info = &kernel->tensors[index];
  if (source == NULL || strides == NULL || packed == NULL)
    return imbrex_say(message, IMBREX_NULL_POINTER, "the source of tensor %s, its strides or its packed memory are null",
                      info->name);
  if (!imbrex_is_aligned(source, imbrex_element_bytes(info->dtype)) || !imbrex_is_aligned(packed, 64))
    return imbrex_say(message, IMBREX_MISALIGNED,
                      "tensor %s is not aligned to its elements, or its packed memory not to 64 bytes", info->name);
  element_bytes = (int64_t)imbrex_element_bytes(info->dtype);
  most = (IMBREX_TOO_MANY_BYTES - 1) / element_bytes;
  for (axis = 0; axis < 2; ++axis) {
    const int64_t steps = info->shape[axis].offset - 1; /* its shape is constant */
    if (strides[axis] < 0)
      return imbrex_say(message, IMBREX_BAD_STRIDE, "tensor %s is packed with a negative stride, %lld", info->name,
                        (long long)strides[axis]);
    if (steps > 0 && strides[axis] > (most - span) / steps)
      return imbrex_say(message, IMBREX_BAD_STRIDE, "the source of tensor %s spans 2^62 bytes or more, with a stride of %lld",
                        info->name, (long long)strides[axis]);
    if (steps > 0) span += steps * strides[axis];
  }
  if (!imbrex_has_addresses(source, (uint64_t)(span * element_bytes)) || !imbrex_has_addresses(packed, info->packed_bytes))
    return imbrex_say(message, IMBREX_BAD_STRIDE, "the source of tensor %s or its packed memory ends after the last address",
                      info->name);
  if ((uintptr_t)source + (uintptr_t)(span * element_bytes) > (uintptr_t)packed &&
      (uintptr_t)packed + info->packed_bytes > (uintptr_t)source)
    return imbrex_say(message, IMBREX_OVERLAP, "the packed memory of tensor %s shares memory with its source", info->name);
  if (nth < 1 || ith < 0 || ith >= nth)
    return imbrex_say(message, IMBREX_BAD_THREAD, "tensor %s is packed by thread ith = %d of nth = %d", info->name, (int)ith,
                      (int)nth);
  return IMBREX_OK;
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

#endif
