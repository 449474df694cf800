// One program, judged in this process up to the code that is generated for it, and then as it runs.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "attack.h"
#include "imbrex/runtime/abi.h"

namespace imbrex::attack {

struct Run {
  Dims dims;
  Tensors inputs, expected;
};

struct Judged {
  std::optional<Failure> failure;
  Counts counts;                     // of this program
  std::vector<Run> runs;             // what the interpreter gave
  std::vector<Run> not_allowed;      // what breaks an assumption
  std::vector<ir::Program> kernels;  // what is to be compiled: optimized, and as written where that is something else
};

// `name` becomes the kernel's, before its own name.
Judged judge(const Case& of, const std::string& name, const std::function<void(Phase)>& enter);
std::optional<Failure> judge_kernel(const ir::Program& program, const imbrex_kernel* kernel, const Judged& judged);

}  // namespace imbrex::attack
