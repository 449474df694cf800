// Kernels whose outputs are put together from parts: beside and below each other, divided along both axes at different places,
// repeated.
#pragma once

#include "programs/writer.h"

namespace imbrex::attack {

void write_parts(Writer& w);

}  // namespace imbrex::attack
