// What every check looks at: the program, its accesses, and their sets of elements, with the functions that compare these sets.
// Private to prove/.
#pragma once

#include <optional>
#include <set>

#include "imbrex/prove/certain.h"
#include "imbrex/prove/confirm.h"
#include "imbrex/prove/coordinates.h"
#include "imbrex/prove/data_dependence.h"
#include "imbrex/prove/program_order.h"
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
  // What these accesses, of which there is at least one, touch whatever the data is (certain.h).
  isl::set certain(const std::vector<const Access*>& touching, size_t prefix) const {
    std::vector<Touching> each;
    for (const Access* access : touching) each.push_back({access, &may(*access)});
    return certainly_touched(relations, each, prefix);
  }
  SourceLine where(int origin) const { return program.where(origin); }
  // The value of an expression at a point of [binders]; none beyond 64 bits.
  std::optional<int64_t> value_at(const std::vector<Binder>& binders, const ir::IndexExpr& e, const Witness& at) const {
    return ir::checked_evaluate(resolve(e, accesses.loops), [&](const ir::Index& leaf) -> int64_t {
      for (size_t i = 0; i < binders.size(); ++i)
        if (binders[i].name == leaf.name) return at.coordinates.at(i);
      for (size_t i = 0; i < program.dims.size(); ++i)
        if (program.dims[i].name == leaf.name) return at.dims[i];
      throw InternalError("an index names a dimension, a loop or an index read");
    });
  }
};

// What a diagnostic says, as sets.
struct Fault {
  size_t diagnostic = 0;                  // that says it, among those beside it
  const Memory* memory;                   // of the elements
  std::vector<const Access*> executions;  // that have it; none: it is of the tensor
  // Over [binders of each, elements]; without elements where they are outside of their tensor.
  isl::set where;
  std::optional<size_t> outside_on = {};  // this axis
};

// What a check found, and how much it looked at.
struct Findings {
  std::vector<Diagnostic> diagnostics;
  size_t examined = 0;
  std::vector<Fault> faults = {};

  // `told` is what is said of the fault: the sets' own words, or what the interpreter met in place of them.
  void add(Diagnostic told, const Diagnostic& of_sets, Fault fault) {
    fault.diagnostic = diagnostics.size();
    if (told.id == of_sets.id && told.message == of_sets.message) faults.push_back(std::move(fault));
    diagnostics.push_back(std::move(told));
  }
};

}  // namespace imbrex::prove
