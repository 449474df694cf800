/* Runs kernels compiled ahead of time as an engine would, on threads and in memory of its own, and looks that they leave the
 * floating-point state of each thread as it was.
 *
 *   driver FOLDER ISA THREADS
 *
 * FOLDER/cases has a line for each run: KERNEL NAME DIMENSION...; NAME.TENSOR.bin is read for each input and inout, and
 * NAME.TENSOR.out written for each inout and output: row-major, in the order of the kernel's tensors. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels_to_run.h" /* `kernels_to_run`: names and functions, the last null */

enum { MOST_TENSORS = 64, MOST_AXES = 8, MOST_DIMS = 16, MOST_THREADS = 16, GUARD = 64, PADDING = 3 };

static void need(int holds, const char* what, const char* which) {
  if (holds) return;
  fprintf(stderr, "driver: %s %s\n", what, which);
  exit(1);
}

#if defined(__aarch64__)
typedef struct float_state {
  uint64_t control, status;
} float_state;
static float_state get_float_state(void) {
  float_state state;
  __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(state.control), "=r"(state.status));
  return state;
}
static void set_float_state(float_state state) {
  __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" : : "r"(state.control), "r"(state.status));
}
/* Towards zero, tiny values flushed, NaN always the same one, halves without infinity; an underflow and saturation seen. */
static const float_state hostile = {3u << 22 | 1u << 24 | 1u << 25 | 1u << 26, 1u << 27 | 1u << 3};
#else
#error "for another processor, say here how a thread's floating-point state is read and set"
#endif

/* Memory between guard bytes, filled with what no one may take for a result. */
typedef struct memory {
  char* all;
  char* data;
  size_t bytes;
} memory;
static memory memory_of(size_t bytes) {
  memory m;
  m.bytes = bytes;
  m.all = aligned_alloc(64, (bytes + 2 * GUARD + 63) / 64 * 64);
  need(m.all != NULL, "no memory for", "a buffer");
  memset(m.all, 0x5c, bytes + 2 * GUARD);
  m.data = m.all + GUARD;
  memset(m.data, 0xff, bytes);
  return m;
}
static void free_memory(memory m) {
  for (int i = 0; i < GUARD; ++i)
    need(m.all[i] == 0x5c && m.data[m.bytes + (size_t)i] == 0x5c, "bytes were written around", "a buffer");
  free(m.all);
}

static const imbrex_kernel* kernel;

/* One row after the other. */
static void transfer(const char* mode, const char* stem, int tensor, const int64_t* dims, const int64_t* strides, char* data) {
  const imbrex_tensor_info* info = &kernel->tensors[tensor];
  const size_t element = imbrex_element_bytes(info->dtype);
  int64_t rows = 1, columns = 1, row;
  char path[4096];
  for (int32_t axis = 0; axis < info->rank; ++axis) {
    if (axis + 1 < info->rank) rows *= kernel->extent(tensor, axis, dims);
    if (axis + 1 == info->rank) columns = kernel->extent(tensor, axis, dims);
  }
  snprintf(path, sizeof path, "%s.%s.%s", stem, info->name, *mode == 'r' ? "bin" : "out");
  FILE* file = fopen(path, mode);
  need(file != NULL, "cannot open", path);
  const size_t bytes = (size_t)columns * element;
  for (row = 0; row < rows; ++row) {
    char* at = data + (size_t)(info->rank > 1 ? row * strides[info->rank - 2] : 0) * element;
    need((*mode == 'r' ? fread(at, 1, bytes, file) : fwrite(at, 1, bytes, file)) == bytes, "cannot transfer all of", path);
  }
  need(fclose(file) == 0, "cannot write", path);
}

static void* work(void* user) {
  const imbrex_call* call = user;
  const float_state before = get_float_state();
  set_float_state(hostile);
  kernel->run(call);
  const float_state after = get_float_state();
  set_float_state(before);
  need(after.control == hostile.control && after.status == hostile.status, "changed the floating-point state:", kernel->name);
  return NULL;
}

static void wait_for_all(void* barrier) { pthread_barrier_wait(barrier); }

