// What a kernel's own judge says of its outputs. Two questions, and both must be answered with yes:
// - acceptance: are the outputs close to those of a reference that sums in double?
// - stages: is every stage, on the very inputs that the kernel used there, within a worst-case bound of f32 arithmetic, with no
//   element outside? Acceptance alone passes what is wrong in few elements, such as a rotation: it allows a share of them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/kernels/compare.h"
#include "imbrex/kernels/options.h"

namespace imbrex::kernels {

struct StageResult {
  std::string stage;   // of the operator's definition
  std::string tensor;  // where its result was seen
  std::vector<int64_t> shape;
  std::vector<std::string> outputs;  // that depend on it
  Tally tally;
  bool pass() const { return tally.outside == 0; }
};

struct Judgement {
  std::vector<OutputResult> outputs;
  std::vector<StageResult> stages;        // in the order of the data flow
  std::map<std::string, Array> expected;  // what the outputs were compared with, if it was to be kept
  std::vector<std::pair<std::string, double>>
      rounding;                 // of outputs: root mean square error against unrounded mathematics, relative
  int64_t rounding_tokens = 0;  // measured on so many tokens of finite values, evenly spread

  // The first stage outside its bound that `output` depends on.
  const StageResult* first_bad_stage(const std::string& output) const;
  bool pass() const;
};

struct JudgeRequest {
  const std::map<std::string, Array>& inputs;
  const std::map<std::string, Array>& outputs;             // also those of the entry's stage tensors that are known
  const std::map<std::string, Array>* expected = nullptr;  // instead of the reference's
  Options options;
  bool keep_expected = false;
};
// `progress` is told how many tokens are done.
using JudgeOutputs = std::function<Judgement(const JudgeRequest& request, const std::function<void(int64_t tokens)>& progress)>;

}  // namespace imbrex::kernels
