// deepseek_v4/qkv_proj_rope composed of oneDNN's products.
#pragma once

#include <memory>
#include <string>

#include "bench/peers/composed_front.h"
#include "bench/peers/tiled_product.h"

namespace imbrex::peers {

// Weights are packed once, in the layouts that the products ask for, wq_a and wkv side by side as one matrix. Each thread makes
// the int8 product of some rows by some heads and finishes it while it is in its cache. Which tiles are fastest is measured when
// it is made, and so is whether int8 activations go in as they are or, 128 more, as uint8: instructions of AVX2 and AVX-512
// multiply unsigned by signed bytes, and what the 128 add to each column is subtracted with the dequantization.
class OnednnFront : public ComposedFront {
 public:
  OnednnFront(const tools::Tensors& inputs, float eps, const Glue& glue, bool has_bf16, int threads);

  double run();  // seconds
  std::string choice() const;  // "latents by 64 rows x 128 columns, q by 64 rows x 2 heads of s8"

 private:
  struct QueryTiles {
    TiledProduct product;
    Type source;  // s8: the activations; u8: 128 more
  };
  void choose_latent_tiles();
  void choose_query_tiles();
  // In a parallel region, whose threads share each loop and wait for each other at its end.
  void make_latents(const TiledProduct& product);
  void make_queries(const QueryTiles& tiles);
  Type float_type() const { return widened_.empty() ? Type::bf16 : Type::f32; }

  const uint16_t* x_;
  AlignedVector<float> cosines_, sines_;
  AlignedVector<int32_t> shift_;  // what 128 of each activation add to each column
  AlignedVector<uint16_t> normed_;
  AlignedVector<float> widened_;  // empty where products are bf16's
  AlignedVector<uint8_t> shifted_;
  AlignedVector<float> latents_;      // by tiles, each dense: oneDNN uses AMX for no others
  AlignedVector<float> latent_rows_;  // of each thread, one
  AlignedVector<std::byte> latent_weight_values_;
  Weights latent_weights_, query_weights_;
  std::unique_ptr<TiledProduct> latent_tiles_;
  std::unique_ptr<QueryTiles> query_tiles_;
  AlignedVector<int32_t> sums_;  // of each thread, one tile
};

}  // namespace imbrex::peers
