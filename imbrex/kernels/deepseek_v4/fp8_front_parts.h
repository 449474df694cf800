// What the kernels of fp8_front.h share, and what their entries have. Private to kernels/.
#pragma once

#include "imbrex/kernels/deepseek_v4/fp8_front.h"
#include "imbrex/kernels/deepseek_v4/rows.h"
#include "imbrex/kernels/registry.h"

namespace imbrex::kernels::deepseek_v4 {

// A weight of e4m3, and its scales in NAME_scale.
Projection declare_projection(Builder& k, const std::string& name, Int rows, Int columns, Int block);

struct Fp8FrontTensors {
  Dim T;
  Tensor x;
  std::optional<Tensor> norm_w;
  Projection wq_a;
  Tensor gamma_cq;
  Projection wq_b;
  std::optional<Projection> wkv;  // there are no keys and values without it
  std::optional<Tensor> gamma_ckv;
  Tensor rope_cos, rope_sin;
  Tensor q;
  std::optional<Tensor> kv;
  Tensor qr;
};
Fp8FrontTensors declare(Builder& k, const Fp8Front& config);

// The outputs of fp8_reference from normalized tokens, bf16. Of rows of the rotations the first 32 columns are used; q is bf16, or
// f32 and not rounded.
void store_fp8_reference(const Fp8FrontTensors& tensors, const Tensor& normed, const FrontSizes& sizes);

// That blocks of fp8_block divide the columns that are quantized.
void require_quantizable(const Options& options);

// Those of wq_a, wq_b and wkv that are e4m3 as bf16.
Tensors with_expanded_weights(const Tensors& inputs, int64_t block);

// Each output against a reference that sums in double, and each stage within its derived bound: qr and kv from x, q from the qr that the
// kernel made. Works on 256 tokens at a time.
Judgement judge_w8a16(const JudgeRequest& request, const std::function<void(int64_t tokens)>& progress);

// Likewise, each stage on the tensors that the kernel made before it, where they are known.
Judgement judge_fp8_reference(const JudgeRequest& request, const std::function<void(int64_t tokens)>& progress);
inline constexpr const char* fp8_stage_tensors[] = {"x_normed",     "x_fp8",  "x_fp8_scale", "qr_proj",  "qr_fp8",
                                                    "qr_fp8_scale", "q_proj", "kv_proj",     "kv_normed"};

}  // namespace imbrex::kernels::deepseek_v4
