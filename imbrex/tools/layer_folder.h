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

// How the tensors of <folder>/inputs.safetensors want deepseek_v4/qkv_proj_rope to be built.
struct FrontLayer {
  int64_t tokens = 0;
  std::map<std::string, std::string> options;  // as texts; all if a run saved the folder, else those that shapes and types decide
  std::string preset;                          // of the kernel that the folder was saved from; empty if another tool made it
};
FrontLayer front_layer_in(const std::string& folder);

// Reads these tensors from <folder>/inputs.safetensors. Errors: "tensor-missing", "tensor-mismatch" and those of reading a file.
Tensors read_inputs(const std::string& folder, const std::vector<TensorShape>& wanted);
// The same from <folder>/expected.safetensors, or nothing if there is no such file.
std::optional<Tensors> read_expected(const std::string& folder, const std::vector<TensorShape>& wanted);

// Makes the folder if it is not there, and writes one file of it: "inputs", "expected" or "outputs".
void write_tensors(const std::string& folder, const std::string& what, const Tensors& tensors,
                   const std::map<std::string, std::string>& metadata);

}  // namespace imbrex::tools
