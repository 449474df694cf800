#include "imbrex/tools/packed_layer.h"

#include <algorithm>
#include <chrono>

#include "imbrex/tools/memory_room.h"

namespace imbrex::tools {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

PackedLayer::PackedLayer(const runtime::CompiledKernel& kernel, const LayerOperands& operands, const std::string& folder,
                         const checkpoint::Checkpoint& model, runtime::Executor& executor, int threads) {
  const auto begin = std::chrono::steady_clock::now();
  const checkpoint::Workers workers = [&](const std::function<void(int, int)>& work) {
    executor.run(threads, [&](int ith, int nth, runtime::Barrier&) { work(ith, nth); });
  };
  const runtime::Call call(kernel);
  const Tensors& weights = operands.weights_by_row;
  const auto is_packed = [&](const auto& weight) { return call.packed_bytes(weight.first) > 0; };
  if (folder == kNoPackedFile || std::none_of(weights.begin(), weights.end(), is_packed)) {
    pack(call, weights, executor, threads);
    return;
  }
  file_.emplace(runtime::Cache({.directory = folder}), kernel, operands.of_layer, operands.identity);
  report_.emplace();
  report_->path = file_->path();
  if (std::optional<PackedTensors> mapped = file_->map(workers, report_->problem)) {
    tensors_ = std::move(*mapped);
    report_->is_mapped = true;
    report_->seconds = seconds_since(begin);
    return;
  }
  pack(call, weights, executor, threads);
  const auto packed_at = std::chrono::steady_clock::now();
  for (const TensorShape& shape : operands.of_layer)
    tensors_.emplace(shape.name, operands.inputs.at(shape.name).bytes);  // those not packed
  report_->why_not_kept = model.is_as_opened() ? file_->keep(tensors_, workers) : "the checkpoint was changed meanwhile";
  report_->seconds = seconds_since(packed_at);
}

// As an engine does it once: from weights by row, into memory that is there.
void PackedLayer::pack(const runtime::Call& call, const Tensors& weights_by_row, runtime::Executor& executor, int threads) {
  double seconds = 0;
  for (const auto& [name, weight] : weights_by_row) {
    const size_t bytes = call.packed_bytes(name);
    if (bytes == 0) continue;
    require_room({{"a packed weight", static_cast<int64_t>(bytes)}});
    const runtime::Buffer& memory = packed_here_.emplace_back(bytes);
    std::fill_n(static_cast<std::byte*>(memory.data()), bytes, std::byte{0});
    const auto begin = std::chrono::steady_clock::now();
    call.pack(name, runtime::TensorView::of(weight).transposed(), memory.data(), bytes, executor, threads);
    seconds += seconds_since(begin);
    tensors_.emplace(name, std::span(static_cast<const std::byte*>(memory.data()), bytes));
    packed_bytes_ += static_cast<int64_t>(bytes);
  }
  if (seconds > 0) pack_seconds_ = seconds;
}

}  // namespace imbrex::tools
