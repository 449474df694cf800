// The way a kernel is lowered as its author wrote it: tile program in, tile program out. Nothing here chooses; each step only
// recognises what loops and names stand for, so that code generation sees whole operations.
#pragma once

#include <string>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/optimize/defects.h"

namespace imbrex::optimize {

// A program as one pass left it; `name` is the phrase that `imbrex show` prints.
struct Step {
  std::string name;
  ir::Program program;
};

// Requires: a verified program. Guarantees: a verified program of the same meaning, bit for bit: a pass that fails is left out,
// and added to `defects`. Each step is added to `trace`.
ir::Program as_written(const ir::Program& program, std::vector<Step>* trace = nullptr, Defects* defects = nullptr);

}  // namespace imbrex::optimize
