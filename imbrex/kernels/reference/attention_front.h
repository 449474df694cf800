// deepseek_v4/attention_front: qkv_proj_rope.h with what engines have around it, from its definition alone.
#pragma once

#include <map>
#include <string>

#include "imbrex/kernels/reference/qkv_proj_rope.h"

namespace imbrex::kernels::reference {

enum class Arithmetic : uint8_t { w8a8, w8a16, fp8_reference };

struct FrontForm {
  double eps;
  DType q = DType::bf16;  // or f32, not rounded further
  Arithmetic arithmetic = Arithmetic::w8a8;
  int64_t block = 128;  // of fp8_reference; weights of e4m3 are bf16 here without it, expanded()
};

// rope_cos and rope_sin [T, 64] beside inputs that have positions and a table; inputs that have them as they are.
std::map<std::string, Array> with_rotations(std::map<std::string, Array> inputs);

// The caches among `tensors` after the rows of kv, bf16 [T, 512], went to the slots that are not -1.
std::map<std::string, Array> with_inserted(const std::map<std::string, Array>& tensors, const Array& kv);

// q, kv where there is a wkv, qr and qr_scale of w8a8, latent, extra where there is a w_extra, and the caches among the inputs. `settled` is as in
// front_values, or without w8a8 the latent that q is of.
std::map<std::string, Array> attention_front(const std::map<std::string, Array>& inputs, const FrontForm& form,
                                             const Array* settled = nullptr);

}  // namespace imbrex::kernels::reference
