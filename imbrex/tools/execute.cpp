#include "imbrex/tools/execute.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "imbrex/base/error.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/interpret/iterations.h"
#include "imbrex/tools/subject.h"

namespace imbrex::tools {
namespace {

constexpr int64_t most_threads = 1024;
constexpr auto unwritten = std::byte{0xff};  // a NaN in every float type, -1 in the integers

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

bool same(const Tensors& a, const Tensors& b) {
  return std::all_of(a.begin(), a.end(), [&](const auto& entry) { return entry.second.bytes == b.at(entry.first).bytes; });
}

}  // namespace

int64_t bytes_in(const std::vector<TensorShape>& shapes) {
  int64_t bytes = 0;
  for (const TensorShape& shape : shapes) bytes += Array{shape.dtype, shape.shape, {}}.size() * bytes_of(shape.dtype);
  return bytes;
}

std::vector<MemoryNeed> needs_of_call(const runtime::CompiledKernel& kernel, const std::map<std::string, int64_t>& dims,
                                      const std::vector<TensorShape>& outputs, int copies, int threads) {
  const imbrex_kernel& table = kernel.table();
  std::vector<int64_t> values;
  for (int32_t i = 0; i < table.dim_count; ++i) values.push_back(dims.at(table.dim_names[i]));
  int64_t packed = 0;
  for (int32_t i = 0; i < table.tensor_count; ++i) packed += static_cast<int64_t>(table.tensors[i].packed_bytes);
  const size_t workspace = table.workspace_bytes(values.data(), threads);
  return {{copies == 1 ? "outputs" : fmt::format("outputs, {} times,", copies), copies * bytes_in(outputs)},
          {"packed weights", packed},
          {fmt::format("workspace for {} thread{}", threads, threads == 1 ? "" : "s"),
           workspace == IMBREX_TOO_LARGE ? IMBREX_TOO_MANY_BYTES : static_cast<int64_t>(workspace)}};
}

void bind_inputs(runtime::Call& call, const Tensors& inputs, const std::vector<TensorShape>& outputs,
                 const PackedTensors* packed) {
  for (const auto& [name, array] : inputs) {
    const auto is_this = [&name = name](const TensorShape& output) { return output.name == name; };
    if (std::any_of(outputs.begin(), outputs.end(), is_this)) continue;
    const auto found = packed == nullptr ? PackedTensors::const_iterator{} : packed->find(name);
    if (packed == nullptr || found == packed->end())
      call.bind(name, runtime::TensorView::of(array));
    else if (call.packed_bytes(name) > 0)
      call.bind_packed(name, found->second.data(), found->second.size());
    else
      call.bind(name, runtime::TensorView::of(static_cast<const void*>(found->second.data()), array.dtype, array.shape));
  }
}

HostRun run_on_host(const runtime::CompiledKernel& kernel, const std::map<std::string, int64_t>& dims, const Tensors& inputs,
                    const std::vector<TensorShape>& outputs, const HostOptions& options, runtime::Executor& executor) {
  require_room(needs_of_call(kernel, dims, outputs, 2, options.threads));
  Tensors results;
  runtime::Call call(kernel);
  bind_inputs(call, inputs, outputs, options.packed);
  for (const TensorShape& output : outputs) {
    Array& array = results.emplace(output.name, Array::zeros(output.dtype, output.shape)).first->second;
    std::fill(array.bytes.begin(), array.bytes.end(), unwritten);
    call.bind(output.name, runtime::TensorView::of(array));
  }
  for (const auto& [name, value] : dims) call.set_dim(name, value);
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
  const std::vector<TensorShape> outputs = shapes_of(program, dims, {ir::Role::output});
  int64_t elements = 0;
  for (const TensorShape& shape : outputs) elements += Array{shape.dtype, shape.shape, {}}.size();
  for (const auto& [name, array] : inputs) elements += array.size();
  const std::vector<MemoryNeed> needs = {
      {"copies of inputs", bytes_in(inputs)},
      {"outputs", bytes_in(outputs)},
      {"records of accesses", checked ? elements * static_cast<int64_t>(2 * sizeof(interpret::AccessRecord)) : 0}};
  const MemoryRoom room = memory_room();
  require_room(needs, room);
  Tensors tensors = inputs;
  const auto begin = std::chrono::steady_clock::now();
  interpret::Options options;
  options.checked = checked;
  options.most_bytes = room.left();  // of tensors that the program creates
  for (const MemoryNeed& need : needs) options.most_bytes -= need.bytes;
  interpret::run(program, dims, tensors, options);
  seconds = seconds_since(begin);
  Tensors results;
  for (const ir::Tensor& tensor : program.tensors)
    if (tensor.role != ir::Role::input) results.emplace(tensor.name, std::move(tensors.at(tensor.name)));
  return results;
}

int threads_of(int64_t wanted) {
  if (wanted < 0 || wanted > most_threads)
    throw UserError(
        "thread-count", fmt::format("{} threads; expected 1 to {}, or 0: one for each processor", wanted, most_threads),
        fmt::format("--threads {}, one for each processor of this machine", runtime::Executor::available_processors()));
  return wanted == 0 ? runtime::Executor::available_processors() : static_cast<int>(wanted);
}

}  // namespace imbrex::tools
