// deepseek_v4/attention_front as an engine runs it that has not fused it: our own composition, of one call after another, each on
// all threads and each through memory.
#pragma once

#include <string>

#include "bench/peers/composed_front.h"

namespace imbrex::peers {

// The calls, as vLLM's CPU backend makes them: a norm; one bf16 product with wq_a and wkv side by side; the norms of both parts;
// the latent as int8 with a scale a token; its product with wq_b, times the columns' scales, as bf16 (this version of oneDNN has
// fast code for scales of columns alone: those of rows are the next call's); and one that normalizes and rotates queries and
// inserts keys and values into an fp8 cache. Weights are packed once, as oneDNN asks for.
class EngineFront : public ComposedFront {
 public:
  // The inputs of a form with bf16 x, tables of rotations, and an fp8 cache alone.
  EngineFront(const tools::Tensors& inputs, float eps, const Glue& glue, int threads);

  double run();  // seconds
  static const char* description();

 private:
  void normalize_tokens();
  void normalize_latents();
  void quantize_latents();
  void finish();

  dnnl::stream stream_;
  const tools::Tensors& inputs_;
  AlignedVector<float> cosines_, sines_;  // rows of the tables, as Glue takes them
  AlignedVector<uint16_t> normed_, latents_, kv_;
  AlignedVector<int8_t> quantized_;
  AlignedVector<float> row_scales_;
  Product latent_product_, query_product_;
  runtime::Buffer latent_weights_, query_weights_;
  std::unique_ptr<Product::Caller> latent_caller_, query_caller_;
};

}  // namespace imbrex::peers