static void run(const char* stem, const int64_t* dims, int nth) {
  imbrex_tensor tensors[MOST_TENSORS];
  memory buffers[MOST_TENSORS];
  int64_t strides[MOST_TENSORS][MOST_AXES];
  need(kernel->tensor_count <= MOST_TENSORS, "too many tensors:", kernel->name);
  for (int i = 0; i < kernel->tensor_count; ++i) {
    const imbrex_tensor_info* info = &kernel->tensors[i];
    need(info->rank <= MOST_AXES, "too many axes:", info->name);
    int64_t step = 1;
    for (int32_t axis = info->rank - 1; axis >= 0; --axis) {
      strides[i][axis] = step;
      step *= kernel->extent(i, axis, dims);
      if (axis + 1 == info->rank && axis > 0 && info->packed_bytes == 0) step += PADDING;
    }
    buffers[i] = memory_of((size_t)step * imbrex_element_bytes(info->dtype));
    if (info->role != IMBREX_OUTPUT) transfer("rb", stem, i, dims, strides[i], buffers[i].data);
    if (info->packed_bytes > 0) {
      const memory packed = memory_of(info->packed_bytes);
      for (int part = 0; part < 2; ++part) kernel->pack(i, buffers[i].data, strides[i], packed.data, part, 2);
      free_memory(buffers[i]);
      buffers[i] = packed;
    }
    tensors[i].input = info->role == IMBREX_INPUT ? buffers[i].data : NULL;
    tensors[i].output = info->role == IMBREX_INPUT ? NULL : buffers[i].data;
    tensors[i].strides = strides[i];
  }
  pthread_barrier_t barrier;
  need(pthread_barrier_init(&barrier, NULL, (unsigned)nth) == 0, "cannot make", "a barrier");
  const memory workspace = memory_of(kernel->workspace_bytes(dims, nth));
  imbrex_call calls[MOST_THREADS];
  pthread_t threads[MOST_THREADS];
  int32_t failed_assumption = 0;
  char text[256];
  for (int ith = 0; ith < nth; ++ith) {
    calls[ith] = (imbrex_call){.dims = dims,
                               .tensors = tensors,
                               .workspace = workspace.data,
                               .workspace_bytes = workspace.bytes,
                               .ith = ith,
                               .nth = nth,
                               .barrier = wait_for_all,
                               .barrier_user = &barrier,
                               .failed_assumption = &failed_assumption};
    need(imbrex_check_call(kernel, &calls[ith], text, sizeof text) == IMBREX_OK, "bad call:", text);
  }
  for (int ith = 1; ith < nth; ++ith)
    need(pthread_create(&threads[ith], NULL, work, &calls[ith]) == 0, "cannot start", "a thread");
  work(&calls[0]);
  for (int ith = 1; ith < nth; ++ith) pthread_join(threads[ith], NULL);
  pthread_barrier_destroy(&barrier);
  need(failed_assumption == 0, "an assumption does not hold:", kernel->name);
  for (int i = 0; i < kernel->tensor_count; ++i) {
    if (kernel->tensors[i].role != IMBREX_INPUT) transfer("wb", stem, i, dims, strides[i], buffers[i].data);
    free_memory(buffers[i]);
  }
  free_memory(workspace);
}

int main(int argc, char** argv) {
  char path[4096], line[4096];
  const int nth = argc == 4 ? atoi(argv[3]) : 0;
  need(nth >= 1 && nth <= MOST_THREADS, "usage:", "driver FOLDER ISA THREADS");
  snprintf(path, sizeof path, "%s/cases", argv[1]);
  FILE* cases = fopen(path, "r");
  need(cases != NULL, "cannot open", path);
  int runs = 0;
  for (; fgets(line, sizeof line, cases) != NULL; ++runs) {
    const char* name = strtok(line, " \n");
    const char* file = strtok(NULL, " \n");
    int64_t dims[MOST_DIMS];
    int count = 0;
    for (const char* word; (word = strtok(NULL, " \n")) != NULL && count < MOST_DIMS; ++count) dims[count] = atoll(word);
    need(name != NULL && file != NULL, "a case lacks", "its name");
    kernel = NULL;
    for (int i = 0; kernels_to_run[i].name != NULL; ++i)
      if (strcmp(kernels_to_run[i].name, name) == 0) kernel = kernels_to_run[i].get(argv[2]);
    need(kernel != NULL && strcmp(kernel->isa, argv[2]) == 0, "this processor cannot run", name);
    need(count == kernel->dim_count, "not one value for each dimension of", name);
    snprintf(path, sizeof path, "%s/%s", argv[1], file);
    run(path, dims, nth);
  }
  fclose(cases);
  printf("driver: %d runs\n", runs);
  return runs > 0 ? 0 : 1;
}
