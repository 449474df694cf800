// A folder with one call of a kernel: inputs.safetensors, expected.safetensors where known, outputs.safetensors. Anybody's tool
// can make one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/inputs/synthetic.h"
#include "imbrex/kernels/registry.h"

namespace imbrex::tools {

using inputs::TensorShape;

using Tensors = std::map<std::string, Array>;

// What <folder>/inputs.safetensors says of the call: names and options are empty where another tool made it.
struct SavedCall {
  std::string kernel, preset;
  std::map<std::string, std::string> options;  // as texts
  std::map<std::string, std::vector<int64_t>> shapes;
};
SavedCall saved_call(const std::string& folder);

// The options of a kernel that the shapes and types of these tensors decide; none where its entry does not say how.
std::map<std::string, std::string> options_of_tensors(const std::string& folder, const kernels::Entry& entry);

// Reads these tensors from <folder>/inputs.safetensors; hints speak of `kernel`. Errors: "tensor-missing", "tensor-mismatch" and
// those of reading a file.
Tensors read_inputs(const std::string& folder, const std::vector<TensorShape>& wanted, const std::string& kernel);
// The same from <folder>/expected.safetensors, or nothing if there is no such file.
std::optional<Tensors> read_expected(const std::string& folder, const std::vector<TensorShape>& wanted,
                                     const std::string& kernel);

// Makes the folder if it is not there, and writes one file of it: "inputs", "expected" or "outputs".
void write_tensors(const std::string& folder, const std::string& what, const Tensors& tensors,
                   const std::map<std::string, std::string>& metadata);

}  // namespace imbrex::tools
