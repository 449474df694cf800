// Concrete points of sets, and sets in words: what the messages of the checks are made of. Private to prove/.
#pragma once

#include <isl/cpp.h>

#include <optional>

#include "imbrex/prove/access.h"

namespace imbrex::prove {

struct Witness {
  std::vector<int64_t> dims;         // by the program's dimensions
  std::vector<int64_t> coordinates;  // by the set's
};

// The point with the smallest dimensions, then the smallest coordinates. The set is not empty.
Witness smallest(const ir::Program& program, const isl::set& set);
// The point whose dimensions are nearest to their typical values (a tie goes to the larger one).
Witness nearest(const ir::Program& program, const isl::set& set);

// "T=1"; "T=1, nearest to a typical run T=129". Dimensions on which the set does not depend are left out if others remain.
std::string when_text(const ir::Program& program, const isl::set& set);
// "when T is odd", "when T mod 4 = 3", "when T >= 5", "for every T", or "" where no such phrase is exact.
std::string condition_text(const ir::Program& program, const isl::set& set);
// "h=0, t.index=2" of the first binders of the point. Integer loops show their variable, tiled ones the number of the iteration.
std::string iteration_text(const ir::Program& program, const std::vector<Binder>& binders,
                           const std::vector<int64_t>& coordinates);
// "q[3, 0]"
std::string element_text(const std::string& tensor, const std::vector<int64_t>& coordinates, size_t first);
// What part of a tensor a set of its elements is: "row T-1 of q", "columns 448..511 of q", "q[:, 3, 448..511]". Where it is no
// such box for all dimensions, an element of it, at the set's smallest point.
std::string part_text(const ir::Program& program, const isl::set& part, const isl::set& whole, const ir::Tensor& tensor);

}  // namespace imbrex::prove
