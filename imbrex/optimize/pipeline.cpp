#include "imbrex/optimize/pipeline.h"

#include "imbrex/ir/verify.h"
#include "imbrex/optimize/forward_single_use.h"
#include "imbrex/optimize/merge_peeled_first_step.h"
#include "imbrex/optimize/unchunk_loops.h"

namespace imbrex::optimize {
namespace {

struct Pass {
  const char* name;
  ir::Program (*run)(const ir::Program&);
};

// From top to bottom; each header says why its pass stands where it stands.
constexpr Pass kPasses[] = {
    {"merge peeled first steps", merge_peeled_first_step},
    {"unchunk loops", unchunk_loops},
    {"forward tiles used once", forward_single_use},
};

}  // namespace

ir::Program as_written(const ir::Program& program, std::vector<Step>* trace, Defects* defects) {
  ir::Program current = program;
  Defects found;
  for (const Pass& pass : kPasses) {
    without_defect(pass.name, found, [&] { current = verified(pass.run(current)); });
    if (trace) trace->push_back({pass.name, current});
  }
  if (defects) defects->insert(defects->end(), found.begin(), found.end());
  return current;
}

}  // namespace imbrex::optimize
