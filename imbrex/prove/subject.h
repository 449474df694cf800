// What every check looks at: the program, its accesses, and their sets of elements. Private to prove/.
#pragma once

#include <optional>
#include <set>

#include "imbrex/prove/confirm.h"
#include "imbrex/prove/prove.h"
#include "imbrex/prove/relation.h"
#include "imbrex/prove/witness.h"

namespace imbrex::prove {

struct Subject {
  const ir::Program& program;
  const Accesses& accesses;
  const Relations& relations;
  const Confirmer& confirmer;
  std::vector<std::optional<isl::set>> sets;  // by Access::order; none where undecidable
  std::set<std::string> undecided;            // tensors with such an access: the checks of whole tensors pass them over

  bool decided(const Memory& memory) const { return !undecided.count(memory.tensor->name); }
  // What it touches, for some value of the indices read from data.
  const isl::set& may(const Access& access) const { return *sets[access.order]; }
  // Relations::certain of these accesses, of which there is at least one.
  isl::set certain(const std::vector<const Access*>& touching, size_t prefix) const {
    std::vector<Relations::Touching> each;
    for (const Access* access : touching) each.push_back({access, &may(*access)});
    return relations.certain(each, prefix);
  }
  SourceLine where(int origin) const { return program.where(origin); }
};

// What a check found, and how much it looked at.
struct Findings {
  std::vector<Diagnostic> diagnostics;
  size_t examined = 0;
};

}  // namespace imbrex::prove
