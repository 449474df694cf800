// The entries of the registry, by family. Private to kernels/.
#pragma once

#include "imbrex/kernels/registry.h"

namespace imbrex::kernels {

Entry qkv_proj_rope_entry();
std::vector<Entry> nn_entries();

}  // namespace imbrex::kernels
