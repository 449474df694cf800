// Runs a registered kernel in the interpreter on hostile inputs.
#pragma once

#include "imbrex/inputs/synthetic.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/tools/subject.h"

namespace imbrex::test {

inline kernels::Tensors inputs_of(const ir::Program& program, int64_t T, uint64_t seed, bool is_front) {
  const auto shapes = tools::shapes_of(program, {{"T", T}}, {ir::Role::input});
  return is_front ? kernels::find_kernel("deepseek_v4/qkv_proj_rope").made_inputs(shapes, seed)
                  : inputs::synthetic_inputs(shapes, seed);
}

// The inputs together with what the kernel makes of them.
inline kernels::Tensors interpreted(const ir::Program& program, int64_t T, kernels::Tensors tensors, bool checked = false) {
  interpret::Options options;
  options.checked = checked;
  interpret::run(program, {{"T", T}}, tensors, options);
  return tensors;
}

}  // namespace imbrex::test
