#include "bench/peers/engine_front.h"

#include <chrono>

#include "bench/peers/arrays.h"
#include "bench/peers/bound_team.h"
#include "imbrex/base/numbers.h"

namespace imbrex::peers {

using tools::Tensors;

EngineFront::EngineFront(const Tensors& inputs, float eps, const Glue& glue, int threads)
    : ComposedFront(inputs, eps, glue, threads),
      stream_(engine_),
      inputs_(inputs),
      normed_(static_cast<size_t>(tokens_ * hidden_)),
      latents_(static_cast<size_t>(tokens_ * (q_lora_ + head_dim))),
      kv_(static_cast<size_t>(tokens_ * head_dim)),
      quantized_(static_cast<size_t>(tokens_ * q_lora_)),
      row_scales_(static_cast<size_t>(tokens_)) {
  const AlignedVector<float> cosines = floats_of(inputs.at("table_cos")), sines = floats_of(inputs.at("table_sin"));
  for (size_t i = 0; i < cosines.size(); ++i)
    for (const float sign : {-1.0f, 1.0f}) {
      cosines_.push_back(cosines[i]);
      sines_.push_back(sign * sines[i]);
    }
  latent_product_ = Product(engine_, {tokens_, hidden_, q_lora_ + head_dim, Type::bf16, Type::bf16, Type::bf16});
  query_product_ = Product(engine_, {tokens_, q_lora_, columns_, Type::s8, Type::s8, Type::bf16, &scales_});
  const auto packed = [&](const Product& product, const void* weights, runtime::Buffer& to) {
    to.grow_to(product.weights_layout().get_size());
    pack(engine_, weights, product.weights_layout(), to.data());
    return std::make_unique<Product::Caller>(engine_, product);
  };
  const Array &wq_a = inputs.at("wq_a"), &wkv = inputs.at("wkv");
  latent_caller_ = packed(
      latent_product_, side_by_side(wq_a.as<uint16_t>(), q_lora_, wkv.as<uint16_t>(), head_dim, hidden_).data(), latent_weights_);
  query_caller_ = packed(query_product_, inputs.at("wq_b").bytes.data(), query_weights_);
  outputs_["q"] = Array::zeros(DType::bf16, {tokens_, columns_ / head_dim, head_dim});
  outputs_["latent"] = Array::zeros(DType::bf16, {tokens_, q_lora_});
  for (const char* name : {"cache_e4m3", "cache_rope", "cache_scale"}) outputs_[name] = inputs.at(name);
}

const char* EngineFront::description() {
  return "our own composition of what an engine runs that has not fused it, with oneDNN's products: a norm; one bf16 product with "
         "wq_a and wkv side by side; the norms of both parts; the latent as int8; its product with wq_b, scaled to bf16 by oneDNN; norm "
         "and rope of the queries, and rope and insert into the fp8 cache of kv. Each call runs on all threads and passes its "
         "results through memory";
}

double EngineFront::run() {
  const BoundTeam bound(threads_);
  const auto begin = std::chrono::steady_clock::now();
  normalize_tokens();
  latent_caller_->run(stream_, normed_.data(), latent_weights_.data(), latents_.data());
  normalize_latents();
  quantize_latents();
  query_caller_->run(stream_, quantized_.data(), query_weights_.data(), outputs_.at("q").bytes.data());
  finish();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void EngineFront::normalize_tokens() {
  const auto* const x = inputs_.at("x").as<uint16_t>();
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (int64_t t = 0; t < tokens_; ++t)
    glue_.norm(x + t * hidden_, norm_w_.data(), hidden_, eps_, normed_.data() + t * hidden_);
}

void EngineFront::normalize_latents() {
  auto* const latent = outputs_.at("latent").as<uint16_t>();
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (int64_t t = 0; t < tokens_; ++t) {
    const uint16_t* const row = latents_.data() + t * (q_lora_ + head_dim);
    glue_.norm(row, gamma_q_.data(), q_lora_, eps_, latent + t * q_lora_);
    glue_.norm(row + q_lora_, gamma_kv_.data(), head_dim, eps_, kv_.data() + t * head_dim);
  }
}

void EngineFront::quantize_latents() {
  const auto* const latent = outputs_.at("latent").as<uint16_t>();
#pragma omp parallel for schedule(static) num_threads(threads_)
  for (int64_t t = 0; t < tokens_; ++t)
    glue_.quantize_row(latent + t * q_lora_, q_lora_, quantized_.data() + t * q_lora_, row_scales_.data() + t);
}

// A head of a token is an item of work, and its row of kv is one more.
void EngineFront::finish() {
  const int64_t heads = columns_ / head_dim;
  auto* const q = outputs_.at("q").as<uint16_t>();
  auto* const values = outputs_.at("cache_e4m3").as<uint8_t>();
  auto* const scales = outputs_.at("cache_scale").as<uint8_t>();
  auto* const rotated = outputs_.at("cache_rope").as<uint16_t>();
  const Array &positions = inputs_.at("positions"), &slots = inputs_.at("slots");
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads_)
  for (int64_t t = 0; t < tokens_; ++t)
    for (int64_t h = 0; h <= heads; ++h) {
      const int64_t position = index_at(positions, t), slot = index_at(slots, t);
      const float *const cosines = cosines_.data() + position * rope_dim, *const sines = sines_.data() + position * rope_dim;
      if (h < heads)
        glue_.finish_query(q + (t * heads + h) * head_dim, row_scales_[static_cast<size_t>(t)], eps_, cosines, sines);
      else if (slot >= 0)
        glue_.insert_fp8(kv_.data() + t * head_dim, cosines, sines, values + slot * (head_dim - rope_dim),
                         scales + slot * cache_blocks, rotated + slot * rope_dim);
    }
}

}  // namespace imbrex::peers
