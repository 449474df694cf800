// Other software that does the work of deepseek_v4/qkv_proj_rope or attention_front, for `imbrex bench --peers`.
#pragma once

#include "imbrex/tools/peers.h"

namespace imbrex::peers {

std::string version();

// "oneDNN": the fastest composition of its products that was found for these inputs on this machine; of attention_front, with its
// paged cache, what an engine runs that has not fused it.
tools::PeerContestants contestants(const tools::Tensors& inputs, const tools::Tensors& kernel_outputs, const kernels::Options& options,
                                   const target::Target& target, int threads);

}  // namespace imbrex::peers
