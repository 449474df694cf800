/* An engine shaped like ggml: a graph whose operations are computed by all threads together, each told its `ith` of `nth`, with a
 * barrier that spins; activations in f32; tensors with strides in bytes; a plan that says how large the work buffer must be.
 *
 *   example_v4_ggml CHECKPOINT LAYER TOKENS THREADS
 *
 * prints a digest of q and of kv. docs/operator.md explains the calls. */
#define _POSIX_C_SOURCE 200809L /* what it has of threads, with -std=c11 and later */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imbrex/deepseek_v4.h"

enum { MOST_THREADS = 64, POSITIONS = 4096 };

/* ---- the engine -------------------------------------------------------------------------------------------------------------- */

struct tensor {
  int64_t ne[3]; /* columns first */
  size_t nb[3];  /* bytes from one to the next, of each axis */
  void* data;
};

struct threads {
  int nth;
  atomic_int arrived, passed;
};

static void wait_for_all(void* user) {
  struct threads* threads = user;
  const int passed = atomic_load_explicit(&threads->passed, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&threads->arrived, 1, memory_order_acq_rel) == threads->nth - 1) {
    atomic_store_explicit(&threads->arrived, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&threads->passed, 1, memory_order_release);
  } else {
    for (int spins = 0; atomic_load_explicit(&threads->passed, memory_order_acquire) == passed; ++spins)
      if (spins > 1000) sched_yield();
  }
}

struct compute {
  int ith;
  struct threads* threads;
  void* work_data;
  size_t work_bytes;
};

static struct tensor new_tensor(size_t element, int64_t ne0, int64_t ne1, int64_t ne2) {
  struct tensor tensor = {{ne0, ne1, ne2}, {element, element * (size_t)ne0, element * (size_t)(ne0 * ne1)}, NULL};
  const size_t bytes = element * (size_t)(ne0 * ne1 * ne2);
  tensor.data = aligned_alloc(64, bytes / 64 * 64 + 64);
  if (tensor.data == NULL) exit(1);
  memset(tensor.data, 0, bytes);
  return tensor;
}

/* ---- the operation ----------------------------------------------------------------------------------------------------------- */

struct attention_front {
  const imbrex_v4_front* front;
  const struct tensor *packed, *x, *positions, *table; /* f32 [hidden, T]; int32 [T]; f32 [64, positions] */
  struct tensor *q, *kv; /* f32 [512, heads, T]; bf16 [512, T], null of a layer that uses another's keys and values */
};

static imbrex_v4_status compute_attention_front(const struct compute* params, const struct attention_front* op, char* text,
                                                size_t bytes) {
  const imbrex_v4_call call = {.tokens = op->x->ne[1],
                               .packed = op->packed->data,
                               .packed_bytes = op->packed->nb[1],
                               .workspace = params->work_data,
                               .workspace_bytes = params->work_bytes,
                               .x = op->x->data,
                               .x_stride = (int64_t)(op->x->nb[1] / sizeof(float)),
                               .rotation = IMBREX_V4_HALVES,
                               .rotation_type = IMBREX_V4_F32,
                               .cosines = op->table->data,
                               .rotation_rows = op->table->ne[1],
                               .positions = op->positions->data,
                               .position_type = IMBREX_V4_INT32,
                               .q = op->q->data,
                               .q_token_stride = (int64_t)(op->q->nb[2] / sizeof(float)),
                               .q_head_stride = (int64_t)(op->q->nb[1] / sizeof(float)),
                               .kv = op->kv == NULL ? NULL : op->kv->data,
                               .kv_stride = op->kv == NULL ? 0 : (int64_t)(op->kv->nb[1] / sizeof(uint16_t)),
                               .ith = params->ith,
                               .nth = params->threads->nth,
                               .barrier = wait_for_all,
                               .barrier_user = params->threads};
  return imbrex_v4_run(op->front, &call, text, bytes);
}

/* ---- one operation as a graph ------------------------------------------------------------------------------------------------ */

struct worker {
  struct compute params;
  const struct attention_front* op;
  imbrex_v4_status status;
  char text[512];
};

