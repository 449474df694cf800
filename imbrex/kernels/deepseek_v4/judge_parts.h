// What the judges of the front share. Private to kernels/.
#pragma once

#include "imbrex/kernels/reference/qkv_proj_rope.h"
#include "imbrex/kernels/registry.h"

namespace imbrex::kernels::deepseek_v4 {

// q and kv within 1e-4 + |e| / 128 for all but 0.5 % of elements, qr within 1 everywhere, qr_scale within 2.5e-5 + 0.5 % for all but
// 0.5 %. A wrong rotation in every head would pass it: that is less than 0.5 % of q.
struct Acceptance {
  const char* output;
  double absolute, relative, allowed_share;
};
inline constexpr Acceptance acceptances[] = {
    {"q", 1e-4, 1.0 / 128, 0.005},
    {"kv", 1e-4, 1.0 / 128, 0.005},
    {"qr", 1, 0, 0},
    {"qr_scale", 2.5e-5, 5e-3, 0.005},
};

// A judge works on so many tokens at a time.
inline constexpr int64_t tokens_at_a_time = 256;

bool is_per_token(const std::string& tensor);
Array rows_of(const Array& array, int64_t begin, int64_t count);
// Those tensors that have a row for each token, at tokens [begin, begin + count).
Tensors slice(const Tensors& tensors, int64_t begin, int64_t count);

// A result without an element, and the elements of the tokens from first_token on, `a` against expected `e`.
OutputResult started(const Acceptance& rule, const Array& output);
void compare(const Acceptance& rule, const Array& a, const Array& e, int64_t first_token, OutputResult& result);

// The rows of `tensor` in `actual`, those of the tokens from first_token on, each element within its bound of `e`; `outputs` depend
// on them.
void compare_stage(Judgement& report, const std::string& stage, const std::string& tensor, const Tensors& actual,
                   const reference::Estimate& e, const std::vector<int64_t>& whole_shape, int64_t first_token,
                   const std::vector<std::string>& outputs);

}  // namespace imbrex::kernels::deepseek_v4
