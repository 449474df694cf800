// An assumption about the elements of a tile becomes one about an index that is read from each of them. Where it is about all
// elements of an input, it is said of the indices that are read from the input, too.
//
// Requires: a verified program. Guarantees: the same assumptions, in the same order; none names a tile. Destroys: nothing. Stands
// before code generation, which sees a tile stored, and indices read and assumed about, as an author could have written; the
// prover has the assumption as its author made it.
#pragma once

#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::plan {

struct ByElement {
  ir::Program program;
  struct Assumed {
    ir::Condition condition;  // with the author's names
    int origin;
  };
  std::vector<Assumed> assumed;  // of each of its `assume`s, in order
};
ByElement assume_each_element(const ir::Program& program);

}  // namespace imbrex::plan
