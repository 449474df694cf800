// Compares outputs that fall into parts of their own in each kernel.
#pragma once

#include <string>
#include <vector>

#include "imbrex/equal/meaning.h"

namespace imbrex::equal {

// Two terms for the same elements of an output, which are not the same term.
struct Unequal {
  std::string output;
  optimize::TermId a = optimize::kNoTerm, b = optimize::kNoTerm;  // over the same coordinates; none where none is known
};

// Makes terms over common coordinates in `terms`, which have both kernels' terms. `assumed` holds of the dimensions.
std::vector<Unequal> unequal_parts(optimize::Terms& terms, const std::vector<ir::Dim>& dims, const ir::Condition& assumed,
                                   const std::vector<optimize::Output>& a, const std::vector<optimize::Output>& b);

// Whether the parts of an output leave none of its elements out. False where that is not shown.
bool is_whole(optimize::Terms& terms, const std::vector<ir::Dim>& dims, const ir::Condition& assumed, const ir::Tensor& tensor,
              const optimize::Output& output);

}  // namespace imbrex::equal
