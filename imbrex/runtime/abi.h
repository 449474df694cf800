/* What generated code and its callers agree on. Plain C, no allocation, no global state.
 *
 * A compiled kernel is a constant table of type imbrex_kernel. A caller binds its tensors, asks for the workspace size once, and
 * runs the kernel on as many threads as it likes: each calls `run` with its own `ith` of `nth`; the barrier joins all nth of
 * them. The call ends when all have returned; only then may its workspace serve another.
 */
#ifndef IMBREX_RUNTIME_ABI_H
#define IMBREX_RUNTIME_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IMBREX_ABI_VERSION 4
#define IMBREX_VERSION "0.1.0"
/* The number of docs/semantics.md: another one may mean other bits. */
#define IMBREX_SEMANTICS 2

/* No size in a call reaches this: the bytes of a tensor, of the workspace. */
#define IMBREX_TOO_MANY_BYTES (INT64_C(1) << 62)
/* What workspace_bytes() gives where a workspace would have so many. */
#define IMBREX_TOO_LARGE SIZE_MAX

typedef enum imbrex_dtype {
  IMBREX_F32 = 0,
  IMBREX_BF16 = 1,
  IMBREX_F16 = 2,
  IMBREX_INT8 = 3,
  IMBREX_UINT8 = 4,
  IMBREX_INT32 = 5,
  IMBREX_BOOL = 6, /* one byte, 0 or 1 */
  IMBREX_INT64 = 7,
  IMBREX_E4M3 = 8, /* one byte: sign, 4 bits of exponent, 3 of fraction; 0x7f and 0xff are NaN, and nothing is infinite */
  IMBREX_E8M0 = 9  /* one byte: 2^(byte - 127), 0xff is NaN */
} imbrex_dtype;

typedef enum imbrex_role { IMBREX_INPUT = 0, IMBREX_OUTPUT = 1, IMBREX_INOUT = 2 } imbrex_role;

/* A bound tensor. `strides` are in elements, one for each axis; the last axis must have stride 1. For a tensor that the kernel
 * wants packed, `input` is the packed memory (64-byte aligned) and `strides` is ignored. */
typedef struct imbrex_tensor {
  const void* input; /* memory of an input, which is only read */
  void* output;      /* memory of an output or inout; of these two pointers, the one for the tensor's role is used */
  const int64_t* strides;
} imbrex_tensor;

/* An axis extent over the dimensions, such as "T + 3". imbrex_kernel::extent has its value; where it is linear, so do these:
 * offset + the sum of factors[d] * dims[d]. */
typedef struct imbrex_extent {
  const char* text;       /* as its author wrote it */
  const int64_t* factors; /* one for each dimension; null where the extent is not linear */
  int64_t offset;
} imbrex_extent;

typedef struct imbrex_tensor_info {
  const char* name;
  imbrex_dtype dtype;
  imbrex_role role;
  int32_t rank;
  const imbrex_extent* shape;
  size_t packed_bytes; /* 0: bound as it is; otherwise the bytes of its packed form (its shape is constant then) */
  const char* layout;  /* of the packed form, in words; null where it is bound as it is */
} imbrex_tensor_info;

/* imbrex_kernel::pack works by panels of so many columns: part i of ceil(n / IMBREX_PACK_COLUMNS) reads columns from
 * i * IMBREX_PACK_COLUMNS on alone, so many of them. Whoever makes a source on the way needs no more of it at once. */
#define IMBREX_PACK_COLUMNS 32

/* What one thread did, for timelines: called by the worker at the end of each phase and scope where `trace` is set. */
typedef void (*imbrex_trace_fn)(void* user, int ith, const char* name, uint64_t begin_ns, uint64_t end_ns);
/* A tile passed to tap(name, tile): row-major, `columns` elements between rows; `indices` are the enclosing loops' iteration
 * numbers. */
typedef void (*imbrex_tap_fn)(void* user, const char* name, imbrex_dtype dtype, const void* data, int64_t rows, int64_t columns,
                              const int64_t* indices, int32_t index_count);

typedef struct imbrex_call {
  const int64_t* dims;          /* one value for each symbolic dimension, in order of declaration, from 1 to dim_max; or 0 where
                                   no output has an element then: such a call does nothing */
  const imbrex_tensor* tensors; /* inputs, outputs, inouts in order of declaration */
  void* workspace;              /* 64-byte aligned, shared by all threads of this call */
  size_t workspace_bytes;       /* that it has: kernel->workspace_bytes(dims, nth) or more. For imbrex_check_call: run() trusts */
  int32_t ith, nth;
  void (*barrier)(void* user); /* may be null if nth is 1 */
  void* barrier_user;
  imbrex_trace_fn trace; /* null, or called */
  void* trace_user;
  imbrex_tap_fn tap; /* null, or called, by several threads at once; only kernels compiled with taps call it */
  void* tap_user;
  /* 0 before the call; set to 1 + number of the first `assume` that did not hold, its accesses skipped. May be null. */
  int32_t* failed_assumption;
} imbrex_call;

/* What a number of imbrex_call::failed_assumption stands for, in the kernel's author's words. A list of them ends with number 0; it
 * has a number once for each line that says so. */
typedef struct imbrex_assumption {
  int32_t number;
  const char* text;
  const char* file; /* "" where it is on no line of its own */
  int32_t line;
} imbrex_assumption;

typedef struct imbrex_kernel {
  uint32_t abi_version;
  uint32_t semantics; /* these two are of the Imbrex that wrote its code: IMBREX_SEMANTICS and IMBREX_VERSION */
  const char* version;
  const char* name;
  const char* isa; /* the target that its code is for */
  int32_t dim_count;
  const char* const* dim_names;
  const int64_t* dim_max; /* the largest legal value of each dimension */
  int32_t tensor_count;
  const imbrex_tensor_info* tensors;
  /* The elements of tensor `tensor` along `axis`, at least 0; -1 where they are IMBREX_TOO_MANY_BYTES or more. */
  int64_t (*extent)(int32_t tensor, int32_t axis, const int64_t* dims);
  size_t (*workspace_bytes)(const int64_t* dims, int32_t nth); /* IMBREX_TOO_LARGE where no memory has so many */
  /* Packs tensor `index` from memory with two strides in elements ([k, n]: strides {k step, n step}, so a transposed source is
   * strides {1, k}). `packed` has packed_bytes, 64-byte aligned. Part `ith` of `nth`: parts may run on several threads at once.
   */
  void (*pack)(int32_t index, const void* source, const int64_t* strides, void* packed, int32_t ith, int32_t nth);
  void (*run)(const imbrex_call* call);
} imbrex_kernel;

#ifdef __cplusplus
}
#endif
#endif
