// What a kernel computes: its outputs as terms, with the parts that keep their author's loops as functions of what they read.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "imbrex/optimize/dissolve.h"
#include "imbrex/optimize/exclusions.h"

namespace imbrex::equal {

struct Meaning {
  ir::Program program;  // that was dissolved; terms and definitions have their origins here
  optimize::Dissolved dissolved;
  std::vector<optimize::Exclusion> kept;
};

struct NoMeaning {
  SourceLine where;
  std::string reason;
};

// Requires a verified, proven program. `terms`: of the other kernel.
std::variant<Meaning, NoMeaning> meaning_of(const ir::Program& program, optimize::Terms terms = {});

}  // namespace imbrex::equal
