/* Which memory a call reads and writes, and where two tensors, or one and the workspace, share a byte of it. For calls whose
 * dimensions, strides and addresses were looked at before. Plain C, internal linkage, no allocation. */
#ifndef IMBREX_RUNTIME_CALL_MEMORY_H
#define IMBREX_RUNTIME_CALL_MEMORY_H

#include "imbrex/runtime/abi.h"

/* C casts, which C++ code that includes this may have warnings for. */
#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#endif

static inline size_t imbrex_element_bytes(imbrex_dtype dtype) {
  if (dtype == IMBREX_INT64) return 8;
  if (dtype == IMBREX_F32 || dtype == IMBREX_INT32) return 4;
  return dtype == IMBREX_BF16 || dtype == IMBREX_F16 ? 2 : 1;
}

/* Where a tensor begins: what its role says is used. */
static inline const void* imbrex_data(const imbrex_tensor_info* info, imbrex_tensor tensor) {
  return info->role == IMBREX_INPUT ? tensor.input : tensor.output;
}

/* Of one tensor, packed or not, or of the workspace. */
typedef struct imbrex_memory {
  uintptr_t begin;
  uint64_t bytes;       /* from the first to after the last; 0 if there is none */
  int32_t axes, tensor; /* `axes` of this tensor have steps; 0: the bytes lie side by side */
  const int64_t* strides;
} imbrex_memory;

/* The bytes of one piece, if all axes before `axis` are steps from piece to piece. */
static inline uint64_t imbrex_piece_bytes(const imbrex_kernel* kernel, const int64_t* dims, const imbrex_memory* memory,
                                          int32_t axis) {
  uint64_t elements = 1;
  if (memory->axes == 0) return memory->bytes;
  for (; axis < memory->axes; ++axis) {
    const int64_t extent = kernel->extent(memory->tensor, axis, dims);
    if (extent > 1) elements += (uint64_t)(extent - 1) * (uint64_t)memory->strides[axis];
  }
  return elements * imbrex_element_bytes(kernel->tensors[memory->tensor].dtype);
}

/* The greatest number of bytes of which `period`, and each step along an axis before `axis`, is a multiple. */
static inline uint64_t imbrex_common_period(const imbrex_kernel* kernel, const int64_t* dims, const imbrex_memory* memory,
                                            int32_t axis, uint64_t period) {
  while (axis-- > 0) {
    uint64_t step = (uint64_t)memory->strides[axis] * imbrex_element_bytes(kernel->tensors[memory->tensor].dtype);
    if (kernel->extent(memory->tensor, axis, dims) < 2) continue;
    while (step != 0) {
      const uint64_t rest = period % step;
      period = step;
      step = rest;
    }
  }
  return period;
}

static inline imbrex_memory imbrex_memory_of(const imbrex_kernel* kernel, int32_t index, imbrex_tensor tensor,
                                             const int64_t* dims) {
  const imbrex_tensor_info* info = &kernel->tensors[index];
  imbrex_memory memory = {(uintptr_t)imbrex_data(info, tensor), info->packed_bytes, 0, index, tensor.strides};
  int32_t axis;
  if (info->packed_bytes > 0) return memory;
  for (axis = 0; axis < info->rank; ++axis)
    if (kernel->extent(index, axis, dims) == 0) return memory;
  memory.axes = info->rank;
  memory.bytes = imbrex_element_bytes(info->dtype);
  memory.bytes = imbrex_piece_bytes(kernel, dims, &memory, 0);
  return memory;
}

/* 0 if the two have no byte in common. Pieces of one length in turn, such as [T, H, 512] beside [T, H, 64] in one [T, H, 576],
 * have none; of more intricate patterns whose ranges meet, this says that they have. */
static inline int imbrex_may_overlap(const imbrex_kernel* kernel, const int64_t* dims, const imbrex_memory* a,
                                     const imbrex_memory* b) {
  int32_t i, j;
  if (a->bytes == 0 || b->bytes == 0 || a->begin + a->bytes <= b->begin || b->begin + b->bytes <= a->begin) return 0;
  for (i = 0; i <= a->axes; ++i) {
    for (j = 0; j <= b->axes; ++j) {
      /* All pieces of both, seen within one period. */
      const uint64_t period = imbrex_common_period(kernel, dims, b, j, imbrex_common_period(kernel, dims, a, i, 0));
      const uint64_t piece_a = imbrex_piece_bytes(kernel, dims, a, i), piece_b = imbrex_piece_bytes(kernel, dims, b, j);
      uint64_t distance; /* from the begin of a piece of `a` to the next of `b` */
      if (period == 0) continue;
      distance = b->begin >= a->begin ? (b->begin - a->begin) % period : (period - (a->begin - b->begin) % period) % period;
      if (distance >= piece_a && distance + piece_b <= period) return 0;
    }
  }
  return 1;
}

/* 1 if a tensor that is written, or the workspace, shares memory with another. `written` and `other` are their numbers; that of
 * the workspace is tensor_count. */
static inline int imbrex_find_overlap(const imbrex_kernel* kernel, const imbrex_tensor* tensors, const int64_t* dims,
                                      const void* workspace, size_t workspace_bytes, int32_t* written, int32_t* other) {
  const imbrex_memory of_workspace = {(uintptr_t)workspace, workspace_bytes, 0, -1, NULL};
  const int32_t count = kernel->tensor_count;
  for (*written = 0; *written <= count; ++*written) {
    imbrex_memory of_written = of_workspace;
    if (*written < count && kernel->tensors[*written].role == IMBREX_INPUT) continue;
    if (*written < count) of_written = imbrex_memory_of(kernel, *written, tensors[*written], dims);
    for (*other = 0; *other < count; ++*other) {
      const imbrex_memory of_other = imbrex_memory_of(kernel, *other, tensors[*other], dims);
      if (*other != *written && imbrex_may_overlap(kernel, dims, &of_written, &of_other)) return 1;
    }
  }
  return 0;
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif

#endif