static void* compute(void* user) {
  struct worker* worker = user;
  worker->status = compute_attention_front(&worker->params, worker->op, worker->text, sizeof worker->text);
  return NULL;
}

static uint64_t digest(const struct tensor* tensor, size_t element) {
  const size_t bytes = element * (size_t)(tensor->ne[0] * tensor->ne[1] * tensor->ne[2]);
  uint64_t value = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < bytes; ++i) value = (value ^ ((const unsigned char*)tensor->data)[i]) * UINT64_C(0x100000001b3);
  return value;
}

static void need(imbrex_v4_status status, const char* message) {
  if (status == IMBREX_V4_OK) return;
  fprintf(stderr, "status %d: %s\n", status, message);
  exit(1);
}

int main(int argc, char** argv) {
  const int64_t T = argc == 5 ? atoll(argv[3]) : -1;
  struct threads threads = {.nth = argc == 5 ? atoi(argv[4]) : 0};
  if (T < 0 || T > POSITIONS || threads.nth < 1 || threads.nth > MOST_THREADS) {
    fprintf(stderr, "usage: example_v4_ggml CHECKPOINT LAYER TOKENS THREADS\n");
    return 2;
  }
  char text[4096];
  imbrex_v4_layer* layer;
  need(imbrex_v4_layer_open(argv[1], atoll(argv[2]), &layer, text, sizeof text), text);
  imbrex_v4_form form = {.mode = IMBREX_V4_W8A8, .keep_fp8 = 1, .x = IMBREX_V4_F32, .q = IMBREX_V4_F32};
  imbrex_v4_layer_sizes(layer, &form); /* keep_fp8 becomes 0 where wq_a or wkv is not fp8 */
  imbrex_v4_front* front;
  need(imbrex_v4_create(&form, &front, text, sizeof text), text);
  struct tensor packed = new_tensor(1, (int64_t)imbrex_v4_packed_bytes(front), 1, 1), table = new_tensor(4, 64, POSITIONS, 1);
  need(imbrex_v4_pack(front, imbrex_v4_layer_weights(layer), packed.data, packed.nb[1], 0, 1, text, sizeof text), text);
  need(imbrex_v4_layer_rotations(layer, 0, POSITIONS, table.data, text, sizeof text), text);
  imbrex_v4_layer_close(layer);

  struct tensor x = new_tensor(4, form.hidden, T, 1), positions = new_tensor(4, T, 1, 1);
  struct tensor q = new_tensor(4, 512, form.head_end, T), kv = new_tensor(2, 512, T, 1);
  for (int64_t i = 0; i < T * form.hidden; ++i) ((float*)x.data)[i] = (float)(i * 7919 % 2001 - 1000) / 256;
  for (int64_t t = 0; t < T; ++t) ((int32_t*)positions.data)[t] = (int32_t)(3 * t % POSITIONS);
  const struct attention_front op = {front, &packed, &x, &positions, &table, &q, form.without_kv ? NULL : &kv};

  const size_t work_bytes = imbrex_v4_workspace_bytes(front, T, threads.nth);
  struct tensor work = new_tensor(1, (int64_t)work_bytes, 1, 1);
  struct worker* workers = calloc((size_t)threads.nth, sizeof *workers);
  pthread_t others[MOST_THREADS];
  for (int ith = 0; ith < threads.nth; ++ith) {
    workers[ith].params = (struct compute){ith, &threads, work.data, work_bytes};
    workers[ith].op = &op;
    if (ith > 0 && pthread_create(&others[ith], NULL, compute, &workers[ith]) != 0) return 1;
  }
  compute(&workers[0]);
  for (int ith = 1; ith < threads.nth; ++ith) pthread_join(others[ith], NULL);
  need(workers[0].status, workers[0].text);
  printf("q %016llx kv %016llx\n", (unsigned long long)digest(&q, 4), (unsigned long long)digest(&kv, 2));

  imbrex_v4_destroy(front);
  void* all[] = {packed.data, table.data, x.data, positions.data, q.data, kv.data, work.data, workers};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) free(all[i]);
  return 0;
}
