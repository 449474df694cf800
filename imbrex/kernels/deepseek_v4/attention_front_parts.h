// What the entry of attention_front has besides its program. Private to kernels/.
#pragma once

#include "imbrex/kernels/reference/attention_front.h"
#include "imbrex/kernels/registry.h"

namespace imbrex::kernels::deepseek_v4 {

// Those of the options that decide what the reference computes.
reference::FrontForm reference_form(const Options& options);
// With weights as it takes them.
Tensors reference_inputs(const Tensors& inputs, const reference::FrontForm& form);

// As made_inputs of qkv_proj_rope, whose tensors are the same for a seed. Positions lie anywhere in the tables; slots, all distinct,
// anywhere in the cache, some of them -1, and caches are full of nonsense.
Tensors made_form_inputs(const std::vector<inputs::TensorShape>& wanted, uint64_t seed);

Judgement judge_attention_front(const JudgeRequest& request, const std::function<void(int64_t tokens)>& progress);

}  // namespace imbrex::kernels::deepseek_v4
