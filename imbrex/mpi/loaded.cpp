#include "imbrex/mpi/loaded.h"

#include <algorithm>
#include <cstring>

#include "imbrex/base/digest.h"
#include "imbrex/base/error.h"
#include "imbrex/ir/index.h"
#include "imbrex/mpi/timing.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/tools/execute.h"

namespace imbrex::mpi {
namespace {

std::string layout_of(const imbrex_kernel& kernel, const std::string& tensor) {
  for (int32_t i = 0; i < kernel.tensor_count; ++i)
    if (tensor == kernel.tensors[i].name) return kernel.tensors[i].layout;
  return "";
}

}  // namespace

using tools::TensorShape;

runtime::CompiledKernel Processor::compiled(const ir::Program& program) const {
  runtime::require_accepted(program, {});
  return runtime::compile(
      program, {.target = machine.target, .rates = machine.rates, .optimize = true, .prove = false, .cache = {}, .flags = {}});
}

double Processor::seconds_of(runtime::Call& call) const {
  const auto begin = std::chrono::steady_clock::now();
  call.run(executor, executor.threads());
  return seconds_since(begin);
}

Loaded::Loaded(const tools::Subject& subject, int64_t first_unit, checkpoint::Checkpoint& model, const RunOptions& options,
               const Processor& processor, const std::string& packed_folder)
    : processor_(processor), kernel_(processor.compiled(subject.program)) {
  const auto dims = tools::dims_of(subject.program, {{"T", options.tokens}}, 0);
  runtime::Executor& executor = processor.executor;
  const auto wanted = tools::shapes_of(subject.program, dims, {ir::Role::input});
  output_shapes = tools::shapes_of(subject.program, dims, {ir::Role::output});
  tools::require_room({{"inputs, and weights before they are transposed", 2 * tools::bytes_in(wanted)}});
  const auto workers = [&](const std::function<void(int, int)>& work) {
    executor.run(executor.threads(), [&](int ith, int nth, runtime::Barrier&) { work(ith, nth); });
  };
  kernels::LayerInputs read =
      subject.entry.from_checkpoint->inputs(model, options.layer, first_unit, wanted, options.seed, workers);
  bytes = read.bytes;
  load_seconds = read.load_seconds;
  convert_seconds = read.convert_seconds;
  description = read.description;
  tools::require_room(tools::needs_of_call(*kernel_, dims, output_shapes, 1, executor.threads()));
  call_ = std::make_unique<runtime::Call>(*kernel_);
  inputs_ = std::move(read.inputs);
  for (const auto& [name, array] : inputs_)
    if (!subject.entry.division->tensors.contains(name)) digests.emplace(name, digest_of(array.bytes.data(), array.bytes.size()));
  std::vector<TensorShape> of_layer;
  for (const TensorShape& shape : wanted)
    if (!read.made.contains(shape.name)) of_layer.push_back(shape);
  packed.emplace(*kernel_, tools::LayerOperands{inputs_, read.weights_by_row, of_layer, read.identity}, packed_folder, model,
                 executor, executor.threads());
  tools::bind_inputs(*call_, inputs_, output_shapes, &packed->tensors());
  std::erase_if(inputs_, [&](const auto& input) { return call_->packed_bytes(input.first) > 0; });  // bound as they are packed
  for (const TensorShape& output : output_shapes) {
    Array& array = outputs.emplace(output.name, Array::zeros(output.dtype, output.shape)).first->second;
    call_->bind(output.name, runtime::TensorView::of(array));
  }
  for (const auto& [name, value] : dims) call_->set_dim(name, value);
}

void Loaded::lend(runtime::Call& call, const ir::Program& program, const Part& rows) {
  for (const ir::Tensor& tensor : program.tensors) {
    if (call.packed_bytes(tensor.name) > 0) {
      require(layout_of(call.table(), tensor.name) == layout_of(call_->table(), tensor.name),
              "a kernel and its parts pack weights alike");
      const std::span<const std::byte> memory = packed->tensors().at(tensor.name);
      call.bind_packed(tensor.name, memory.data(), memory.size());
      continue;
    }
    const auto output = outputs.find(tensor.name);
    Array& array = output != outputs.end() ? output->second : inputs_.at(tensor.name);
    runtime::TensorView view = runtime::TensorView::of(array);
    if (!ir::constant_value(tensor.shape.front())) {
      const int64_t row_bytes = array.shape.front() == 0 ? 0 : static_cast<int64_t>(array.bytes.size()) / array.shape.front();
      view.data = array.bytes.data() + rows.first * row_bytes;
      view.shape.front() = rows.count;
    }
    call.bind(tensor.name, view);
  }
}

void Loaded::forget_outputs() {
  for (auto& [name, array] : outputs) std::memset(array.bytes.data(), 0xff, array.bytes.size());
}

int64_t Loaded::packed_bytes() const {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : packed->tensors()) bytes += static_cast<int64_t>(call_->packed_bytes(name));
  return bytes;
}

}  // namespace imbrex::mpi
