/* An inference engine in C with threads of its own: a layer's attention front from a checkpoint, on bf16 activations that are
 * normalized already, with rows of keys and values that go straight into a paged fp8 cache.
 *
 *   example_v4_threads CHECKPOINT LAYER TOKENS THREADS
 *
 * docs/operator.md explains each step. */
#define _POSIX_C_SOURCE 200809L /* posix_memalign and barriers of threads, with -std=c99 and later */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imbrex/deepseek_v4.h"

enum { MOST_THREADS = 64, POSITIONS = 4096, BLOCK = 64 };

static char message[4096];

static void need(imbrex_v4_status status) {
  if (status == IMBREX_V4_OK) return;
  fprintf(stderr, "status %d: %s\n", status, message);
  exit(1);
}

static void* memory_of(size_t bytes) {
  void* memory = NULL;
  if (bytes == SIZE_MAX || posix_memalign(&memory, 64, bytes + 1) != 0) { /* of no bytes it may give NULL */
    fprintf(stderr, "no memory\n");
    exit(1);
  }
  return memset(memory, 0, bytes);
}

struct worker {
  const imbrex_v4_front* front;
  imbrex_v4_call call;
  imbrex_v4_status status;
};

static void* work(void* user) {
  struct worker* worker = user;
  worker->status = imbrex_v4_run(worker->front, &worker->call, NULL, 0);
  return NULL;
}

static void wait_for_all(void* barrier) { pthread_barrier_wait(barrier); }

static uint64_t digest(const void* data, size_t bytes) {
  uint64_t value = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < bytes; ++i) value = (value ^ ((const unsigned char*)data)[i]) * UINT64_C(0x100000001b3);
  return value;
}

int main(int argc, char** argv) {
  const int64_t T = argc == 5 ? atoll(argv[3]) : -1;
  const int nth = argc == 5 ? atoi(argv[4]) : 0;
  if (T < 0 || T > POSITIONS || nth < 1 || nth > MOST_THREADS) {
    fprintf(stderr, "usage: example_v4_threads CHECKPOINT LAYER TOKENS THREADS\n");
    return 2;
  }

  /* When the model is loaded. */
  imbrex_v4_layer* layer;
  need(imbrex_v4_layer_open(argv[1], atoll(argv[2]), &layer, message, sizeof message));
  imbrex_v4_form form = {.mode = IMBREX_V4_W8A8, .keep_fp8 = 1, .x = IMBREX_V4_BF16, .x_is_normalized = 1, .q = IMBREX_V4_BF16};
  imbrex_v4_layer_sizes(layer, &form); /* keep_fp8 becomes 0 where wq_a or wkv is not fp8 */
  imbrex_v4_front* front;
  need(imbrex_v4_create(&form, &front, message, sizeof message));
  const size_t packed_bytes = imbrex_v4_packed_bytes(front);
  void* packed = memory_of(packed_bytes);
  for (int part = 0; part < nth; ++part) /* parts may run on threads of their own */
    need(imbrex_v4_pack(front, imbrex_v4_layer_weights(layer), packed, packed_bytes, part, nth, message, sizeof message));
  float* table = memory_of(POSITIONS * 64 * sizeof(float));
  need(imbrex_v4_layer_rotations(layer, 0, POSITIONS, table, message, sizeof message));
  imbrex_v4_layer_close(layer);

  /* Buffers of the engine's. */
  const int64_t heads = form.head_end, blocks = T / BLOCK + 2;
  uint16_t* x = memory_of((size_t)(T * form.hidden) * 2);
  uint16_t* q = memory_of((size_t)(T * heads * 512) * 2);
  unsigned char* cache = memory_of((size_t)(blocks * BLOCK * 584));
  int64_t* positions = memory_of((size_t)T * 8);
  int64_t* slots = memory_of((size_t)T * 8);
  for (int64_t i = 0; i < T * form.hidden; ++i)
    x[i] = (uint16_t)((i * 7919 % 2 << 15) | (0x3f00 + i * 104729 % 256)); /* 0.5 to 2 */
  for (int64_t t = 0; t < T; ++t) positions[t] = 3 * t % POSITIONS, slots[t] = t % 5 == 4 ? -1 : t + BLOCK / 2;
  const size_t workspace_bytes = imbrex_v4_workspace_bytes(front, T, nth);
  void* workspace = memory_of(workspace_bytes);

  imbrex_v4_call call = {.tokens = T,
                         .packed = packed,
                         .packed_bytes = packed_bytes,
                         .workspace = workspace,
                         .workspace_bytes = workspace_bytes,
                         .x = x,
                         .rotation = IMBREX_V4_HALVES,
                         .rotation_type = IMBREX_V4_F32,
                         .cosines = table,
                         .rotation_rows = POSITIONS,
                         .positions = positions,
                         .position_type = IMBREX_V4_INT64,
                         .q = q,
                         .cache = form.without_kv ? IMBREX_V4_NO_CACHE : IMBREX_V4_FP8_CACHE,
                         .cache_data = cache,
                         .cache_blocks = blocks,
                         .cache_block_tokens = BLOCK,
                         .slots = slots,
                         .slot_type = IMBREX_V4_INT64,
                         .slot_count = T,
                         .nth = nth,
                         .barrier = wait_for_all};
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, (unsigned)nth);
  call.barrier_user = &barrier;
  struct worker workers[MOST_THREADS];
  pthread_t threads[MOST_THREADS];
  for (int ith = 0; ith < nth; ++ith) {
    workers[ith] = (struct worker){front, call, IMBREX_V4_OK};
    workers[ith].call.ith = ith;
    if (ith > 0 && pthread_create(&threads[ith], NULL, work, &workers[ith]) != 0) return 1;
  }
  work(&workers[0]);
  for (int ith = 1; ith < nth; ++ith) pthread_join(threads[ith], NULL);
  if (workers[0].status != IMBREX_V4_OK) need(imbrex_v4_run(front, &workers[0].call, message, sizeof message));

  printf("q %016llx cache %016llx\n", (unsigned long long)digest(q, (size_t)(T * heads * 512) * 2),
         (unsigned long long)digest(cache, (size_t)(blocks * BLOCK * 584)));
  imbrex_v4_destroy(front);
  void* all[] = {packed, table, x, q, cache, positions, slots, workspace};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) free(all[i]);
  return 0;
}
