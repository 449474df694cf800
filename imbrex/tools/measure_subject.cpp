#include "imbrex/tools/measure_subject.h"

#include <fmt/format.h>

#include "imbrex/report/measure_scopes.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/subject_inputs.h"

namespace imbrex::tools {

std::map<std::string, double> measured_scopes(const Subject& subject, const std::map<std::string, int64_t>& dims, int threads,
                                              const target::Machine& machine) {
  const runtime::CompiledKernel kernel = runtime::compile(
      subject.program,
      {.target = machine.target, .rates = machine.rates, .optimize = true, .prove = false, .cache = {}, .flags = {}});
  for (const Diagnostic& warning : kernel.module().warnings) fmt::print(stderr, "{}\n", render(warning));
  Tensors arrays = made_inputs(subject, dims, 1);
  const std::vector<TensorShape> outputs = shapes_of(subject.program, dims, {ir::Role::output});
  require_room(needs_of_call(kernel, dims, outputs, 1, threads));
  for (const TensorShape& output : outputs) arrays.emplace(output.name, Array::zeros(output.dtype, output.shape));
  runtime::Executor executor(threads);
  return report::measured_scopes(kernel, dims, arrays, executor, threads);
}

}  // namespace imbrex::tools
