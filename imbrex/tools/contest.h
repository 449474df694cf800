// Things that do the same work, timed in interleaved rounds, so that all of them see the same neighbours and clocks: a machine
// that is shared changes by a fifth within minutes, and only ratios inside one contest mean anything.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"
#include "imbrex/inputs/synthetic.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/runtime/buffer.h"
#include "imbrex/runtime/executor.h"
#include "imbrex/runtime/kernel.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/probes.h"

namespace imbrex::tools {

struct Contestant {
  std::string name;
  std::function<double()> run;  // seconds
  std::string what = "";        // of a probe: what it runs
  bool hot = true, cold = true;
  bool warms_up = true;  // it runs for a while before it is timed
  std::vector<double> hot_seconds = {}, cold_seconds = {};
};

class Contest {
 public:
  Contest(runtime::Executor& executor, int threads) : executor_(executor), threads_(threads) {}

  // What its function refers to must outlive the contest.
  void add(Contestant contestant) { contestants_.push_back(std::move(contestant)); }
  // Runs each once, then measures: hot, and where `cold` is wished also after the caches were emptied.
  void measure(int64_t rounds, bool cold, const std::function<void(int64_t round)>& progress);

  const std::vector<Contestant>& contestants() const { return contestants_; }
  const Contestant* find(const std::string& name) const;

 private:
  runtime::Executor& executor_;
  int threads_;
  std::vector<Contestant> contestants_;
};

// A compiled kernel as a contestant, with outputs of its own.
class KernelRunner {
 public:
  KernelRunner(const runtime::CompiledKernel& kernel, const std::map<std::string, int64_t>& dims, const Tensors& inputs,
               const std::vector<TensorShape>& outputs, runtime::Executor& executor, int threads,
               const PackedTensors* packed = nullptr);
  double run();  // seconds
  runtime::Call& call() { return call_; }
  const Tensors& outputs() const { return outputs_; }

 private:
  const Tensors& inputs_;
  Tensors outputs_;
  std::vector<std::string> read_and_written_;
  runtime::Call call_;
  runtime::Executor& executor_;
  int threads_;
};

// The probes of a machine for the least work of a kernel: "peak", its multiply-adds from registers on the target's fastest units, and "stream",
// its weights read once.
class WorkProbes {
 public:
  WorkProbes(const kernels::LeastWork& work, const target::Target& target, runtime::Executor& executor, int threads);
  void add_to(Contest& contest);

 private:
  kernels::LeastWork work_;
  const target::Target& target_;
  runtime::Buffer weights_;
  runtime::Executor& executor_;
  int threads_;
};

// A kernel's plain loops once. Seconds.
double time_plain_loops(const kernels::PlainLoops& loops, runtime::Executor& executor, int threads);

// The larger of both probes: what no kernel can beat but by luck.
struct Limit {
  double seconds = 0;  // 0 where they were not measured
  std::string what;    // that takes so long: "tdpbssd, tdpbf16ps"
};
Limit limit_of(const Contest& contest, bool cold);
// "94 %": the limit's share of a time, both in one unit. "-" without either, and above 100 %, which means nothing but that the
// work is too small to be limited by what the probes measure.
std::string share_of_limit(double time, double limit);

// Rounds in which `a` took less time than `b`; of as many as both have.
int64_t rounds_won(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace imbrex::tools
