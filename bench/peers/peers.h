// Other software that does the work of deepseek_v4/qkv_proj_rope, for `imbrex bench --peers`.
#pragma once

#include "imbrex/tools/peers.h"

namespace imbrex::peers {

std::string version();

// The best composition of oneDNN primitives, in two forms: "oneDNN heads", whose int8 products are made a few heads at a time and
// finished while they are in the cache, and "oneDNN whole", with one int8 product and a pass over it. Which is faster depends on
// T.
tools::PeerContestants contestants(const tools::Tensors& inputs, const tools::Tensors& kernel_outputs, float eps, target::Isa isa,
                                   int threads);

}  // namespace imbrex::peers
