// What every check looks at: the program, its accesses, and their sets of elements. Private to prove/.
#pragma once

#include <optional>
#include <set>

#include "imbrex/prove/prove.h"
#include "imbrex/prove/relation.h"
#include "imbrex/prove/witness.h"

namespace imbrex::prove {

struct Subject {
  const ir::Program& program;
  const Accesses& accesses;
  const Relations& relations;
  std::vector<std::optional<Relation>> sets;  // by Access::order; none where undecidable
  std::set<std::string> undecided;            // tensors with such an access: the checks of whole tensors pass them over

  bool decided(const Memory& memory) const { return !undecided.count(memory.tensor->name); }
  const isl::set& may(const Access& access) const { return sets[access.order]->may; }
  const isl::set& must(const Access& access) const { return sets[access.order]->must; }
  SourceLine where(int origin) const { return program.where(origin); }
};

// What a check found, and how much it looked at.
struct Findings {
  std::vector<Diagnostic> diagnostics;
  size_t examined = 0;
};

}  // namespace imbrex::prove
