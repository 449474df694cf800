#include "imbrex/report/measure_scopes.h"

#include <algorithm>

#include "imbrex/runtime/trace.h"

namespace imbrex::report {
namespace {

constexpr int kRuns = 7;
constexpr size_t kMostEvents = size_t{1} << 18;  // of a worker in one run

// What each scope took of the worker that it kept busy longest.
std::map<std::string, double> longest_of(const runtime::TraceCollector& collector, int threads) {
  std::map<std::string, double> longest;
  for (int worker = 0; worker < threads; ++worker) {
    std::map<std::string, double> own;
    for (const runtime::TraceCollector::Event& event : collector.events_of(worker))
      own[event.name] += 1e-9 * static_cast<double>(event.end_ns - event.begin_ns);
    for (const auto& [name, seconds] : own) longest[name] = std::max(longest[name], seconds);
  }
  return longest;
}

}  // namespace

std::map<std::string, double> measured_scopes(const runtime::CompiledKernel& kernel, const std::map<std::string, int64_t>& dims,
                                              std::map<std::string, Array>& arrays, runtime::Executor& executor, int threads) {
  // What a run reads and writes begins each run with the same values.
  std::map<std::string, Array> at_first;
  runtime::Call call(kernel);
  for (auto& [name, array] : arrays) call.bind(name, runtime::TensorView::of(array));
  for (const auto& [name, value] : dims) call.set_dim(name, value);
  for (int32_t i = 0; i < kernel.table().tensor_count; ++i)
    if (const imbrex_tensor_info& tensor = kernel.table().tensors[i]; tensor.role == IMBREX_INOUT)
      at_first.emplace(tensor.name, arrays.at(tensor.name));
  runtime::TraceCollector collector(threads, kMostEvents);
  std::map<std::string, double> best;
  for (int run = 0; run <= kRuns; ++run) {
    for (const auto& [name, array] : at_first) arrays.at(name).bytes = array.bytes;
    collector.clear();
    call.run(executor, threads);
    if (run == 0) {  // memory is touched for the first time
      call.trace(runtime::TraceCollector::record, &collector);
      continue;
    }
    for (const auto& [name, seconds] : longest_of(collector, threads)) {
      const auto [found, is_new] = best.emplace(name, seconds);
      if (!is_new) found->second = std::min(found->second, seconds);
    }
  }
  return best;
}

}  // namespace imbrex::report
