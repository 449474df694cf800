#include "imbrex/prove/shown.h"

#include <algorithm>

#include "imbrex/ir/place.h"

namespace imbrex::prove {
namespace {

// Something is assumed inside a loop or branch: it says nothing behind that block, and may yet end a run before it comes there.
bool assumes_in_blocks(const ir::Program& program) {
  bool found = false;
  ir::for_each_place(program, [&](const ir::Statement& statement, const ir::Place& place) {
    if (!std::holds_alternative<ir::Assume>(statement.node) && !std::holds_alternative<ir::AssumeElements>(statement.node))
      return;
    found = found || std::any_of(place.binders.begin(), place.binders.end(), [](const Binder& b) { return b.loop != nullptr; }) ||
            std::any_of(place.guards.begin(), place.guards.end(), [](const ir::Guard& g) { return !g.assumed; });
  });
  return found;
}

// What no data and no run has shown.
Diagnostic not_decided(const Subject& subject, const Suspected& suspected, const std::string& reason) {
  return {"undecidable",
          subject.where(suspected.involved.front()->origin),
          suspected.question + " cannot be decided: " + reason,
          suspected.diagnostic.hint,
          {},
          false};
}

}  // namespace

Diagnostic shown(const Subject& subject, const Suspected& suspected) {
  const auto& involved = suspected.involved;
  const bool of_data = std::any_of(involved.begin(), involved.end(),
                                   [&](const Access* access) { return has_part_of_data(subject.program, *access); });
  if (!of_data && !assumes_in_blocks(subject.program)) return suspected.diagnostic;
  const auto met = subject.confirmer.counterexample(suspected.suspicion, suspected.diagnostic.hint);
  if (met && !of_data && met->at_suspected_dims) return suspected.diagnostic;
  if (met) return met->diagnostic;
  if (of_data)
    return not_decided(subject, suspected,
                       "the data decides it, what is assumed of the data does not show it, and no data was found that breaks it");
  return not_decided(subject, suspected,
                     "an assumption in a loop or branch may end the run first, and no run was found that comes there");
}

}  // namespace imbrex::prove
