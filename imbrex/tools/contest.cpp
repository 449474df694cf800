#include "imbrex/tools/contest.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "imbrex/base/numbers.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/report.h"

namespace imbrex::tools {
namespace {

// Threads of other software still spin after their last run: those of OpenMP for about 6 ms.
constexpr auto until_others_sleep = std::chrono::milliseconds(20);
// So long each contestant runs before it is timed: its threads are awake then, and the scheduler has had time to move them apart.
constexpr auto until_own_are_settled = std::chrono::milliseconds(10);

void warm_up(const Contestant& contestant) {
  const auto end = std::chrono::steady_clock::now() + until_own_are_settled;
  do contestant.run();
  while (std::chrono::steady_clock::now() < end);
}

}  // namespace

void Contest::measure(int64_t rounds, bool cold, const std::function<void(int64_t round)>& progress) {
  for (Contestant& contestant : contestants_)
    if (contestant.hot || (cold && contestant.cold)) contestant.run();
  for (int64_t round = 0; round < rounds; ++round) {
    progress(round);
    for (Contestant& contestant : contestants_) {
      if (!contestant.hot) continue;
      std::this_thread::sleep_for(until_others_sleep);
      if (contestant.warms_up) warm_up(contestant);
      contestant.hot_seconds.push_back(contestant.run());
    }
    for (Contestant& contestant : contestants_) {
      if (!cold || !contestant.cold) continue;
      std::this_thread::sleep_for(until_others_sleep);
      if (contestant.warms_up) warm_up(contestant);
      evict_caches(executor_, threads_);
      contestant.cold_seconds.push_back(contestant.run());
    }
  }
}

const Contestant* Contest::find(const std::string& name) const {
  const auto found = std::find_if(contestants_.begin(), contestants_.end(), [&](const Contestant& c) { return c.name == name; });
  return found == contestants_.end() ? nullptr : &*found;
}

KernelRunner::KernelRunner(const runtime::CompiledKernel& kernel, const std::map<std::string, int64_t>& dims,
                           const Tensors& inputs, const std::vector<TensorShape>& outputs, runtime::Executor& executor,
                           int threads, const PackedTensors* packed)
    : inputs_(inputs), call_(kernel), executor_(executor), threads_(threads) {
  require_room(needs_of_call(kernel, dims, outputs, 1, threads));
  for (const TensorShape& spec : outputs) {
    Array& array = outputs_.emplace(spec.name, Array::zeros(spec.dtype, spec.shape)).first->second;
    if (inputs.count(spec.name)) read_and_written_.push_back(spec.name);
    call_.bind(spec.name, runtime::TensorView::of(array));
  }
  bind_inputs(call_, inputs, outputs, packed);
  for (const auto& [name, value] : dims) call_.set_dim(name, value);
  // All of it is taken now: what is needed next is counted beside it.
  call_.poison_workspace(true).prepare(threads_);
  call_.poison_workspace(false);
}

double KernelRunner::run() {
  for (const std::string& name : read_and_written_) outputs_.at(name).bytes = inputs_.at(name).bytes;
  const auto begin = std::chrono::steady_clock::now();
  call_.run(executor_, threads_);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

WorkProbes::WorkProbes(const kernels::LeastWork& work, const target::Target& target, runtime::Executor& executor, int threads)
    : work_(work), target_(target), executor_(executor), threads_(threads) {
  require_room({{"weights that are only read", work.weight_bytes}});
  weights_.grow_to(static_cast<size_t>(work.weight_bytes));
  std::fill_n(static_cast<char*>(weights_.data()), work.weight_bytes, char{1});
}

void WorkProbes::add_to(Contest& contest) {
  std::string units;
  for (const target::Product product : target::kProducts) {
    if (work_.products[static_cast<size_t>(product)] == 0) continue;
    const std::string& unit = fastest_unit(target_, product).name;
    if (units != unit) units += (units.empty() ? "" : ", ") + unit;
  }
  contest.add({.name = "peak", .run = [this] { return time_peak(executor_, threads_, target_, work_.products); }, .what = units});
  contest.add({.name = "stream",
               .run = [this] { return time_stream(executor_, threads_, weights_.data(), work_.weight_bytes); },
               .what = "reading the weights"});
}

double time_plain_loops(const kernels::PlainLoops& loops, runtime::Executor& executor, int threads) {
  const auto begin = std::chrono::steady_clock::now();
  executor.run(threads, [&](int ith, int nth, runtime::Barrier& barrier) {
    for (const auto& phase : loops.phases) {
      phase(ith, nth);
      barrier.wait();
    }
  });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Limit limit_of(const Contest& contest, bool cold) {
  Limit limit;
  for (const char* name : {"peak", "stream"}) {
    const Contestant* probe = contest.find(name);
    const double seconds = probe == nullptr ? 0 : median(cold ? probe->cold_seconds : probe->hot_seconds);
    if (seconds > limit.seconds) limit = {seconds, probe->what};
  }
  return limit;
}

std::string share_of_limit(double time, double limit) {
  return time <= 0 || limit <= 0 || time < limit ? "-" : fmt::format("{:.0f} %", 100 * limit / time);
}

int64_t rounds_won(const std::vector<double>& a, const std::vector<double>& b) {
  int64_t won = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) won += a[i] < b[i];
  return won;
}

}  // namespace imbrex::tools
