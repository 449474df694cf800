#include "bench/peers/onednn_front.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "bench/peers/arrays.h"
#include "bench/peers/bound_team.h"
#include "bench/peers/measured_choice.h"

namespace imbrex::peers {
namespace {

using tools::Tensors;

// wq_a and wkv, as floats where there are no products of bf16.
AlignedVector<std::byte> latent_weights_of(const Tensors& inputs, bool has_bf16) {
  const Array &wq_a = inputs.at("wq_a"), &wkv = inputs.at("wkv");
  const int64_t rows = wq_a.shape[0], left = wq_a.shape[1], right = wkv.shape[1];
  return has_bf16 ? side_by_side(wq_a.as<uint16_t>(), left, wkv.as<uint16_t>(), right, rows)
                  : side_by_side(floats_of(wq_a).data(), left, floats_of(wkv).data(), right, rows);
}

// The rows of a tile where there are as few tiles as `most` rows allow, about equally large, in multiples of AMX's 16.
int64_t even_rows(int64_t tokens, int64_t most) {
  const int64_t tiles = (tokens + most - 1) / most, rows = (tokens + tiles - 1) / tiles;
  return tiles == 1 ? rows : std::min(most, (rows + 15) / 16 * 16);
}

std::vector<TileShape> tile_shapes(int64_t tokens, const std::vector<int64_t>& rows, int64_t all_columns,
                                   const std::vector<int64_t>& columns) {
  std::vector<TileShape> shapes;
  for (const int64_t most : rows)
    for (const int64_t width : columns) {
      const TileShape shape{even_rows(tokens, most), width};
      const auto is_equal = [&](const TileShape& other) { return other.rows == shape.rows && other.columns == shape.columns; };
      if (width > 0 && all_columns % width == 0 && std::none_of(shapes.begin(), shapes.end(), is_equal)) shapes.push_back(shape);
    }
  return shapes;
}

}  // namespace

OnednnFront::OnednnFront(const Tensors& inputs, float eps, const Glue& glue, bool has_bf16, int threads)
    : ComposedFront(inputs, eps, glue, threads),
      x_(inputs.at("x").as<uint16_t>()),
      cosines_(static_cast<size_t>(tokens_ * rope_dim)),
      sines_(cosines_.size()),
      shift_(static_cast<size_t>(columns_)),
      normed_(static_cast<size_t>(tokens_ * hidden_)),
      widened_(has_bf16 ? 0 : normed_.size()),
      shifted_(static_cast<size_t>(tokens_ * q_lora_)),
      latents_(static_cast<size_t>(tokens_ * (q_lora_ + head_dim))),
      latent_rows_(static_cast<size_t>(threads * (q_lora_ + head_dim))),
      latent_weight_values_(latent_weights_of(inputs, has_bf16)),
      latent_weights_(engine_, latent_weight_values_.data(), float_type(), hidden_, q_lora_ + head_dim),
      query_weights_(engine_, inputs.at("wq_b").bytes.data(), Type::s8, q_lora_, columns_) {
  const AlignedVector<float> cosines = floats_of(inputs.at("rope_cos")), sines = floats_of(inputs.at("rope_sin"));
  for (int64_t token = 0; token < tokens_; ++token)
    for (int64_t i = 0; i < rope_dim; ++i) {
      const auto to = static_cast<size_t>(token * rope_dim + i), from = static_cast<size_t>(token * rope_dim + i / 2);
      cosines_[to] = cosines[from];
      sines_[to] = i % 2 == 0 ? -sines[from] : sines[from];
    }
  const auto* wq_b = inputs.at("wq_b").as<int8_t>();
  for (int64_t k = 0; k < q_lora_; ++k)
    for (int64_t c = 0; c < columns_; ++c) shift_[static_cast<size_t>(c)] += 128 * wq_b[k * columns_ + c];
  outputs_["q"] = Array::zeros(DType::bf16, {tokens_, columns_ / head_dim, head_dim});
  outputs_["kv"] = Array::zeros(DType::bf16, {tokens_, head_dim});
  outputs_["qr"] = Array::zeros(DType::int8, {tokens_, q_lora_});
  outputs_["qr_scale"] = Array::zeros(DType::f32, {tokens_, 1});

  const BoundTeam bound(threads_);
  choose_latent_tiles();
  choose_query_tiles();
}

void OnednnFront::choose_latent_tiles() {
  const int64_t all = latent_weights_.columns();
  std::vector<std::unique_ptr<TiledProduct>> made;
  std::vector<std::function<void()>> ways;
  for (const TileShape& shape : tile_shapes(tokens_, {64, 128, 256}, all, {128, 256, all / threads_, all})) {
    made.push_back(std::make_unique<TiledProduct>(engine_, latent_weights_, tokens_, shape, float_type(), Type::f32, threads_));
    ways.emplace_back([this, product = made.back().get()] {
#pragma omp parallel num_threads(threads_)
      make_latents(*product);
    });
  }
  latent_tiles_ = std::move(made[fastest_of(ways)]);
}

void OnednnFront::choose_query_tiles() {
  std::vector<std::unique_ptr<QueryTiles>> made;
  std::vector<std::function<void()>> ways;
  for (const Type source : {Type::s8, Type::u8})
    for (const TileShape& shape : tile_shapes(tokens_, {64, 128, 256}, columns_, {head_dim, 2 * head_dim, 4 * head_dim})) {
      made.push_back(std::make_unique<QueryTiles>(
          QueryTiles{TiledProduct(engine_, query_weights_, tokens_, shape, source, Type::s32, threads_), source}));
      sums_.resize(std::max(sums_.size(), static_cast<size_t>(threads_ * shape.rows * shape.columns)));
      ways.emplace_back([this, tiles = made.back().get()] {
#pragma omp parallel num_threads(threads_)
        make_queries(*tiles);
      });
    }
  query_tiles_ = std::move(made[fastest_of(ways)]);
}

double OnednnFront::run() {
  const BoundTeam bound(threads_);
  const auto begin = std::chrono::steady_clock::now();
#pragma omp parallel num_threads(threads_)
  {
    make_latents(*latent_tiles_);
    make_queries(*query_tiles_);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void OnednnFront::make_latents(const TiledProduct& product) {
  const bool widen = float_type() == Type::f32;
#pragma omp for schedule(static)
  for (int64_t t = 0; t < tokens_; ++t) {
    glue_.norm(x_ + t * hidden_, norm_w_.data(), hidden_, eps_, normed_.data() + t * hidden_);
    if (widen) glue_.widen(normed_.data() + t * hidden_, hidden_, widened_.data() + t * hidden_);
  }
  const int64_t columns = latent_weights_.columns(), width = product.shape().columns;
#pragma omp for schedule(static)
  for (int64_t i = 0; i < product.tiles(); ++i) {
    const TiledProduct::Tile tile = product.tile(i);
    const int64_t first = tile.first_row * hidden_;
    product.run(tile, omp_get_thread_num(), widen ? static_cast<const void*>(widened_.data() + first) : normed_.data() + first,
                latents_.data() + tile.first_column * tokens_ + tile.first_row * width);
  }
  int8_t* const qr = outputs_.at("qr").as<int8_t>();
  float* const scale = outputs_.at("qr_scale").as<float>();
  uint16_t* const kv = outputs_.at("kv").as<uint16_t>();
  float* const latent = latent_rows_.data() + omp_get_thread_num() * columns;
  const bool shift = query_tiles_ == nullptr || query_tiles_->source == Type::u8;
#pragma omp for schedule(static)
  for (int64_t t = 0; t < tokens_; ++t) {
    for (int64_t i = 0; i < columns / width; ++i)
      std::copy_n(latents_.data() + (i * tokens_ + t) * width, width, latent + i * width);
    glue_.quantize(latent, gamma_q_.data(), q_lora_, eps_, qr + t * q_lora_, shift ? shifted_.data() + t * q_lora_ : nullptr,
                   scale + t);
    glue_.finish_kv(latent + q_lora_, gamma_kv_.data(), eps_, cosines_.data() + t * rope_dim, sines_.data() + t * rope_dim,
                    kv + t * head_dim);
  }
}

void OnednnFront::make_queries(const QueryTiles& tiles) {
  const bool shifted = tiles.source == Type::u8;
  const int8_t* const qr = outputs_.at("qr").as<int8_t>();
  const int self = omp_get_thread_num();
  const TileShape& shape = tiles.product.shape();
  int32_t* const sums = sums_.data() + self * shape.rows * shape.columns;
#pragma omp for schedule(static)
  for (int64_t i = 0; i < tiles.product.tiles(); ++i) {
    const TiledProduct::Tile tile = tiles.product.tile(i);
    const int64_t first = tile.first_row * q_lora_;
    tiles.product.run(tile, self, shifted ? static_cast<const void*>(shifted_.data() + first) : qr + first, sums);
    for (int64_t column = 0; column < shape.columns; column += head_dim) {
      const int64_t from = tile.first_column + column;
      glue_.finish_head({.sums = sums + column,
                         .rows = tile.rows,
                         .sums_per_row = shape.columns,
                         .shift = shifted ? shift_.data() + from : nullptr,
                         .row_scales = outputs_.at("qr_scale").as<float>() + tile.first_row,
                         .column_scales = scales_.data() + from,
                         .cosines = cosines_.data() + tile.first_row * rope_dim,
                         .sines = sines_.data() + tile.first_row * rope_dim,
                         .out = outputs_.at("q").as<uint16_t>() + tile.first_row * columns_ + from,
                         .out_per_row = columns_},
                        eps_);
    }
  }
}

std::string OnednnFront::choice() const {
  const TileShape &latents = latent_tiles_->shape(), &queries = query_tiles_->product.shape();
  return fmt::format("latents by {} rows x {} columns, q by {} rows x {} heads of {}", latents.rows, latents.columns,
                     queries.rows, queries.columns / head_dim, query_tiles_->source == Type::s8 ? "s8" : "u8");
}

}  // namespace imbrex::peers
