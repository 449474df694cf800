// qkv_proj_rope as one writes it in an afternoon: parallel plain loops, left to the compiler at -O3. The baseline of
// `imbrex bench`, no more; its sums are in f32 and in no particular order.
#include <algorithm>
#include <cmath>
#include <memory>

#include "imbrex/base/numbers.h"
#include "imbrex/kernels/deepseek_v4/entry_parts.h"
#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"
#include "imbrex/target/clones.h"

namespace imbrex::kernels::deepseek_v4 {
namespace {

constexpr int64_t column_block = 64;

// out[0 .. 64) = row . w[:, 64 columns from w], w row-major of `columns`.
IMBREX_FOR_SEVERAL_MACHINES
void multiply_block(const float* row, const uint16_t* w, int64_t depth, int64_t columns, float* out) {
  float sums[column_block] = {};
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t c = 0; c < column_block; ++c) sums[c] += row[k] * float_of_bf16(w[k * columns + c]);
  for (int64_t c = 0; c < column_block; ++c) out[c] = sums[c];
}

IMBREX_FOR_SEVERAL_MACHINES
int32_t dot(const int8_t* a, const int8_t* b, int64_t depth) {
  int32_t sum = 0;
  for (int64_t k = 0; k < depth; ++k) sum += a[k] * b[k];
  return sum;
}

float inverse_root_mean_square(const float* values, int64_t n, float eps) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += values[i] * values[i];
  return 1 / std::sqrt(sum / static_cast<float>(n) + eps);
}

void store_rotated(const float* values, const Array& cosine, const Array& sine, int64_t token, uint16_t* out) {
  for (int64_t c = 0; c < head_dim - rope_dim; ++c) out[c] = bf16_of_float(values[c]);
  for (int64_t i = 0; i < rope_dim / 2; ++i) {
    const int64_t c = head_dim - rope_dim + 2 * i;
    const auto cos_i = static_cast<float>(value_at(cosine, token * rope_dim + i));
    const auto sin_i = static_cast<float>(value_at(sine, token * rope_dim + i));
    out[c] = bf16_of_float(values[c] * cos_i - values[c + 1] * sin_i);
    out[c + 1] = bf16_of_float(values[c] * sin_i + values[c + 1] * cos_i);
  }
}

// The share [begin, end) of `count` things of one worker.
struct Share {
  int64_t begin, end;
  Share(int64_t count, int ith, int nth) : begin(count * ith / nth), end(count * (ith + 1) / nth) {}
};

// wq_b is transposed to [out, in] once, so that every output is one dot product of contiguous rows.
class Loops {
 public:
  Loops(const Tensors& inputs, float eps);
  void normalize(Share tokens);
  void project(Share blocks);
  void finish_latents(Share tokens);
  void query_heads(Share heads);

  int64_t tokens() const { return tokens_; }
  int64_t column_blocks() const { return (q_lora_ + head_dim) / column_block; }
  int64_t heads() const { return columns_ / head_dim; }

 private:
  void query_head(int64_t head);

  const Tensors& inputs_;
  float eps_;
  int64_t tokens_, hidden_, q_lora_, columns_;
  std::vector<int8_t> wq_b_;
  std::vector<float> norm_w_, normed_, latent_;
  Tensors outputs_;
};

Loops::Loops(const Tensors& inputs, float eps)
    : inputs_(inputs),
      eps_(eps),
      tokens_(inputs.at("x").shape[0]),
      hidden_(inputs.at("x").shape[1]),
      q_lora_(inputs.at("wq_a").shape[1]),
      columns_(inputs.at("wq_b").shape[1]),
      wq_b_(static_cast<size_t>(q_lora_ * columns_)),
      normed_(static_cast<size_t>(tokens_ * hidden_)),
      latent_(static_cast<size_t>(tokens_ * (q_lora_ + head_dim))) {
  for (int64_t i = 0; i < hidden_; ++i) norm_w_.push_back(static_cast<float>(value_at(inputs.at("norm_w"), i)));
  const auto* wq_b = inputs.at("wq_b").as<int8_t>();
  for (int64_t k = 0; k < q_lora_; ++k)
    for (int64_t c = 0; c < columns_; ++c) wq_b_[static_cast<size_t>(c * q_lora_ + k)] = wq_b[k * columns_ + c];
  outputs_["q"] = Array::zeros(DType::bf16, {tokens_, columns_ / head_dim, head_dim});
  outputs_["kv"] = Array::zeros(DType::bf16, {tokens_, head_dim});
  outputs_["qr"] = Array::zeros(DType::int8, {tokens_, q_lora_});
  outputs_["qr_scale"] = Array::zeros(DType::f32, {tokens_, 1});
}

