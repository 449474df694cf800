/* An inference engine's view of Imbrex: the front of DeepSeek-V4's attention, compiled ahead of time, on the engine's own threads
 * and in its own memory.
 *
 *   engine FOLDER TOKENS THREADS
 *
 * reads FOLDER/<tensor>.bin (row-major; the three weights as [out, in], the way checkpoints store them) and writes FOLDER/q.bin,
 * kv.bin, qr.bin and qr_scale.bin. docs/engine.md explains each step. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deepseek_v4_qkv_proj_rope.h"

enum { TENSORS = DEEPSEEK_V4_QKV_PROJ_ROPE_TENSOR_COUNT, X = DEEPSEEK_V4_QKV_PROJ_ROPE_TENSOR_X };

static void fail(const char* why, const char* what) {
  fprintf(stderr, "engine: %s %s\n", why, what);
  exit(1);
}

static void* memory_of(size_t bytes) { /* aligned_alloc wants a multiple of the alignment */
  void* memory = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
  if (memory == NULL) fail("no memory for", "a buffer");
  return memory;
}

/* Reads or writes `rows` rows of `row_bytes` each, `step` bytes apart. */
static void transfer(const char* folder, const char* name, const char* mode, char* data, int64_t rows, size_t row_bytes,
                     size_t step) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.bin", folder, name);
  FILE* file = fopen(path, mode);
  if (file == NULL) fail("cannot open", path);
  for (int64_t row = 0; row < rows; ++row)
    if ((*mode == 'r' ? fread(data + row * step, 1, row_bytes, file) : fwrite(data + row * step, 1, row_bytes, file)) !=
        row_bytes)
      fail("too short:", path);
  if (fclose(file) != 0) fail("cannot write", path);
}

typedef struct worker {
  const imbrex_kernel* kernel;
  imbrex_call call; /* the same for all workers but for ith */
  pthread_t thread;
} worker;

static void wait_for_all(void* barrier) { pthread_barrier_wait(barrier); }

static void* work(void* user) {
  worker* self = user;
  self->kernel->run(&self->call);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 4) fail("usage:", "engine FOLDER TOKENS THREADS");
  const char* folder = argv[1];
  const int64_t dims[] = {atoll(argv[2])}; /* T, the only dimension that is not compiled in */
  const int nth = atoi(argv[3]);
  if (dims[0] < 1 || dims[0] > 1 << 20 || nth < 1 || nth > 256) fail("usage:", "TOKENS is 1 to 1048576, THREADS 1 to 256");
  const imbrex_kernel* kernel = deepseek_v4_qkv_proj_rope(NULL); /* the best for this processor */
  if (kernel == NULL) fail("this processor cannot run", "the kernel, or not with $IMBREX_ISA");

  imbrex_tensor tensors[TENSORS];
  int64_t strides[TENSORS][3];
  size_t row_bytes[TENSORS];
  for (int i = 0; i < TENSORS; ++i) {
    const imbrex_tensor_info* info = &kernel->tensors[i];
    int64_t shape[3] = {1, 1, 1}, elements = 1;
    for (int axis = info->rank - 1; axis >= 0; --axis) {
      shape[axis] = info->shape[axis].constant * (info->shape[axis].dim < 0 ? 1 : dims[info->shape[axis].dim]);
      strides[i][axis] = elements;
      elements *= shape[axis];
    }
    row_bytes[i] = (size_t)(elements / shape[0]) * imbrex_element_bytes(info->dtype);
    if (i == X) strides[i][0] += 24; /* rows of x lie further apart than they are long, as in an engine's own buffer */
    const size_t step = (size_t)strides[i][0] * imbrex_element_bytes(info->dtype);
    char* data = memory_of((size_t)shape[0] * step);
    if (info->role == IMBREX_INPUT) transfer(folder, info->name, "rb", data, shape[0], row_bytes[i], step);
    tensors[i] = (imbrex_tensor){data, strides[i]};
    if (info->packed_bytes > 0) { /* a weight: packed once, when the model is loaded. The file has [out, in]: in steps by 1 */
      const int64_t transposed[] = {1, shape[0]};
      tensors[i] = (imbrex_tensor){memory_of(info->packed_bytes), NULL};
      kernel->pack(i, data, transposed, tensors[i].data, 0, 1);
      free(data);
    }
  }

  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, (unsigned)nth);
  void* workspace = memory_of(kernel->workspace_bytes(dims, nth)); /* one for all layers: nothing in it outlives a call */
  worker* workers = calloc((size_t)nth, sizeof *workers);
  if (workers == NULL) fail("no memory for", "the workers");
  for (int ith = 0; ith < nth; ++ith) {
    char text[256];
    workers[ith] = (worker){.kernel = kernel,
                            .call = {.dims = dims,
                                     .tensors = tensors,
                                     .workspace = workspace,
                                     .ith = ith,
                                     .nth = nth,
                                     .barrier = wait_for_all,
                                     .barrier_user = &barrier}};
    if (imbrex_check_call(kernel, &workers[ith].call, text, sizeof text) != IMBREX_OK) fail("bad call:", text);
  }
  for (int ith = 1; ith < nth; ++ith) pthread_create(&workers[ith].thread, NULL, work, &workers[ith]);
  work(&workers[0]);
  for (int ith = 1; ith < nth; ++ith) pthread_join(workers[ith].thread, NULL);

  for (int i = 0; i < TENSORS; ++i) {
    const imbrex_extent rows = kernel->tensors[i].shape[0];
    const int64_t count = rows.constant * (rows.dim < 0 ? 1 : dims[rows.dim]);
    if (kernel->tensors[i].role == IMBREX_OUTPUT)
      transfer(folder, kernel->tensors[i].name, "wb", tensors[i].data, count, row_bytes[i], row_bytes[i]);
    free(tensors[i].data);
  }
  free(workspace);
  free(workers);
  pthread_barrier_destroy(&barrier);
  printf("engine: %s, %s, %lld tokens, %d threads\n", kernel->name, kernel->isa, (long long)dims[0], nth);
  return 0;
}
