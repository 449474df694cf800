// deepseek_v4/qkv_proj_rope composed of oneDNN primitives. Weights are packed once, in the layouts that the primitives ask for;
// int8 activations go in as uint8, 128 more, and what that adds to each column is subtracted with the dequantization, since the
// instructions multiply unsigned by signed bytes.
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "bench/peers/accuracy.h"
#include "bench/peers/glue.h"
#include "bench/peers/peers.h"
#include "imbrex/base/error.h"

namespace imbrex::peers {
namespace {

using tools::Tensors;
using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

// Rows of a tile of int32 products and its heads: 128 x 1024 x 4 bytes stay in a second-level cache of 1 MiB.
constexpr int64_t tile_rows = 128, tile_heads = 2;

dnnl::memory::desc plain(int64_t rows, int64_t columns, Type type) { return {{rows, columns}, type, Tag::ab}; }

// A matmul of [rows, k] . [k, columns], for one thread or for all, with scratch memory for each caller.
class Matmul {
 public:
  Matmul(const dnnl::engine& engine, int64_t rows, int64_t k, int64_t columns, Type source, Type weights, Type result,
         int threads)
      : rows_(rows), k_(k), columns_(columns), source_(source), result_(result) {
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads);  // a primitive shares its work among the threads that there are when it is made
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::memory::desc any({k, columns}, weights, Tag::any);
    description_ = {{plain(rows, k, source), any, plain(rows, columns, result)}, attributes, engine};
    primitive_ = dnnl::matmul(description_);
    omp_set_num_threads(before);
  }

  int64_t rows() const { return rows_; }
  dnnl::memory::desc weights_desc() const { return description_.weights_desc(); }
  dnnl::memory scratch(const dnnl::engine& engine) const { return {description_.scratchpad_desc(), engine}; }

  void run(const dnnl::engine& engine, dnnl::stream& stream, const void* source, const dnnl::memory& weights, void* result,
           const dnnl::memory& scratch) const {
    const dnnl::memory from(plain(rows_, k_, source_), engine, const_cast<void*>(source));
    const dnnl::memory to(plain(rows_, columns_, result_), engine, result);
    primitive_.execute(stream,
                       {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, to}, {DNNL_ARG_SCRATCHPAD, scratch}});
  }

 private:
  int64_t rows_, k_, columns_;
  Type source_, result_;
  dnnl::matmul::primitive_desc description_;
  dnnl::matmul primitive_;
};

