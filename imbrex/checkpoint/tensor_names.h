// One spelling for the names that tensors have in the checkpoints of different tools.
#pragma once

#include <cstdint>
#include <string>

namespace imbrex::checkpoint {

// The released checkpoints' own name: "layers.3.attn.wq_a.weight" for "model.layers.3.self_attn.q_a_proj.weight". Scales are
// ".scale", whatever they are called ("weight_scale_inv", "weight_scale"). Names that are not known stay as they are.
std::string released_name(const std::string& name);

// "layers.3.", or for those after the last layer "mtp.0.".
std::string layer_prefix(int64_t layer, int64_t layers);

}  // namespace imbrex::checkpoint
