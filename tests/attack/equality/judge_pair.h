// A base and what was made of it: what the interpreter shows, and what is said of the two.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "imbrex/equal/equal.h"
#include "programs/attack.h"

namespace imbrex::attack {

struct Pair {
  uint64_t seed = 0;
  std::string how;  // the steps of a rewrite, the edit of a mutant
  ir::Program a, b;
};

// Where the interpreter gives different results, at some odd sizes and for hostile data; none where it does not.
std::optional<std::string> seen_difference(const Pair& pair, size_t runs);

struct Said {
  equal::Verdict verdict = equal::Verdict::not_decided;
  std::string reason;  // of what is not decided, without the names and numbers of the program
  std::string text;    // the whole answer
  std::string wrong;   // a witness that is none, an exception
};
// Both are proven.
Said said_of(const Pair& pair);

bool is_proven(const ir::Program& program);

}  // namespace imbrex::attack