AlignedVector<float> floats_of(const Array& array) {
  AlignedVector<float> values(static_cast<size_t>(array.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    if (array.dtype == DType::f32) {
      values[i] = array.as<float>()[i];
    } else {
      const uint32_t bits = static_cast<uint32_t>(array.as<uint16_t>()[i]) << 16;
      std::memcpy(&values[i], &bits, sizeof bits);
    }
  }
  return values;
}

class OnednnFront {
 public:
  // Without bf16 instructions oneDNN multiplies in f32.
  OnednnFront(const Tensors& inputs, float eps, const Glue& glue, bool has_bf16, int threads)
      : eps_(eps),
        glue_(glue),
        float_type_(has_bf16 ? Type::bf16 : Type::f32),
        threads_(threads),
        tokens_(inputs.at("x").shape[0]),
        hidden_(inputs.at("x").shape[1]),
        q_lora_(inputs.at("wq_a").shape[1]),
        columns_(inputs.at("wq_b").shape[1]),
        heads_(columns_ / head_dim),
        group_(heads_ % tile_heads == 0 ? tile_heads : 1),
        x_(inputs.at("x").as<uint16_t>()),
        norm_w_(floats_of(inputs.at("norm_w"))),
        gamma_q_(floats_of(inputs.at("gamma_cq"))),
        gamma_kv_(floats_of(inputs.at("gamma_ckv"))),
        scales_(floats_of(inputs.at("wq_b_scale"))),
        cosines_(floats_of(inputs.at("rope_cos"))),
        sines_(floats_of(inputs.at("rope_sin"))),
        shift_(static_cast<size_t>(columns_)),
        normed_(static_cast<size_t>(tokens_ * hidden_)),
        shifted_(static_cast<size_t>(tokens_ * q_lora_)),
        query_latent_(static_cast<size_t>(tokens_ * q_lora_)),
        kv_latent_(static_cast<size_t>(tokens_ * head_dim)),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        wq_a_(engine_, tokens_, hidden_, q_lora_, float_type_, float_type_, Type::f32, threads),
        wkv_(engine_, tokens_, hidden_, head_dim, float_type_, float_type_, Type::f32, threads),
        whole_(engine_, tokens_, q_lora_, columns_, Type::u8, Type::s8, Type::s32, threads) {
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
    if (float_type_ == Type::f32) widened_.resize(normed_.size());
    pack(inputs);
    outputs_["q"] = Array::zeros(DType::bf16, {tokens_, heads_, head_dim});
    outputs_["kv"] = Array::zeros(DType::bf16, {tokens_, head_dim});
    outputs_["qr"] = Array::zeros(DType::int8, {tokens_, q_lora_});
    outputs_["qr_scale"] = Array::zeros(DType::f32, {tokens_, 1});
  }

  double run(bool by_heads) {
    const auto begin = std::chrono::steady_clock::now();
    normalize();
    wq_a_.run(engine_, stream_, normed(), packed_wq_a_, query_latent_.data(), scratch_wq_a_);
    wkv_.run(engine_, stream_, normed(), packed_wkv_, kv_latent_.data(), scratch_wkv_);
    finish_latents();
    if (by_heads)
      query_by_heads();
    else
      query_whole();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  const Tensors& outputs() const { return outputs_; }

 private:
  // A tile's product: one for whole tiles, one for the rows that remain.
  struct Tiled {
    Matmul product;
    std::vector<dnnl::memory> weights;  // of each group of heads
    std::vector<dnnl::memory> scratch;  // of each thread
  };

  dnnl::memory packed(const dnnl::memory::desc& as, const dnnl::memory::desc& from, const void* source) {
    dnnl::memory result(as, engine_);
    dnnl::memory given(from, engine_, const_cast<void*>(source));
    dnnl::reorder(given, result).execute(stream_, given, result);
    stream_.wait();
    return result;
  }

  void pack(const Tensors& inputs) {
    const auto* wq_b = inputs.at("wq_b").as<int8_t>();
    packed_wq_a_ = packed(wq_a_.weights_desc(), plain(hidden_, q_lora_, Type::bf16), inputs.at("wq_a").bytes.data());
    packed_wkv_ = packed(wkv_.weights_desc(), plain(hidden_, head_dim, Type::bf16), inputs.at("wkv").bytes.data());
    packed_whole_ = packed(whole_.weights_desc(), plain(q_lora_, columns_, Type::s8), wq_b);
    scratch_wq_a_ = wq_a_.scratch(engine_);
    scratch_wkv_ = wkv_.scratch(engine_);
    scratch_whole_ = whole_.scratch(engine_);
    for (int64_t k = 0; k < q_lora_; ++k)
      for (int64_t c = 0; c < columns_; ++c) shift_[static_cast<size_t>(c)] += 128 * wq_b[k * columns_ + c];

    const int64_t width = group_ * head_dim;
    const auto add_tile = [&](int64_t rows) {
      Tiled tile{{engine_, rows, q_lora_, width, Type::u8, Type::s8, Type::s32, 1}, {}, {}};
      for (int thread = 0; thread < threads_; ++thread) tile.scratch.push_back(tile.product.scratch(engine_));
      const bool same = !tiles_.empty() && tiles_.front().product.weights_desc() == tile.product.weights_desc();
      for (int64_t group = 0; group < heads_ / group_; ++group)
        tile.weights.push_back(same
                                   ? tiles_.front().weights[static_cast<size_t>(group)]
                                   : packed(tile.product.weights_desc(),
                                            {{q_lora_, width}, Type::s8, dnnl::memory::dims{columns_, 1}}, wq_b + group * width));
      tiles_.push_back(std::move(tile));
    };
    add_tile(std::min(tokens_, tile_rows));
    if (tokens_ > tile_rows && tokens_ % tile_rows != 0) add_tile(tokens_ % tile_rows);
    for (int thread = 0; thread < threads_; ++thread) {
      streams_.emplace_back(engine_);
      tile_sums_.emplace_back(plain(std::min(tokens_, tile_rows), width, Type::s32), engine_);
    }
  }

  Rotation rotation(int64_t token) const { return {cosines_.data() + token * rope_dim, sines_.data() + token * rope_dim}; }

  void normalize() {
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t t = 0; t < tokens_; ++t) {
      glue_.norm(x_ + t * hidden_, norm_w_.data(), hidden_, eps_, normed_.data() + t * hidden_);
      if (float_type_ == Type::f32) glue_.widen(normed_.data() + t * hidden_, hidden_, widened_.data() + t * hidden_);
    }
  }

  const void* normed() const { return float_type_ == Type::f32 ? static_cast<const void*>(widened_.data()) : normed_.data(); }

  void finish_latents() {
    int8_t* const qr = outputs_.at("qr").as<int8_t>();
    float* const scale = outputs_.at("qr_scale").as<float>();
    uint16_t* const kv = outputs_.at("kv").as<uint16_t>();
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t t = 0; t < tokens_; ++t) {
      glue_.quantize(query_latent_.data() + t * q_lora_, gamma_q_.data(), q_lora_, eps_, qr + t * q_lora_,
                     shifted_.data() + t * q_lora_, scale + t);
      glue_.finish_kv(kv_latent_.data() + t * head_dim, gamma_kv_.data(), eps_, rotation(t), kv + t * head_dim);
    }
  }

  void finish_head(const int32_t* sums, int64_t token, int64_t head, const float* row_scales, uint16_t* q) const {
    glue_.finish_head(sums, shift_.data() + head * head_dim, row_scales[token], scales_.data() + head * head_dim, eps_,
                      rotation(token), q + token * columns_ + head * head_dim);
  }

  void query_by_heads() {
    const float* const row_scales = outputs_.at("qr_scale").as<float>();
    uint16_t* const q = outputs_.at("q").as<uint16_t>();
    const int64_t groups = heads_ / group_, row_tiles = (tokens_ + tile_rows - 1) / tile_rows;
#pragma omp parallel num_threads(threads_)
    {
      const auto self = static_cast<size_t>(omp_get_thread_num());
      auto* const sums = static_cast<int32_t*>(tile_sums_[self].get_data_handle());
      // Weights of a group stay in the cache while the tokens pass.
#pragma omp for schedule(static)
      for (int64_t task = 0; task < groups * row_tiles; ++task) {
        const int64_t group = task / row_tiles, first = task % row_tiles * tile_rows;
        const int64_t rows = std::min(tile_rows, tokens_ - first);
        Tiled& tile = rows == tiles_.front().product.rows() ? tiles_.front() : tiles_.back();
        tile.product.run(engine_, streams_[self], shifted_.data() + first * q_lora_, tile.weights[static_cast<size_t>(group)],
                         sums, tile.scratch[self]);
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t h = 0; h < group_; ++h)
            finish_head(sums + (row * group_ + h) * head_dim, first + row, group * group_ + h, row_scales, q);
      }
    }
  }

  void query_whole() {
    const float* const row_scales = outputs_.at("qr_scale").as<float>();
    uint16_t* const q = outputs_.at("q").as<uint16_t>();
    sums_.resize(static_cast<size_t>(tokens_ * columns_));
    whole_.run(engine_, stream_, shifted_.data(), packed_whole_, sums_.data(), scratch_whole_);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t task = 0; task < tokens_ * heads_; ++task)
      finish_head(sums_.data() + task * head_dim, task / heads_, task % heads_, row_scales, q);
  }

  float eps_;
  const Glue& glue_;
  Type float_type_;
  int threads_;
  int64_t tokens_, hidden_, q_lora_, columns_, heads_, group_;
  const uint16_t* x_;
  AlignedVector<float> norm_w_, gamma_q_, gamma_kv_, scales_, cosines_, sines_;
  AlignedVector<int32_t> shift_, sums_;
  AlignedVector<uint16_t> normed_;
  AlignedVector<uint8_t> shifted_;
  AlignedVector<float> widened_, query_latent_, kv_latent_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  Matmul wq_a_, wkv_, whole_;
  dnnl::memory packed_wq_a_, packed_wkv_, packed_whole_, scratch_wq_a_, scratch_wkv_, scratch_whole_;
  std::vector<Tiled> tiles_;
  std::vector<dnnl::stream> streams_;
  std::vector<dnnl::memory> tile_sums_;
  Tensors outputs_;
};

}  // namespace

