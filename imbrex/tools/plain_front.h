// deepseek_v4/qkv_proj_rope as one writes it in an afternoon: parallel plain loops, left to the compiler at -O3. The baseline of
// `imbrex bench`, no more; its sums are in f32 and in no particular order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/runtime/executor.h"

namespace imbrex::tools {

// `inputs` must outlive it. wq_b is transposed to [out, in] once, so that every output is one dot product of contiguous rows.
class PlainFront {
 public:
  explicit PlainFront(const std::map<std::string, Array>& inputs, float eps);
  // Writes q, kv, qr and qr_scale into arrays of this object. Seconds.
  double run(runtime::Executor& executor, int threads);
  const std::map<std::string, Array>& outputs() const { return outputs_; }

 private:
  void normalize(int64_t begin, int64_t end);
  void project(int ith, int nth);
  void finish_latents(int64_t begin, int64_t end);
  void query_head(int64_t head);

  const std::map<std::string, Array>& inputs_;
  float eps_;
  int64_t tokens_, hidden_, q_lora_, columns_;
  std::vector<int8_t> wq_b_;
  std::vector<float> norm_w_, normed_, latent_;
  std::map<std::string, Array> outputs_;
};

}  // namespace imbrex::tools
