/* The front of DeepSeek-V4's attention as an operator of an inference engine: from a layer's input to its queries and its row of
 * keys and values, on the engine's threads and in its memory. docs/operator.md explains each step.
 *
 *   imbrex_v4_create     finds the code for a model's sizes, a range of its heads and the engine's types
 *   imbrex_v4_pack       a layer's weights, once, into memory of the engine's; the originals can go
 *   imbrex_v4_run        on each of nth threads, or imbrex_v4_run_on with threads of a pool
 *   imbrex_v4_destroy
 *
 * Plain C. A run allocates nothing, locks nothing (a pool does), and keeps no state: a front and packed weights may be used by any
 * number of threads and calls at once, each call with a workspace of its own. Results are the same bits for every number of
 * threads, batch and processor. Functions return a status; `message`, at most `message_bytes` with its final zero, may be null, and
 * gets a line that names the argument and the numbers. */
#ifndef IMBREX_DEEPSEEK_V4_H
#define IMBREX_DEEPSEEK_V4_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define IMBREX_V4_API __attribute__((visibility("default")))
#else
#define IMBREX_V4_API
#endif

typedef enum imbrex_v4_status {
  IMBREX_V4_OK = 0,
  IMBREX_V4_NULL = 1,         /* a pointer that is needed is null */
  IMBREX_V4_BAD_VALUE = 2,    /* a number or a type out of its range, or a size of 2^62 bytes */
  IMBREX_V4_BAD_STRIDE = 3,   /* strides that make rows of an output overlap */
  IMBREX_V4_MISALIGNED = 4,   /* a tensor not aligned to its elements; packed memory or a workspace not to 64 bytes */
  IMBREX_V4_BAD_THREAD = 5,   /* ith is not below nth, or several threads have no barrier */
  IMBREX_V4_TOO_SMALL = 6,    /* a workspace or packed memory of too few bytes */
  IMBREX_V4_OVERLAP = 7,      /* an output, cache, workspace or packed memory that shares bytes with something else */
  IMBREX_V4_NO_INSTANCE = 8,  /* this library has no code for these sizes, heads or types */
  IMBREX_V4_NO_PROCESSOR = 9, /* it has none that this processor runs */
  IMBREX_V4_BAD_WEIGHT = 10,  /* a weight that is no number, or not exact in the type that is packed */
  IMBREX_V4_BAD_PACKED = 11,  /* packed memory of another form, library or instruction set, or not all of it */
  IMBREX_V4_BAD_DATA = 12,  /* a position outside of the table; a slot outside of the cache, or twice. Nothing is written then */
  IMBREX_V4_NO_MEMORY = 13, /* where memory or threads are asked of the system: create, pack, pools, layers */
  IMBREX_V4_BAD_FILE = 14   /* a checkpoint that cannot be read, or says two things */
} imbrex_v4_status;

/* Choices are integers, so that any number that a caller may bring can be looked at. */
typedef int32_t imbrex_v4_type;
enum {
  IMBREX_V4_NONE = 0,
  IMBREX_V4_F32 = 1,
  IMBREX_V4_BF16 = 2,
  IMBREX_V4_INT8 = 3,
  IMBREX_V4_E4M3 = 4, /* fp8 of checkpoints, "F8_E4M3" */
  IMBREX_V4_INT32 = 5,
  IMBREX_V4_INT64 = 6
};

/* How products are computed.
 *   W8A8           wq_b as int8 with a scale a channel, the query latent as int8 with a scale a token, wq_a and wkv in bf16, or in
 *                  fp8 that becomes the same bf16 where it is multiplied (keep_fp8)
 *   W8A16          fp8 weights as they are, a byte each, with their e8m0 scales, and bf16 activations
 *   FP8_REFERENCE  the same weights, and the rounding points of the official model: activations in fp8 blocks, too
 * Matrices of the latter two are E4M3, and their latent is bf16 alone. */
typedef int32_t imbrex_v4_mode;
enum { IMBREX_V4_W8A8 = 0, IMBREX_V4_W8A16 = 1, IMBREX_V4_FP8_REFERENCE = 2 };

/* ---- a front: code for a model's sizes and an engine's types ---------------------------------------------------------------- */

