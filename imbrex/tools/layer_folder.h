// A folder with one call of a kernel: inputs.safetensors, expected.safetensors where known, outputs.safetensors. Anybody's tool
// can make one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/tools/synthetic.h"

namespace imbrex::tools {

using Tensors = std::map<std::string, Array>;

struct FrontSizes {
  int64_t tokens = 0, hidden = 0, heads = 0, q_lora = 0;
};
// The sizes of deepseek_v4/qkv_proj_rope, from the shapes of x, wq_a and wq_b in <folder>/inputs.safetensors.
FrontSizes front_sizes_in(const std::string& folder);

// Reads these tensors from <folder>/inputs.safetensors. A tensor may come as bf16 where f32 is wanted, which is exact, and in any
// shape that differs only by splitting the last axis ([H*4, 128] for [H*512]). Errors: "tensor-missing", "tensor-mismatch" and
// those of reading a file.
Tensors read_inputs(const std::string& folder, const std::vector<TensorShape>& wanted);
// The same from <folder>/expected.safetensors, or nothing if there is no such file.
std::optional<Tensors> read_expected(const std::string& folder, const std::vector<TensorShape>& wanted);

// Makes the folder if it is not there, and writes one file of it: "inputs", "expected" or "outputs".
void write_tensors(const std::string& folder, const std::string& what, const Tensors& tensors);

}  // namespace imbrex::tools
