// What a kernel assumes, and checks when it runs, in its author's words.
#pragma once

#include <string>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/ir/program.h"

namespace imbrex::runtime {

struct Assumption {
  std::string text;               // what is assumed, as in "kernel `k` assumes ..."
  std::vector<SourceLine> where;  // the author's lines that say so; none of what is checked of every access
};

// As generated code numbers them: imbrex_call::failed_assumption is 1 + the index here. Each `assume` in the order of the text, then
// all that data decides, then the layout that views need.
std::vector<Assumption> assumptions_of(const ir::Program& program);

}  // namespace imbrex::runtime
