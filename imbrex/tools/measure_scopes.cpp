#include "imbrex/tools/measure_scopes.h"

#include <fmt/format.h>

#include <algorithm>

#include "imbrex/runtime/kernel.h"
#include "imbrex/runtime/trace.h"
#include "imbrex/tools/contest.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/subject_inputs.h"

namespace imbrex::tools {

std::map<std::string, double> measured_scopes(const Subject& subject, const std::map<std::string, int64_t>& dims, int threads,
                                              const target::Machine& machine) {
  constexpr int kRuns = 7;
  const runtime::CompiledKernel kernel = runtime::compile(
      subject.program,
      {.target = machine.target, .rates = machine.rates, .optimize = true, .prove = false, .cache = {}, .flags = {}});
  for (const Diagnostic& warning : kernel.module().warnings) fmt::print(stderr, "{}\n", render(warning));
  const Tensors inputs = made_inputs(subject, dims, 1);
  const std::vector<TensorShape> outputs = shapes_of(subject.program, dims, {ir::Role::output, ir::Role::inout});
  runtime::Executor executor(threads);
  runtime::TraceCollector collector(threads, size_t{1} << 18);
  KernelRunner runner(kernel, dims, inputs, outputs, executor, threads);
  runner.run();
  runner.call().trace(runtime::TraceCollector::record, &collector);
  std::map<std::string, double> best;
  for (int run = 0; run < kRuns; ++run) {
    collector.clear();
    runner.run();
    std::map<std::string, double> longest;
    for (int worker = 0; worker < threads; ++worker) {
      std::map<std::string, double> own;
      for (const runtime::TraceCollector::Event& event : collector.events_of(worker))
        own[event.name] += 1e-9 * static_cast<double>(event.end_ns - event.begin_ns);
      for (const auto& [name, seconds] : own) longest[name] = std::max(longest[name], seconds);
    }
    for (const auto& [name, seconds] : longest) {
      const auto [found, is_new] = best.emplace(name, seconds);
      if (!is_new) found->second = std::min(found->second, seconds);
    }
  }
  return best;
}

}  // namespace imbrex::tools
