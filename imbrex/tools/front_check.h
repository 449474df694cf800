// Judges what a kernel made of deepseek_v4/qkv_proj_rope. Two questions, and both must be answered with yes:
// - acceptance: are the outputs close to those of a reference that sums in double? q and kv within 1e-4 + |e| / 128 for all but
//   0.5 % of elements, qr within 1 everywhere, qr_scale within 2.5e-5 + 0.5 % for all but 0.5 %.
// - stages: is every stage, on the very inputs that the kernel used there, within a worst-case bound of f32 arithmetic, with no
//   element outside? Acceptance alone would pass a wrong rotation in every head: it is less than 0.5 % of q.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/tools/compare.h"

namespace imbrex::tools {

struct StageResult {
  std::string stage;   // of the operator's definition: "attn_norm", "qr_rms", "qr_quant", "q_heads", "kv"
  std::string tensor;  // where its result was seen
  std::vector<int64_t> shape;
  Tally tally;
  bool pass() const { return tally.outside == 0; }
};

struct FrontReport {
  std::vector<OutputResult> outputs;             // q, kv, qr, qr_scale
  std::vector<StageResult> stages;               // in the order of the data flow
  std::map<std::string, Array> expected;         // what the outputs were compared with, if it was to be kept
  double unquantized_q = 0, unquantized_kv = 0;  // root mean square error against unquantized mathematics, relative
  int64_t unquantized_tokens = 0;                // measured on so many tokens of finite values, evenly spread

  // The first stage outside its bound that `output` depends on.
  const StageResult* first_bad_stage(const std::string& output) const;
  bool pass() const;
};

struct FrontCheck {
  const std::map<std::string, Array>& inputs;
  const std::map<std::string, Array>& outputs;  // also what the kernel stored in token_x_bf16 and qr_bf16, where it is known
  const std::map<std::string, Array>* expected = nullptr;  // instead of the reference's
  double eps = 0;
  bool keep_expected = false;
};

// Works on 256 tokens at a time; `progress` is told how many are done.
FrontReport check_front(const FrontCheck& check, const std::function<void(int64_t tokens)>& progress);

}  // namespace imbrex::tools
