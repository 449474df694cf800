// Runs a program once or many times, on this machine or in the interpreter.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "imbrex/ir/program.h"
#include "imbrex/runtime/kernel.h"
#include "imbrex/tools/layer_folder.h"
#include "imbrex/tools/memory_room.h"

namespace imbrex::tools {

// Inputs that need not be packed again, by name: those that a kernel wants packed are so, others as it takes them.
using PackedTensors = std::map<std::string, std::span<const std::byte>>;

struct HostOptions {
  int threads = 1;
  int warm_up = 1, repeat = 1;  // runs before those that are timed, and those
  const PackedTensors* packed = nullptr;
};

struct HostRun {
  Tensors outputs;              // of the first run
  bool same_bits = true;        // of all runs
  std::vector<double> seconds;  // of each timed run
};

// Binds the inputs, runs, and times. Outputs are filled with NaN patterns before the first run and the workspace before that one,
// so that what was not written shows. `outputs` gives their shapes. UserError "out-of-memory" before any of it is taken.
HostRun run_on_host(const runtime::CompiledKernel& kernel, const std::map<std::string, int64_t>& dims, const Tensors& inputs,
                    const std::vector<TensorShape>& outputs, const HostOptions& options, runtime::Executor& executor);

// Binds all inputs but those that are outputs, too, in the form of `packed` where they are there. They must outlive the call.
void bind_inputs(runtime::Call& call, const Tensors& inputs, const std::vector<TensorShape>& outputs,
                 const PackedTensors* packed);

// What a call takes beside its inputs: `copies` of the outputs, packed weights, workspace.
std::vector<MemoryNeed> needs_of_call(const runtime::CompiledKernel& kernel, const std::map<std::string, int64_t>& dims,
                                      const std::vector<TensorShape>& outputs, int copies, int threads);
int64_t bytes_in(const std::vector<TensorShape>& shapes);

// The outputs, and the seconds that it took. `checked`: in the checked mode of the interpreter. UserError "out-of-memory".
Tensors run_in_interpreter(const ir::Program& program, const std::map<std::string, int64_t>& dims, const Tensors& inputs,
                           bool checked, double& seconds);

// The threads to use: `wanted`, or all processors for 0. UserError "thread-count" below 0 or above 1024.
int threads_of(int64_t wanted);

}  // namespace imbrex::tools
