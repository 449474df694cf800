// Seeded inputs for kernels: hostile ones, so that a kernel that drops a factor, a sign or a row cannot pass by luck.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"

namespace imbrex::inputs {

// What is to be made.
struct TensorShape {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
};

// A layer of deepseek_v4/qkv_proj_rope for its inputs by name (x, norm_w, wq_a, ...): gammas of either sign and sizes a factor of
// 16 apart, int8 weights over all of -128 to 127 with whole columns at -128, tokens of sizes a factor of 64 apart, one zero row
// (token 1), outlier channels, rope tables of scattered positions whose unused columns hold nonsense. Token t is the same in
// every batch.
std::map<std::string, Array> synthetic_layer(const std::vector<TensorShape>& inputs, uint64_t seed);

// Inputs of any other kernel: f32, bf16 and f16 around zero with row sizes that differ, int8 and uint8 over their whole range,
// int32 from 0 to below the smallest extent of any input, so that they can be indices.
std::map<std::string, Array> synthetic_inputs(const std::vector<TensorShape>& inputs, uint64_t seed);

}  // namespace imbrex::inputs
