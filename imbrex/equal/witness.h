// Searches dimensions and inputs on which the interpreter gives different results for two kernels.
#pragma once

#include <cstdint>
#include <optional>

#include "imbrex/base/array.h"
#include "imbrex/equal/equal.h"

namespace imbrex::equal {

struct Search {
  std::optional<Witness> found;
  std::optional<Witness> by_order;  // results differ, and sums were rounded: another order of additions may be why
  int64_t runs = 0;                 // of both kernels, on the same inputs, without a fault
};

// Two proven programs with one interface. Inputs are such that what both assume holds. With `whatever_the_order`, a difference is
// `found` only where no sum was rounded in either run: then each is the exact sum of its terms, in any order.
Search search_witness(const ir::Program& a, const ir::Program& b, int64_t most_work, bool whatever_the_order = false);

// The inputs of a search's run: those of inputs::made_inputs() by this seed, with floats that seeds change.
std::map<std::string, Array> inputs_of_run(const ir::Program& program, const std::map<std::string, int64_t>& dims, uint64_t seed);

}  // namespace imbrex::equal