std::string version() {
  const dnnl_version_t* found = dnnl::version();
  return fmt::format("oneDNN {}.{}.{}", found->major, found->minor, found->patch);
}

tools::PeerContestants contestants(const Tensors& inputs, const Tensors& kernel_outputs, float eps, target::Isa isa,
                                   int threads) {
  if (isa == target::Isa::scalar)
    throw UserError("no-peers", "oneDNN has no scalar code to compare with", "--isa avx2 or avx512");
  // Before the first primitive, and refused after it: then it was the same.
  dnnl::set_max_cpu_isa(isa == target::Isa::avx2 ? dnnl::cpu_isa::avx2 : dnnl::cpu_isa::all);
  const auto front = std::make_shared<OnednnFront>(inputs, eps, isa == target::Isa::avx2 ? avx2::glue : avx512::glue,
                                                   isa == target::Isa::avx512, threads);
  tools::PeerContestants made;
  made.owner = front;
  for (const bool by_heads : {true, false}) {
    const std::string name = by_heads ? "oneDNN heads" : "oneDNN whole";
    made.contestants.push_back({.name = name, .run = [front, by_heads] { return front->run(by_heads); }});
    front->run(by_heads);
    made.accuracy += fmt::format("{}{}: {}", by_heads ? "" : "; ", name, accuracy_text(front->outputs(), kernel_outputs));
  }
  return made;
}

}  // namespace imbrex::peers
