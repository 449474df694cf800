// deepseek_v4/attention_front: qkv_proj_rope.h with what engines have around it, from its definition alone.
#pragma once

#include <map>
#include <string>

#include "imbrex/kernels/reference/qkv_proj_rope.h"

namespace imbrex::kernels::reference {

struct FrontForm {
  double eps;
  DType q = DType::bf16;  // or f32, not rounded further
};

// rope_cos and rope_sin [T, 64] beside inputs that have positions and a table; inputs that have them as they are.
std::map<std::string, Array> with_rotations(std::map<std::string, Array> inputs);

// The caches among `tensors` after the rows of kv, bf16 [T, 512], went to the slots that are not -1.
std::map<std::string, Array> with_inserted(const std::map<std::string, Array>& tensors, const Array& kv);

// q, kv, qr, qr_scale, latent, extra where there is a w_extra, and the caches among the inputs. `settled` as in front_values.
std::map<std::string, Array> attention_front(const std::map<std::string, Array>& inputs, const FrontForm& form,
                                             const Array* settled = nullptr);

}  // namespace imbrex::kernels::reference
