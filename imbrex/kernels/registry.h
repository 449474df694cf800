// Every kernel by name, with its variants, presets and options.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/checkpoint/checkpoint.h"
#include "imbrex/checkpoint/workers.h"
#include "imbrex/inputs/synthetic.h"
#include "imbrex/ir/program.h"
#include "imbrex/kernels/judge.h"
#include "imbrex/kernels/options.h"
#include "imbrex/target/target.h"

namespace imbrex::kernels {

using Tensors = std::map<std::string, Array>;

struct Preset {
  std::string name, description;
  Options options;  // a value for every option
};

// What a run must do at least.
struct LeastWork {
  std::array<double, target::kProductCount> products{};  // multiply-adds, by target::Product
  int64_t weight_bytes = 0;                              // read once
  double multiply_adds() const;
};

// A kernel in parallel plain loops, to be faster than. Worker `ith` of `nth` does its share of a phase; a phase begins when all
// workers have ended the one before it.
struct PlainLoops {
  std::vector<std::function<void(int ith, int nth)>> phases;
};

// The tensors of a saved call, as their file has them.
class SavedTensors {
 public:
  struct Header {
    std::string dtype;  // "BF16"
    std::vector<int64_t> shape;
  };
  virtual ~SavedTensors() = default;
  virtual Header header(const std::string& name) const = 0;  // UserError "tensor-missing"
  // UserError "tensor-mismatch"
  [[noreturn]] virtual void refuse(const std::string& name, const std::string& expected, const std::string& found) const = 0;
};

// The inputs that a layer of a checkpoint gives a kernel.
struct LayerInputs {
  Tensors inputs;          // by the kernel's names, as it takes them
  Tensors weights_by_row;  // those of them that are stored [out, in], converted but not transposed: what an engine binds or packs
  std::string identity;    // equal where all other inputs are equal
  std::set<std::string> made;                    // inputs that are not the layer's
  std::string description;                       // what this layer has of its own, for a report
  int64_t bytes = 0;                             // of its tensors in the files
  double load_seconds = 0, convert_seconds = 0;  // until these bytes are in memory; and until they are what the kernel takes
};

// How a kernel's inputs come from a checkpoint. Errors are those of reading it; "option-value" for a model that it does not do.
struct FromCheckpoint {
  std::function<std::map<std::string, std::string>(checkpoint::Checkpoint& model, int64_t layer)> options;  // those it decides
  // What is not in a checkpoint, activations and positions, comes from the seed. `first`: the unit (Division) with which the
  // wanted part of a divided tensor begins; 0 where all of them are wanted.
  std::function<LayerInputs(checkpoint::Checkpoint& model, int64_t layer, int64_t first,
                            const std::vector<inputs::TensorShape>& wanted, uint64_t seed, const checkpoint::Workers& workers)>
      inputs;
};

// How processes share the work of a kernel: an option counts units, such as heads, and each process computes some of them. What a
// row has before its units, all processes need of all rows: each computes all of it, or some rows, which all then exchange.
struct Division {
  std::string option;  // "heads"
  struct Part {
    size_t axis;
    int64_t per_unit;  // elements of this axis
  };
  std::map<std::string, Part> tensors;  // of which a process has the part of its units; of all others it has all
  // The kernel in two, registered kernels with some of its options: of rows, T of them, it gives the outputs that are not divided;
  // of units, from some of these, those that are.
  std::string of_rows, of_units;
};

struct Entry {
  std::string name, description;
  std::vector<std::string> variants;  // the first is the default
  std::vector<Preset> presets;        // likewise
  std::vector<OptionInfo> options;
  // Values of all options are complete and in range.
  std::function<ir::Program(const std::string& variant, const Options& options)> program;
  // Expected outputs from inputs, computed independently of the kernel.
  std::function<Tensors(const Tensors& inputs, const Options& options)> reference;

  // From here on, what only some kernels have: the command asks, and knows no kernel by name.
  std::string usual_preset;           // where none is given on the command line; empty: the first
  bool has_batches = false;           // T counts the tokens of a batch of sequences, and has a usual value that is one
  std::vector<int64_t> bench_tokens;  // values of T that are measured where none is given
  // Inputs from a seed that test more than those that are made for any kernel.
  std::function<Tensors(const std::vector<inputs::TensorShape>& wanted, uint64_t seed)> made_inputs;
  std::vector<std::string> stage_tensors;  // temporaries that `judge` looks at where a variant has them
  JudgeOutputs judge;                      // instead of comparing each output with the reference's
  // The options that the types and shapes of a saved call decide, as texts.
  std::function<std::map<std::string, std::string>(const SavedTensors& tensors)> saved_options;
  std::optional<FromCheckpoint> from_checkpoint;
  std::optional<Division> division;
  std::function<LeastWork(const Tensors& inputs)> least_work;
  // No phases where the loops do not do these sizes. `inputs` must outlive them.
  std::function<PlainLoops(const Tensors& inputs, const Options& options)> plain_loops;
  bool has_peers = false;  // other software that does its work, in bench/peers
};

const std::vector<Entry>& registry();

// UserError "unknown-kernel", with the names there are.
const Entry& find_kernel(const std::string& name);

struct Built {
  std::string name, variant, preset;
  Options options;  // all of them
  Options changed;  // those that are not as the preset has them
  ir::Program program;
  std::function<Tensors(const Tensors& inputs)> reference;
};
// Builds a kernel. An empty variant or preset is the default one; `options` override the preset's. UserErrors "unknown-kernel",
// "unknown-variant", "unknown-preset", "unknown-option", "option-value".
Built build(const std::string& name, const std::string& variant, const std::string& preset, const Options& options);

// Options as texts, by name, each read as its type is. The same errors.
Options read_options(const std::string& name, const std::string& preset, const std::map<std::string, std::string>& texts);

}  // namespace imbrex::kernels
