#include "imbrex/tools/execute.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "imbrex/base/error.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/tools/memory_limit.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

constexpr int64_t most_threads = 1024;
constexpr auto unwritten = std::byte{0xff};  // a NaN in every float type, -1 in the integers

int64_t bytes_in(const Tensors& tensors) {
  int64_t bytes = 0;
  for (const auto& [name, array] : tensors) bytes += static_cast<int64_t>(array.bytes.size());
  return bytes;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

bool same(const Tensors& a, const Tensors& b) {
  return std::all_of(a.begin(), a.end(), [&](const auto& entry) { return entry.second.bytes == b.at(entry.first).bytes; });
}

}  // namespace

void require_memory(runtime::Call& call, int threads, const Tensors& inputs, const Tensors& outputs) {
  const auto workspace = static_cast<int64_t>(call.workspace_bytes(threads));
  const int64_t left = memory_limit() - bytes_in(inputs) - bytes_in(outputs);
  if (workspace >= left)
    throw UserError("out-of-memory",
                    fmt::format("the workspace takes {} MiB on {} threads, and beside the tensors this process may use {} MiB",
                                workspace >> 20, threads, left >> 20),
                    threads > 1 ? "smaller dimensions, or fewer --threads" : "smaller dimensions");
}

HostRun run_on_host(const runtime::CompiledKernel& kernel, const std::map<std::string, int64_t>& dims, const Tensors& inputs,
                    const std::vector<TensorShape>& outputs, const HostOptions& options, runtime::Executor& executor) {
  Tensors results;
  runtime::Call call(kernel);
  for (const auto& input : inputs)
    if (std::none_of(outputs.begin(), outputs.end(), [&](const TensorShape& out) { return out.name == input.first; }))
      call.bind(input.first, runtime::TensorView::of(input.second));
  for (const TensorShape& output : outputs) {
    Array& array = results.emplace(output.name, Array::zeros(output.dtype, output.shape)).first->second;
    std::fill(array.bytes.begin(), array.bytes.end(), unwritten);
    call.bind(output.name, runtime::TensorView::of(array));
  }
  for (const auto& [name, value] : dims) call.set_dim(name, value);
  require_memory(call, options.threads, inputs, results);
  // A tensor that is read and written starts from its input in every run.
  const auto restore = [&] {
    for (const TensorShape& output : outputs)
      if (const auto given = inputs.find(output.name); given != inputs.end()) results.at(output.name).bytes = given->second.bytes;
  };

  HostRun run;
  restore();
  call.poison_workspace(true).run(executor, options.threads);
  run.outputs = results;
  call.poison_workspace(false);
  for (int i = 1 - options.warm_up; i <= options.repeat; ++i) {
    restore();
    const auto begin = std::chrono::steady_clock::now();
    call.run(executor, options.threads);
    if (i > 0) run.seconds.push_back(seconds_since(begin));
  }
  run.same_bits = same(results, run.outputs);
  return run;
}

Tensors run_in_interpreter(const ir::Program& program, const std::map<std::string, int64_t>& dims, const Tensors& inputs,
                           bool checked, double& seconds) {
  Tensors tensors = inputs;
  const auto begin = std::chrono::steady_clock::now();
  interpret::Options options;
  options.checked = checked;
  options.most_bytes = memory_limit() - 2 * bytes_in(inputs);
  interpret::run(program, dims, tensors, options);
  seconds = seconds_since(begin);
  Tensors outputs;
  for (const ir::Tensor& tensor : program.tensors)
    if (tensor.role != ir::Role::input) outputs.emplace(tensor.name, std::move(tensors.at(tensor.name)));
  return outputs;
}

int threads_of(int64_t wanted) {
  if (wanted < 0 || wanted > most_threads)
    throw UserError(
        "thread-count", fmt::format("{} threads; expected 1 to {}, or 0: one for each processor", wanted, most_threads),
        fmt::format("--threads {}, one for each processor of this machine", runtime::Executor::available_processors()));
  return wanted == 0 ? runtime::Executor::available_processors() : static_cast<int>(wanted);
}

}  // namespace imbrex::tools