typedef struct imbrex_v4_form {
  imbrex_v4_mode mode;
  int64_t hidden, q_lora;
  int64_t head_begin, head_end; /* of the model's heads, those that this front computes: tensor parallelism */
  double eps;                   /* of every norm */
  imbrex_v4_type x;             /* BF16 or F32 */
  int x_is_normalized;          /* else the front normalizes it, with attn_norm */
  imbrex_v4_type q;             /* BF16, or F32, not rounded */
  int64_t extra;                /* columns of further projections of the normalized x, such as a compressor's; 0: none */
  int64_t weight_block;         /* of fp8 weights that are kept: a scale is of so many rows by as many columns */
  int keep_fp8; /* of W8A8: wq_a and wkv, which are E4M3, stay so, a byte a weight; the same results. The other modes keep all */
  int without_kv; /* of a layer that uses another's keys and values: q and the latent alone, no wkv and kv_norm, no kv and cache */
  const char* isa; /* an instruction set, such as "avx2"; null: $IMBREX_ISA, or the best that this processor runs */
} imbrex_v4_form;

typedef struct imbrex_v4_front imbrex_v4_front;
IMBREX_V4_API imbrex_v4_status imbrex_v4_create(const imbrex_v4_form* form, imbrex_v4_front** front, char* message,
                                                size_t message_bytes);
IMBREX_V4_API void imbrex_v4_destroy(imbrex_v4_front* front); /* may be null */
IMBREX_V4_API const char* imbrex_v4_isa(const imbrex_v4_front* front);
/* Line `index` of what this library was built for; null beyond the last. */
IMBREX_V4_API const char* imbrex_v4_instance(size_t index);

/* ---- weights ---------------------------------------------------------------------------------------------------------------- */

/* [rows, columns] = [out, in], as checkpoints have them; rows lie row_bytes apart, 0: beside each other.
 *   BF16  as it is
 *   E4M3  with an e8m0 byte for each block of block_rows by block_columns: scale [ceil(rows / block_rows)][ceil(columns /
 *         block_columns)]
 *   INT8  with an f32 for each row: scale [rows] */
typedef struct imbrex_v4_matrix {
  imbrex_v4_type type;
  const void* data;
  int64_t rows, columns, row_bytes;
  const void* scale;
  int64_t block_rows, block_columns;
} imbrex_v4_matrix;

typedef struct imbrex_v4_vector {
  imbrex_v4_type type; /* BF16, or F32 */
  const void* data;
  int64_t size;
} imbrex_v4_vector;

typedef struct imbrex_v4_weights {
  imbrex_v4_matrix wq_a;  /* [q_lora, hidden] */
  imbrex_v4_matrix wq_b;  /* [heads * 512, q_lora], of all heads of the model, or at least of those up to head_end */
  imbrex_v4_matrix wkv;   /* [512, hidden]; it and kv_norm are not looked at where the form is without_kv */
  imbrex_v4_matrix extra; /* [extra, hidden], BF16, where the form has such columns */
  imbrex_v4_vector attn_norm, q_norm,
      kv_norm; /* [hidden], where x is not normalized; [q_lora]; [512]. F32 of the latter two: bf16 numbers */
} imbrex_v4_weights;

IMBREX_V4_API size_t imbrex_v4_packed_bytes(const imbrex_v4_front* front);
/* Part ith of nth, all of the same weights; parts may run on several threads at once, in any order, and again. `packed` is aligned
 * to 64, and complete when all parts returned OK: calls refuse it before. It may be kept in a file, and mapped. */
IMBREX_V4_API imbrex_v4_status imbrex_v4_pack(const imbrex_v4_front* front, const imbrex_v4_weights* weights, void* packed,
                                              size_t packed_bytes, int ith, int nth, char* message, size_t message_bytes);

/* ---- a call ----------------------------------------------------------------------------------------------------------------- */

/* Where the 32 cosines and 32 sines of a row are. */
typedef int32_t imbrex_v4_rotation;
enum {
  IMBREX_V4_HALVES = 0,  /* cosines[0..32) are followed by the sines */
  IMBREX_V4_PAIRS = 1,   /* a cosine, its sine, the next cosine, ... */
  IMBREX_V4_SEPARATE = 2 /* cosines and sines each in a table, of whose rows the first 32 elements count */
};

typedef int32_t imbrex_v4_cache;
enum {
  IMBREX_V4_NO_CACHE = 0,
  IMBREX_V4_BF16_CACHE = 1, /* bf16 rows of 512 */
  IMBREX_V4_FP8_CACHE =
      2 /* "fp8_ds_mla": in a block, 576 bytes a token (448 e4m3, 64 bf16), then 8 a token (7 e8m0 scales, 1 unused) */
};

/* A barrier that joins all nth threads of a call and orders memory (release and acquire). */
typedef void (*imbrex_v4_barrier)(void* user);

