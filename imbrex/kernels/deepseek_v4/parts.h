// What the variants of qkv_proj_rope share: the tensors of the call, and the arithmetic of one tile.
#pragma once

#include <optional>

#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"

namespace imbrex::kernels::deepseek_v4 {

// Of each token, of which the first 32 columns are used.
struct RopeTables {
  Tensor cosine, sine;
};
// What the quantized latent and the key/value row of each token come from, and where they go.
struct LatentTensors {
  Dim T;
  Tensor x, norm_w, wq_a, gamma_cq, wkv, gamma_ckv;
  RopeTables rope;
  std::optional<Tensor> wq_a_scale, wkv_scale;  // of blocks of e4m3
  Tensor kv, qr, qr_scale;
};
// What the queries come from, and where they go.
struct QueryTensors {
  Dim T;
  Tensor qr, qr_scale, wq_b, wq_b_scale;
  RopeTables rope;
  Tensor q;
};
struct Front {
  LatentTensors latents;
  QueryTensors queries;
};
// The tensors of a call: of the whole front, in which qr and qr_scale are outputs; of its first part; of its second, in which they
// are inputs.
Front declare(Builder& k, const QkvProjRope& config);
LatentTensors declare_latents(Builder& k, const QkvProjRope& config);
QueryTensors declare_queries(Builder& k, const QkvProjRope& config);

inline constexpr Int even_columns = rope_dim / 2;

// A projection of bf16, or of e4m3 with a scale e8m0 for each block of so many rows by so many columns.
struct Projection {
  Tensor weight;
  std::optional<Tensor> scales;
  Int block;
  Projection(Tensor of_bf16) : Projection(std::move(of_bf16), std::nullopt, 0) {}
  Projection(Tensor elements, std::optional<Tensor> of_blocks, Int size)
      : weight(std::move(elements)), scales(std::move(of_blocks)), block(size) {}
};
Projection query_projection(const LatentTensors& tensors, const QkvProjRope& config);
Projection kv_projection(const LatentTensors& tensors, const QkvProjRope& config);
// Calls body for spans that cover so many columns, in parallel: whole blocks of the projection, which scales have in common, or as
// many columns as are wanted of bf16.
void for_columns(const Projection& projection, Int columns, Int wanted, const std::function<void(Span)>& body);
// rows . columns of it, which begin with a block.
Tile project(const Tile& rows, const Projection& projection, const Span& columns);
// The scales that a weight of so many rows and columns has.
Tensor declare_scales(Builder& k, const std::string& name, Int rows, Int columns, Int block);

// f32 of a tile of f32 or of a type that converts exactly.
Tile to_f32(Tile x);
// 1 / sqrt(sum * (1 / n) + eps), for a sum of n squares.
Tile inverse_rms(const Tile& sum_of_squares, Int n, float eps);
// The two halves of a rotation by the angles of rows t: even * cos - odd * sin, even * sin + odd * cos.
struct Pair {
  Tile even, odd;
};
Pair rotate(const RopeTables& rope, const Span& t, const Tile& tail);
// (f32(acc) * scale of the rows) * scale of head h's columns.
Tile dequantize(const QueryTensors& tensors, const QkvProjRope& config, Tile acc, const Span& t, const Span& columns);
// max(1e-4, largest magnitude) of each row t of r, read in spans of columns.
Tile row_magnitude(const Tensor& r, const Span& t);

}  // namespace imbrex::kernels::deepseek_v4
