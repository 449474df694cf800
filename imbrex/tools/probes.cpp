#include "imbrex/tools/probes.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/runtime/buffer.h"
#include "imbrex/tools/memory_limit.h"
#include "imbrex/tools/target_loops.h"

namespace imbrex::tools {
namespace {

template <class F>
double seconds_of(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

template <class F>
double timed(runtime::Executor& executor, int threads, F&& part) {
  return seconds_of([&] { executor.run(threads, [&](int ith, int nth, runtime::Barrier&) { part(ith, nth); }); });
}

// What was done per second at best: neighbours slow a machine down, nothing speeds it up.
template <class F>
double best_rate(int runs, F&& f) {
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    double done = 0;
    const double seconds = seconds_of([&] { done = f(); });
    best = std::max(best, done / seconds);
  }
  return best;
}

const TargetLoops& loops_of(const target::Target& target) {
  for (const TargetLoops* const* each = kTargetLoops; *each; ++each)
    if (target.name == (*each)->target) return **each;
  throw InternalError("there are loops for every target");
}

template <class Loop>
const Loop& loop_named(const Loop* loops, const std::string& name) {
  for (; loops->name; ++loops)
    if (name == loops->name) return *loops;
  throw InternalError("there is a loop for everything that a target lists");
}

}  // namespace

const target::Unit& fastest_unit(const target::Target& target, target::Product product) {
  static std::map<std::pair<const target::Target*, target::Product>, const target::Unit*> found;
  const auto [place, is_new] = found.try_emplace({&target, product}, nullptr);
  double best = 0;
  for (const target::Unit& unit : target.units) {
    if (!is_new || unit.product != product) continue;
    const UnitLoop& loop = loop_named(loops_of(target).units, unit.name);
    const double rate = best_rate(5, [&] { return loop.run(20000); });
    if (rate > best) best = rate, place->second = &unit;
  }
  require(place->second != nullptr, "a target has a unit for each product");
  return *place->second;
}

double time_peak(runtime::Executor& executor, int threads, const target::Target& target, const ProductWork& work) {
  std::vector<std::pair<const UnitLoop*, int64_t>> parts;  // of a thread
  for (const target::Product product : target::kProducts) {
    const double multiply_adds = work[static_cast<size_t>(product)];
    if (multiply_adds == 0) continue;
    const UnitLoop& loop = loop_named(loops_of(target).units, fastest_unit(target, product).name);
    parts.emplace_back(&loop, static_cast<int64_t>(multiply_adds / loop.run(1) / threads));
  }
  return timed(executor, threads, [&](int, int) {
    for (const auto& [loop, steps] : parts) loop->run(steps);
  });
}

double product_kernel_rate(const target::Target& target, const target::ProductKernel& kernel) {
  const KernelLoop& loop = loop_named(loops_of(target).kernels, kernel.name);
  const runtime::Buffer buffer(static_cast<size_t>(kKernelLoopBytes));
  char* const memory = static_cast<char*>(buffer.data());
  loop.prepare(memory);
  return best_rate(20, [&] { return loop.run(memory); });
}

double vector_rate(const target::Target& target) {
  return best_rate(20, [&] { return loops_of(target).vector(1000000); });
}

double time_stream(runtime::Executor& executor, int threads, const void* memory, int64_t bytes) {
  const TargetLoops& loops = loops_of(target::best_target());
  return timed(executor, threads, [&](int ith, int nth) {
    const int64_t part = bytes / nth / 4096 * 4096;
    loops.stream(static_cast<const char*>(memory) + ith * part, part);
  });
}

double time_repeated_reading(const void* memory, int64_t bytes, int64_t times) {
  const TargetLoops& loops = loops_of(target::best_target());
  return seconds_of([&] {
    for (int64_t i = 0; i < times; ++i) loops.read(static_cast<const char*>(memory), bytes);
  });
}

int64_t evicted_bytes() {
  int64_t l3 = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
  l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);  // 0 or -1 where it is not known
#endif
  return std::max(int64_t{192} << 20, std::min(2 * l3, memory_limit() / 8));
}

void evict_caches(runtime::Executor& executor, int threads) {
  static const std::vector<uint64_t> memory(static_cast<size_t>(evicted_bytes()) / 8, 1);
  time_stream(executor, threads, memory.data(), static_cast<int64_t>(memory.size()) * 8);
}

}  // namespace imbrex::tools
