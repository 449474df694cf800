// A kernel with the inputs of a layer and its outputs in this process.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/checkpoint/checkpoint.h"
#include "imbrex/mpi/part.h"
#include "imbrex/mpi/run_options.h"
#include "imbrex/runtime/executor.h"
#include "imbrex/runtime/kernel.h"
#include "imbrex/tools/packed_layer.h"

namespace imbrex::mpi {

// How kernels of a rank are made and run.
struct Processor {
  const target::Machine& machine;
  runtime::Executor& executor;
  runtime::CompiledKernel compiled(const ir::Program& program) const;  // proven; UserErrors
  double seconds_of(runtime::Call& call) const;                        // of one run, on all threads
};

class Loaded {
 public:
  // Reads and packs. `first_unit`: of the part that the subject computes (kernels::Division).
  Loaded(const tools::Subject& subject, int64_t first_unit, checkpoint::Checkpoint& model, const RunOptions& options,
         const Processor& processor, const std::string& packed_folder);

  double run() { return processor_.seconds_of(*call_); }
  // Binds all tensors of a kernel that are tensors of this one: of those that have a row for each token, rows from `rows.first` on. A
  // weight that both take packed is packed alike.
  void lend(runtime::Call& call, const ir::Program& program, const Part& rows);
  // Fills the outputs with what no run leaves there.
  void forget_outputs();

  const char* isa() const { return kernel_->table().isa; }
  int64_t packed_bytes() const;

  std::vector<tools::TensorShape> output_shapes;
  tools::Tensors outputs;
  std::map<std::string, uint64_t> digests;  // of the inputs that every rank has whole
  int64_t bytes = 0;
  double load_seconds = 0, convert_seconds = 0;
  std::string description;
  std::optional<tools::PackedLayer> packed;

 private:
  Processor processor_;
  std::optional<runtime::CompiledKernel> kernel_;
  std::unique_ptr<runtime::Call> call_;
  tools::Tensors inputs_;
};

}  // namespace imbrex::mpi
