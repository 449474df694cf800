/* An inference engine's view of Imbrex: the front of DeepSeek-V4's attention on the engine's own threads and in its own memory.
 *
 *   engine FOLDER TOKENS THREADS
 *
 * reads FOLDER/<tensor>.bin (row-major; the weights as [out, in], the way checkpoints store them) and writes FOLDER/q.bin,
 * kv.bin, qr.bin and qr_scale.bin. docs/engine.md explains each step. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "deepseek_v4_qkv_proj_rope.h"

enum { TENSORS = DEEPSEEK_V4_QKV_PROJ_ROPE_TENSOR_COUNT, X = DEEPSEEK_V4_QKV_PROJ_ROPE_TENSOR_X, MOST_THREADS = 256 };

static void need(int holds, const char* what, const char* which) {
  if (holds) return;
  fprintf(stderr, "engine: %s %s\n", what, which);
  exit(1);
}

static void* memory_of(size_t bytes) { /* aligned_alloc wants a multiple of the alignment */
  void* memory = aligned_alloc(64, bytes / 64 * 64 + 64);
  need(memory != NULL, "no memory for", "a buffer");
  return memory;
}

static const imbrex_kernel* kernel;

/* Reads ("rb") or writes ("wb") a tensor, row by row: in memory rows may lie further apart than they are long. */
static void transfer(const char* mode, const char* folder, int tensor, const int64_t* dims, const int64_t* strides, char* row) {
  const imbrex_tensor_info* info = &kernel->tensors[tensor];
  const size_t element = imbrex_element_bytes(info->dtype), bytes = (size_t)imbrex_row_elements(kernel, tensor, dims) * element;
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.bin", folder, info->name);
  FILE* file = fopen(path, mode);
  need(file != NULL, "cannot open", path);
  for (int64_t rows = kernel->extent(tensor, 0, dims); rows > 0; --rows, row += (size_t)strides[0] * element)
    need((*mode == 'r' ? fread(row, 1, bytes, file) : fwrite(row, 1, bytes, file)) == bytes, "cannot transfer all of", path);
  need(fclose(file) == 0, "cannot write", path);
}

static void* work(void* call) {
  kernel->run(call);
  return NULL;
}

static void wait_for_all(void* barrier) { pthread_barrier_wait(barrier); }

int main(int argc, char** argv) {
  const int64_t dims[] = {argc == 4 ? atoll(argv[2]) : 0}; /* T; the sizes of the model are compiled in */
  const int nth = argc == 4 ? atoi(argv[3]) : 0;
  need(dims[0] >= 0 && dims[0] <= 1 << 20 && nth >= 1 && nth <= MOST_THREADS, "usage:", "engine FOLDER TOKENS THREADS");
  kernel = deepseek_v4_qkv_proj_rope(NULL); /* the best for this processor */
  need(kernel != NULL, "this processor cannot run", "the kernel, or not what IMBREX_ISA asks for");

  imbrex_tensor tensors[TENSORS];
  char* buffers[TENSORS];
  int64_t strides[TENSORS][DEEPSEEK_V4_QKV_PROJ_ROPE_MAX_RANK];
  for (int i = 0; i < TENSORS; ++i) {
    const imbrex_tensor_info* info = &kernel->tensors[i];
    imbrex_dense_strides(kernel, i, dims, strides[i]);
    if (i == X) strides[i][0] += 24; /* a slice of wider activations */
    const int64_t rows = kernel->extent(i, 0, dims), out_in[] = {1, rows};
    buffers[i] = memory_of((size_t)(rows * strides[i][0]) * imbrex_element_bytes(info->dtype));
    if (info->role == IMBREX_INPUT) transfer("rb", argv[1], i, dims, strides[i], buffers[i]);
    if (info->packed_bytes > 0) { /* a weight, packed once, when the model is loaded */
      char* packed = memory_of(info->packed_bytes);
      kernel->pack(i, buffers[i], out_in, packed, 0, 1);
      free(buffers[i]);
      buffers[i] = packed;
    }
    if (info->role == IMBREX_INPUT) {
      tensors[i] = (imbrex_tensor){.input = buffers[i], .strides = strides[i]};
    } else {
      tensors[i] = (imbrex_tensor){.output = buffers[i], .strides = strides[i]};
    }
  }

  pthread_barrier_t barrier;
  need(pthread_barrier_init(&barrier, NULL, (unsigned)nth) == 0, "cannot make", "a barrier");
  const size_t bytes = kernel->workspace_bytes(dims, nth);
  need(bytes != IMBREX_TOO_LARGE, "no memory for", "the workspace");
  void* workspace = memory_of(bytes); /* one for all layers: nothing in it outlives a call */
  imbrex_call calls[MOST_THREADS];    /* the same for all threads but for ith */
  pthread_t threads[MOST_THREADS];
  char text[256];
  for (int ith = 0; ith < nth; ++ith) {
    calls[ith] = (imbrex_call){.dims = dims,
                               .tensors = tensors,
                               .workspace = workspace,
                               .workspace_bytes = bytes,
                               .ith = ith,
                               .nth = nth,
                               .barrier = wait_for_all,
                               .barrier_user = &barrier};
    need(imbrex_check_call(kernel, &calls[ith], text, sizeof text) == IMBREX_OK, "bad call:", text);
  }
  for (int ith = 1; ith < nth; ++ith)
    need(pthread_create(&threads[ith], NULL, work, &calls[ith]) == 0, "cannot start", "a thread");
  work(&calls[0]);
  for (int ith = 1; ith < nth; ++ith) pthread_join(threads[ith], NULL);

  for (int i = 0; i < TENSORS; ++i) {
    if (kernel->tensors[i].role == IMBREX_OUTPUT) transfer("wb", argv[1], i, dims, strides[i], buffers[i]);
    free(buffers[i]);
  }
  free(workspace);
  printf("engine: %s, %s, %lld tokens, %d threads\n", kernel->name, kernel->isa, (long long)dims[0], nth);
  return 0;
}
