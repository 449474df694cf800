// What the entry of qkv_proj_rope has besides its programs and its reference. Private to kernels/.
#pragma once

#include "imbrex/kernels/deepseek_v4/qkv_proj_rope.h"
#include "imbrex/kernels/registry.h"

namespace imbrex::kernels::deepseek_v4 {

FrontSizes front_of(const Options& options);
QkvProjRope config_of(const Options& options);

// A layer, its inputs by name: gammas of either sign and sizes a factor of 16 apart, int8 weights over all of -128 to 127 with
// whole columns at -128, tokens of sizes a factor of 64 apart, one zero row (token 1), outlier channels, rope tables of scattered
// positions whose unused columns hold nonsense. A quantized latent is all of -128 to 127, token 1 zero. Token t is the same in every
// batch.
Tensors made_inputs(const std::vector<inputs::TensorShape>& wanted, uint64_t seed);

// What the variants with tensors between their stages store there, by the names of the operator's definition: the normalized
// input and the query latent.
inline constexpr const char *norm_tensor = "token_x_bf16", *latent_tensor = "qr_bf16";

// The inputs with wq_a and wkv as bf16, whatever they are.
Tensors with_wide_weights(const Tensors& inputs, const Options& options);

// Works on 256 tokens at a time.
Judgement judge(const JudgeRequest& request, const std::function<void(int64_t tokens)>& progress);

// A layer's projections and norms from a checkpoint; x as above, and rotations of positions from the seed in the layer's regime.
FromCheckpoint from_checkpoint();
// The same with wq_b as e4m3, too.
FromCheckpoint from_checkpoint_as_it_is();

LeastWork least_work(const Tensors& inputs);

// Nothing where 64 does not divide the query latent, or projections are not bf16.
PlainLoops plain_loops(const Tensors& inputs, const Options& options);

}  // namespace imbrex::kernels::deepseek_v4
