// Sizes and data to run a program with.
#pragma once

#include <optional>

#include "attack.h"

namespace imbrex::attack {

// Sizes to try, odd ones first, then 1, 2, and those around the program's tiles and limits. A dimension that no tensor's shape
// uses also takes sizes up to 2^31 - 1. None that a run would take long for.
std::vector<Dims> sizes_to_try(const ir::Program& program, size_t most, uint64_t seed);
// True if a run with these sizes is small.
bool is_small(const ir::Program& program, const Dims& dims);

// Data for the inputs and inouts. Which data a program's assumptions allow is found by trying: int32 tensors are filled in one of
// many ways, with the numbers of the program, its sizes, and `numbers` among them.
Tensors draw_data(const ir::Program& program, const Dims& dims, const std::vector<int64_t>& numbers, test::Random& random);
bool reads_integers(const ir::Program& program);

// The numbers written in a text.
std::vector<int64_t> numbers_in(const std::string& text);

}  // namespace imbrex::attack
