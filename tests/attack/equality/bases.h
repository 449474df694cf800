// Programs to rewrite and to mutate.
#pragma once

#include "programs/writer.h"

namespace imbrex::attack {

// A kernel of a few parts, as authors write them: norms, products in chunks, quantization, rotations, softmax, heads, staging
// tensors, several outputs; rows in tiles of all kinds. Right by construction.
void write_kernel(Writer& w);

// One of: those, the programs of other generators, random programs, registered kernels.
std::string base_program(uint64_t seed);

}  // namespace imbrex::attack
