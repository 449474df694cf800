/* What a library of the operator was built for. imbrex_add_deepseek_v4() in CMake writes the tables. */
#ifndef IMBREX_OPERATOR_INSTANCES_H
#define IMBREX_OPERATOR_INSTANCES_H

#include "imbrex/deepseek_v4.h"
#include "imbrex/runtime/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef const imbrex_kernel* (*imbrex_v4_kernel_of)(const char* isa);

/* deepseek_v4/attention_front with tables of rotations in f32, positions of int64, norm_w in f32, all forms of the latent that its
 * mode has, and rows of kv unless it is without them. */
typedef struct imbrex_v4_front_instance {
  imbrex_v4_mode mode;
  int64_t hidden, heads, q_lora;
  double eps;
  imbrex_v4_type x;
  int x_is_normalized;
  imbrex_v4_type q;
  int64_t extra;
  int64_t weight_block; /* 0: the kernel has no scales of blocks */
  int without_kv;
  imbrex_v4_kernel_of kernel;
  const char* description;
} imbrex_v4_front_instance;

/* deepseek_v4/latent_insert with slots of int64. */
typedef struct imbrex_v4_cache_instance {
  imbrex_v4_cache cache;
  int64_t block_tokens;
  imbrex_v4_kernel_of kernel;
} imbrex_v4_cache_instance;

extern const imbrex_v4_front_instance imbrex_v4_front_instances[];
extern const int imbrex_v4_front_instance_count;
extern const imbrex_v4_cache_instance imbrex_v4_cache_instances[];
extern const int imbrex_v4_cache_instance_count;

#ifdef __cplusplus
}
#endif
#endif