void Loops::normalize(Share tokens) {
  const auto* x = inputs_.at("x").as<uint16_t>();
  for (int64_t t = tokens.begin; t < tokens.end; ++t) {
    float* const row = normed_.data() + t * hidden_;
    for (int64_t d = 0; d < hidden_; ++d) row[d] = float_of_bf16(x[t * hidden_ + d]);
    const float inverse = inverse_root_mean_square(row, hidden_, eps_);
    for (int64_t d = 0; d < hidden_; ++d)
      row[d] = float_of_bf16(bf16_of_float(row[d] * inverse * norm_w_[static_cast<size_t>(d)]));
  }
}

// n . wq_a and n . wkv beside each other.
void Loops::project(Share blocks) {
  const int64_t width = q_lora_ + head_dim;
  for (int64_t block = blocks.begin; block < blocks.end; ++block) {
    const int64_t column = block * column_block;
    const bool is_query = column < q_lora_;
    const uint16_t* const w =
        is_query ? inputs_.at("wq_a").as<uint16_t>() + column : inputs_.at("wkv").as<uint16_t>() + column - q_lora_;
    for (int64_t t = 0; t < tokens_; ++t)
      multiply_block(normed_.data() + t * hidden_, w, hidden_, is_query ? q_lora_ : head_dim,
                     latent_.data() + t * width + column);
  }
}

void Loops::finish_latents(Share tokens) {
  for (int64_t t = tokens.begin; t < tokens.end; ++t) {
    float* const r = latent_.data() + t * (q_lora_ + head_dim);
    float* const kv = r + q_lora_;
    const float inverse = inverse_root_mean_square(r, q_lora_, eps_);
    float largest = 1e-4f;
    for (int64_t i = 0; i < q_lora_; ++i) {
      r[i] = float_of_bf16(bf16_of_float(r[i] * inverse * float_of_bf16(inputs_.at("gamma_cq").as<uint16_t>()[i])));
      largest = std::max(largest, std::fabs(r[i]));
    }
    const float quant = 127 / largest;
    outputs_.at("qr_scale").as<float>()[t] = 1 / quant;
    for (int64_t i = 0; i < q_lora_; ++i)
      outputs_.at("qr").as<int8_t>()[t * q_lora_ + i] = static_cast<int8_t>(std::nearbyint(r[i] * quant));

    const float inverse_kv = inverse_root_mean_square(kv, head_dim, eps_);
    for (int64_t i = 0; i < head_dim; ++i) kv[i] *= inverse_kv * float_of_bf16(inputs_.at("gamma_ckv").as<uint16_t>()[i]);
    store_rotated(kv, inputs_.at("rope_cos"), inputs_.at("rope_sin"), t, outputs_.at("kv").as<uint16_t>() + t * head_dim);
  }
}

void Loops::query_heads(Share heads) {
  for (int64_t head = heads.begin; head < heads.end; ++head) query_head(head);
}

void Loops::query_head(int64_t head) {
  const auto* scales = inputs_.at("wq_b_scale").as<float>() + head * head_dim;
  float values[head_dim];
  for (int64_t t = 0; t < tokens_; ++t) {
    const float row_scale = outputs_.at("qr_scale").as<float>()[t];
    for (int64_t c = 0; c < head_dim; ++c) {
      const int32_t sum =
          dot(outputs_.at("qr").as<int8_t>() + t * q_lora_, wq_b_.data() + (head * head_dim + c) * q_lora_, q_lora_);
      values[c] = static_cast<float>(sum) * row_scale * scales[c];
    }
    const float inverse = inverse_root_mean_square(values, head_dim, eps_);
    for (float& value : values) value *= inverse;
    store_rotated(values, inputs_.at("rope_cos"), inputs_.at("rope_sin"), t,
                  outputs_.at("q").as<uint16_t>() + t * columns_ + head * head_dim);
  }
}

}  // namespace

PlainLoops plain_loops(const Tensors& inputs, const Options& options) {
  if (inputs.at("wq_a").dtype != DType::bf16 || inputs.at("wq_a").shape[1] % column_block != 0) return {};
  const auto loops = std::make_shared<Loops>(inputs, static_cast<float>(number(options, "eps")));
  PlainLoops plain;
  plain.phases = {[loops](int ith, int nth) { loops->normalize(Share(loops->tokens(), ith, nth)); },
                  [loops](int ith, int nth) { loops->project(Share(loops->column_blocks(), ith, nth)); },
                  [loops](int ith, int nth) { loops->finish_latents(Share(loops->tokens(), ith, nth)); },
                  [loops](int ith, int nth) { loops->query_heads(Share(loops->heads(), ith, nth)); }};
  return plain;
}

}  // namespace imbrex::kernels::deepseek_v4
