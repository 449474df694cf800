// What `imbrex run` found out, as a screen and as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imbrex/equal/equal.h"
#include "imbrex/kernels/judge.h"
#include "imbrex/optimize/defects.h"
#include "imbrex/report/temporaries.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/tools/contest.h"
#include "imbrex/tools/packed_layer.h"

namespace imbrex::tools {

using kernels::OutputResult;

// What the optimizer made of a kernel.
struct Fusion {
  int scopes_before = 0, scopes_after = 0;
  report::Temporaries tensors;  // at this run's dimensions
  runtime::Proof proof;         // of the optimized program
  equal::Result equality;       // of the author's program and the optimized one
  double equality_seconds = 0;
};

// Where the weights of a run came from.
struct CheckpointReport {
  std::string folder, description;  // of the layer
  int64_t layer = 0, bytes = 0, packed_bytes = 0;
  double load_seconds = 0, convert_seconds = 0;
  std::optional<double>
      pack_seconds;  // of weights that are converted and stay by row; none in the interpreter, nor where they were mapped
  std::optional<PackedFileReport> file;
};

struct RunReport {
  std::string kernel, variant, preset, backend, isa, isa_description, machine;
  kernels::Options options, changed;  // all, and those that are not the preset's
  std::map<std::string, int64_t> dims;
  int64_t batch = 0, sequence = 0;  // 0: given as tokens, or the kernel has none
  int threads = 1;
  uint64_t seed = 0;
  std::optional<CheckpointReport> checkpoint;
  bool checked = false;       // the interpreter watched every access
  std::string compared_with;  // "the reference", "the interpreter", "expected.safetensors"
  std::vector<OutputResult> outputs;
  std::optional<kernels::Judgement> judgement;  // of a kernel with a judge of its own; its outputs are those above
  std::string bits;                             // what the outputs' bits were found equal to; empty: nothing
  std::string bits_differ;                      // what they were not equal to; empty: all were
  std::optional<runtime::Proof> proof;          // none: it was not asked for
  std::string proven_sizes;                     // "every T >= 1"
  std::optional<Fusion> fusion;                 // of a kernel that ran optimized
  std::string unfused_because;                  // otherwise, where the optimizer was asked
  optimize::Defects defects;                    // of the optimizer
  std::optional<double> compile_cold_seconds, compile_cached_seconds;
  std::vector<double> seconds;       // of each timed run
  Limit limit;                       // likewise
  double bytes = 0, operations = 0;  // of one run; operations 0: not counted
  bool pass() const;
};

void print_screen(const RunReport& report, bool verbose);
std::string json_of(const RunReport& report);

double median(std::vector<double> values);

}  // namespace imbrex::tools