/* All zeros but for what is used. Strides are in elements; 0: rows lie beside each other. */
typedef struct imbrex_v4_call {
  int64_t tokens; /* T, 0 or more; none: a call does nothing, and waits at no barrier */
  const void* packed;
  size_t packed_bytes;
  void* workspace; /* of this call alone while it runs, aligned to 64 */
  size_t workspace_bytes;

  const void* x; /* [T, hidden] */
  int64_t x_stride;

  imbrex_v4_rotation rotation;
  imbrex_v4_type rotation_type; /* F32 or BF16 */
  const void *cosines, *sines;  /* [rotation_rows, ...]; `sines` for SEPARATE alone */
  int64_t rotation_rows, rotation_stride;
  const void* positions;        /* [T], a row of the tables for each token; null: token t has row t */
  imbrex_v4_type position_type; /* INT32 or INT64 */

  void* q;         /* [T, q_heads, 512]; heads of the front first, the others are filled with zeros */
  int64_t q_heads; /* 0: those of the front */
  int64_t q_token_stride, q_head_stride;
  int8_t* latent;      /* of W8A8: null, or [T, q_lora], with */
  float* latent_scale; /* [T] */
  int64_t latent_stride;
  uint16_t* latent_bf16; /* null, or bf16 [T, q_lora] */
  int64_t latent_bf16_stride;
  uint16_t* kv; /* null, or bf16 [T, 512]; null of a front without_kv, which has no cache either */
  int64_t kv_stride;
  float* extra; /* [T, extra], where the form has such columns */
  int64_t extra_stride;

  imbrex_v4_cache cache;
  void* cache_data;
  int64_t cache_blocks, cache_block_tokens;
  int64_t cache_block_bytes; /* from block to block; 0: no gap */
  const void* slots;         /* [slot_count]: token t goes to slot t; -1: nowhere, as do tokens from slot_count on */
  imbrex_v4_type slot_type;  /* INT32 or INT64 */
  int64_t slot_count;        /* at most T */

  int ith, nth; /* nth of 0 is 1 */
  imbrex_v4_barrier barrier;
  void* barrier_user;
} imbrex_v4_call;

/* For calls of up to so many tokens on nth threads; SIZE_MAX where it would be 2^62 or more, or an argument is bad. */
IMBREX_V4_API size_t imbrex_v4_workspace_bytes(const imbrex_v4_front* front, int64_t tokens, int nth);

/* On each of nth threads, the same call but for ith. Every thread returns the same status; anything but OK before a barrier and
 * before anything is written. Outputs are complete when all have returned. */
IMBREX_V4_API imbrex_v4_status imbrex_v4_run(const imbrex_v4_front* front, const imbrex_v4_call* call, char* message,
                                             size_t message_bytes);

/* Threads of the library's own. Calls on one pool take turns. */
typedef struct imbrex_v4_pool imbrex_v4_pool;
IMBREX_V4_API imbrex_v4_status imbrex_v4_pool_create(int threads, imbrex_v4_pool** pool, char* message, size_t message_bytes);
IMBREX_V4_API void imbrex_v4_pool_destroy(imbrex_v4_pool* pool); /* may be null */
/* As imbrex_v4_run on nth threads, at most those of the pool, the caller among them; `ith` and the barrier are not looked at. */
IMBREX_V4_API imbrex_v4_status imbrex_v4_run_on(imbrex_v4_pool* pool, const imbrex_v4_front* front, const imbrex_v4_call* call,
                                                char* message, size_t message_bytes);

/* ---- a layer of a checkpoint ------------------------------------------------------------------------------------------------ */

typedef struct imbrex_v4_layer imbrex_v4_layer;
/* Maps the tensors of a layer's front from a released checkpoint's folder. */
IMBREX_V4_API imbrex_v4_status imbrex_v4_layer_open(const char* folder, int64_t layer, imbrex_v4_layer** opened, char* message,
                                                    size_t message_bytes);
IMBREX_V4_API void imbrex_v4_layer_close(imbrex_v4_layer* layer); /* may be null; weights end with it */
/* The model's hidden, q_lora, eps, all of its heads, the blocks of its wq_a where that is fp8 with square ones, and whether the layer
 * is without_kv. Where wq_a or wkv is not fp8 with square blocks, keep_fp8 becomes 0. The rest of the form stays as it is. */
IMBREX_V4_API void imbrex_v4_layer_sizes(const imbrex_v4_layer* layer, imbrex_v4_form* form);
/* `extra` is not the layer's. */
IMBREX_V4_API const imbrex_v4_weights* imbrex_v4_layer_weights(const imbrex_v4_layer* layer);
/* Cosines and sines of positions [first, first + count) in the layer's regime: f32 [count, 64], HALVES. */
IMBREX_V4_API imbrex_v4_status imbrex_v4_layer_rotations(const imbrex_v4_layer* layer, int64_t first, int64_t count, float* table,
                                                         char* message, size_t message_bytes);

#ifdef __cplusplus
}
#endif
#endif
