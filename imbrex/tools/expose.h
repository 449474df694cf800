// Makes what a kernel keeps to itself visible.
#pragma once

#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::tools {

// The same program with those of the temporary tensors `names` turned into outputs that it creates outside of every loop, of a
// shape that only dimensions decide. `exposed` says which they were. The others stay as they are.
ir::Program with_temporaries_as_outputs(ir::Program program, const std::vector<std::string>& names,
                                        std::vector<std::string>& exposed);

}  // namespace imbrex::tools
