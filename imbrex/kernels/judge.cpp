#include "imbrex/kernels/judge.h"

#include <algorithm>

namespace imbrex::kernels {

const StageResult* Judgement::first_bad_stage(const std::string& output) const {
  for (const StageResult& stage : stages)
    if (!stage.pass() && std::find(stage.outputs.begin(), stage.outputs.end(), output) != stage.outputs.end()) return &stage;
  return nullptr;
}

bool Judgement::pass() const {
  return std::all_of(outputs.begin(), outputs.end(), [](const OutputResult& o) { return o.pass(); }) &&
         std::all_of(stages.begin(), stages.end(), [](const StageResult& s) { return s.pass(); });
}

}  // namespace imbrex::kernels
