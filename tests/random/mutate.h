// Breaks a program in one place, in each of the ways in which authors do: a store or a guard dropped, an offset shifted, a stride
// changed, a scratch tensor created too early, a loop that ends too soon, two statements exchanged, a claim of `parallel` that
// was not made. Some of the results are harmless.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"

namespace imbrex::test {

struct Mutant {
  std::string what;     // "a store dropped"
  ir::Program program;  // parsed from its own text, so that lines are those of that text; verified
  std::string text;
};

// Up to `most` different mutants that verify, drawn by the seed.
std::vector<Mutant> mutants_of(const ir::Program& program, size_t most, uint64_t seed);

}  // namespace imbrex::test
