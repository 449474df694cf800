// Rows of keys and values, the latent of each token, in the paged caches that engines keep them in.
#pragma once

#include <functional>

#include "imbrex/language/language.h"

namespace imbrex::kernels::deepseek_v4 {

// A row goes to place slot % B of block slot // B. A slot of -1 is skipped; all others of a call differ.
enum class Cache : uint8_t {
  none,
  bf16_rows,  // cache bf16 [N, B, 512]
  // cache_e4m3 [N, B, 448], cache_scale e8m0 [N, B, 7], cache_rope bf16 [N, B, 64], which an engine has as one buffer
  // ("fp8_ds_mla"): a block is B * 576 bytes, a token's 448 e4m3 and then its 64 bf16, and B * 8 bytes of scales, 7 a token.
  fp8
};

struct LatentCache {
  Cache cache = Cache::none;
  Int cache_block = 64;  // B, tokens of a block
  DType slots = int64;   // or int32
};

// Declares a dimension N, the blocks, `slots` [T] and the cache. What is called inserts rows of kv, bf16 [T, 512].
std::function<void(const Tensor& kv)> declare_cache(Builder& k, const Dim& T, const LatentCache& form);

// That alone: kv bf16 [T, 512], slots [T], and the cache.
Kernel latent_insert(const LatentCache& form);

}  // namespace imbrex::kernels::deepseek_v4
