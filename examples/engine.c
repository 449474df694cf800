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

#include "deepseek_v4_qkv_proj_rope.h"

enum { TENSORS = DEEPSEEK_V4_QKV_PROJ_ROPE_TENSOR_COUNT, X = DEEPSEEK_V4_QKV_PROJ_ROPE_TENSOR_X };

static void fail(const char* why, const char* what) {
  fprintf(stderr, "engine: %s %s\n", why, what);
  exit(1);
}

static void* memory_of(size_t bytes) { /* aligned_alloc wants a multiple of the alignment */
  void* memory = aligned_alloc(64, bytes / 64 * 64 + 64);
  if (memory == NULL) fail("no memory for", "a buffer");
  return memory;
}

/* A tensor of the engine: rows that may lie further apart than they are long. */
typedef struct buffer {
  char* data;
  int64_t rows, strides[3];
  size_t row_bytes, step; /* bytes of a row, and from one row to the next */
} buffer;

static buffer make_buffer(const imbrex_tensor_info* info, const int64_t* dims, int64_t gap) {
  buffer made = {.rows = 1};
  int64_t elements = 1;
  for (int axis = info->rank - 1; axis >= 0; --axis) {
    made.strides[axis] = elements;
    made.rows = info->shape[axis].constant * (info->shape[axis].dim < 0 ? 1 : dims[info->shape[axis].dim]);
    if (axis > 0) elements *= made.rows;
  }
  made.strides[0] += gap;
  made.row_bytes = (size_t)elements * imbrex_element_bytes(info->dtype);
  made.step = (size_t)made.strides[0] * imbrex_element_bytes(info->dtype);
  made.data = memory_of((size_t)made.rows * made.step);
  return made;
}

static void transfer(const char* folder, const char* name, const char* mode, buffer with) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.bin", folder, name);
  FILE* file = fopen(path, mode);
  if (file == NULL) fail("cannot open", path);
  for (int64_t row = 0; row < with.rows; ++row) {
    char* data = with.data + (size_t)row * with.step;
    if ((*mode == 'r' ? fread(data, 1, with.row_bytes, file) : fwrite(data, 1, with.row_bytes, file)) != with.row_bytes)
      fail("too short:", path);
  }
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
  const int64_t dims[] = {argc == 4 ? atoll(argv[2]) : 0}; /* T; the sizes of the model are compiled in */
  const int nth = argc == 4 ? atoi(argv[3]) : 0;
  if (dims[0] < 1 || dims[0] > 1 << 20 || nth < 1 || nth > 256)
    fail("usage: engine FOLDER TOKENS THREADS,", "at most 1048576, 256");
  const imbrex_kernel* kernel = deepseek_v4_qkv_proj_rope(NULL); /* the best for this processor */
  if (kernel == NULL) fail("this processor cannot run", "the kernel, or not what IMBREX_ISA asks for");

  buffer buffers[TENSORS];
  imbrex_tensor tensors[TENSORS];
  for (int i = 0; i < TENSORS; ++i) {
    const imbrex_tensor_info* info = &kernel->tensors[i];
    buffers[i] = make_buffer(info, dims, i == X ? 24 : 0);
    if (info->role == IMBREX_INPUT) transfer(argv[1], info->name, "rb", buffers[i]);
    tensors[i] = (imbrex_tensor){buffers[i].data, buffers[i].strides};
    if (info->packed_bytes == 0) continue;
    /* A weight, packed once, when the model is loaded: a step from one `in` to the next, and from one `out` to the next. */
    const int64_t out_in[] = {1, buffers[i].rows};
    tensors[i] = (imbrex_tensor){memory_of(info->packed_bytes), NULL};
    kernel->pack(i, buffers[i].data, out_in, tensors[i].data, 0, 1);
    free(buffers[i].data);
    buffers[i].data = tensors[i].data;
  }

  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, (unsigned)nth);
  void* workspace = memory_of(kernel->workspace_bytes(dims, nth)); /* one for all layers: nothing in it outlives a call */
  worker workers[256];
  for (int ith = 0; ith < nth; ++ith) {
    workers[ith] =
        (worker){kernel, {dims, tensors, workspace, ith, nth, wait_for_all, &barrier, NULL, NULL, NULL, NULL, NULL}, 0};
    char text[256];
    if (imbrex_check_call(kernel, &workers[ith].call, text, sizeof text) != IMBREX_OK) fail("bad call:", text);
  }
  for (int ith = 1; ith < nth; ++ith)
    if (pthread_create(&workers[ith].thread, NULL, work, &workers[ith]) != 0) fail("cannot start", "a thread");
  work(&workers[0]);
  for (int ith = 1; ith < nth; ++ith) pthread_join(workers[ith].thread, NULL);

  for (int i = 0; i < TENSORS; ++i) {
    if (kernel->tensors[i].role == IMBREX_OUTPUT) transfer(argv[1], kernel->tensors[i].name, "wb", buffers[i]);
    free(buffers[i].data);
  }
  free(workspace);
  pthread_barrier_destroy(&barrier);
  printf("engine: %s, %s, %lld tokens, %d threads\n", kernel->name, kernel->isa, (long long)dims[0], nth);
  return 0;
}
