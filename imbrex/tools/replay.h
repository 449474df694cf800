// A run on saved inputs: which kernel of which sizes they are for.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "imbrex/tools/subject.h"

namespace imbrex::tools {

struct Replay {
  Subject subject;
  std::map<std::string, int64_t> dims;
};

// The kernel of `options` for the tensors in <folder>/inputs.safetensors. Options of a registered kernel that are not given are
// as they were saved (or as the tensors' shapes and types say, where the kernel's entry reads these), dimensions as the shapes say. `given`
// are dimensions from the command line, which decide what no shape decides and must agree with the others. UserErrors:
// "dimension-value", "tensor-missing", "tensor-mismatch", and those of building a kernel and of reading a file.
Replay replay_of(SubjectOptions options, const std::string& folder, const std::map<std::string, int64_t>& given);

}  // namespace imbrex::tools
