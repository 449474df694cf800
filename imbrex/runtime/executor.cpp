#include "imbrex/runtime/executor.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "imbrex/base/error.h"

namespace imbrex::runtime {
namespace {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

// Spinning is for threads that each have a processor; where they share, the one waited for needs it.
int spins_for(int threads) {
  static const int processors = Executor::available_processors();
  return threads <= processors ? 4000 : 0;
}

// Returns once `value` differs from `old`.
void wait_while(const std::atomic<uint32_t>& value, uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

thread_local const Executor* inside_run_of = nullptr;

// A set of processors large enough for any machine; the kernel refuses one smaller than its own.
class ProcessorSet {
 public:
  ProcessorSet() : set_(CPU_ALLOC(kMost)) {
    if (set_ != nullptr) CPU_ZERO_S(bytes(), set_);
  }
  ~ProcessorSet() { CPU_FREE(set_); }
  ProcessorSet(const ProcessorSet&) = delete;
  ProcessorSet& operator=(const ProcessorSet&) = delete;

  // Those that the calling thread may run on; none if that is not to be known.
  std::vector<int> available() {
    std::vector<int> processors;
    if (set_ == nullptr || sched_getaffinity(0, bytes(), set_) != 0) return processors;
    for (int i = 0; i < kMost; ++i)
      if (CPU_ISSET_S(i, bytes(), set_)) processors.push_back(i);
    return processors;
  }
  void keep(pthread_t thread, int processor) {
    if (set_ == nullptr) return;
    CPU_ZERO_S(bytes(), set_);
    CPU_SET_S(processor, bytes(), set_);
    pthread_setaffinity_np(thread, bytes(), set_);  // advice: where it is refused, the scheduler decides
  }

 private:
  static constexpr int kMost = 8192;
  static size_t bytes() { return CPU_ALLOC_SIZE(kMost); }
  cpu_set_t* set_;
};

}  // namespace

void Barrier::reset(int count) {
  count_ = static_cast<uint32_t>(count);
  spins_ = spins_for(count);
}

void Barrier::wait() {
  const uint32_t generation = generation_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    generation_.notify_all();
  } else {
    wait_while(generation_, generation, spins_);
  }
}

struct alignas(64) Executor::Worker {
  std::atomic<uint32_t> ticket{0};  // changes when there is something to run
  bool stop = false;
  int processor = -1;  // that it is kept on
  std::thread thread;
};

Executor::Executor(int threads) : threads_(threads) {
  require(threads >= 1 && threads <= 4096, "an executor has between 1 and 4096 threads");
  workers_ = std::make_unique<Worker[]>(static_cast<size_t>(threads));
  std::vector<int> available = ProcessorSet().available();
  if (threads > 1 && available.size() == static_cast<size_t>(threads)) processors_ = std::move(available);
  for (int ith = 1; ith < threads; ++ith) workers_[ith].thread = std::thread([this, ith] { work(ith); });
}

Executor::~Executor() {
  for (int ith = 1; ith < threads_; ++ith) {
    Worker& worker = workers_[ith];
    worker.stop = true;
    worker.ticket.fetch_add(1, std::memory_order_release);
    worker.ticket.notify_one();
  }
  for (int ith = 1; ith < threads_; ++ith) workers_[ith].thread.join();
}

void Executor::work(int ith) {
  Worker& worker = workers_[ith];
  inside_run_of = this;
  for (uint32_t seen = 0;; ++seen) {
    wait_while(worker.ticket, seen, spins_for(threads_));
    if (worker.stop) return;
    function_(user_, ith, nth_, barrier_);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

// Worker i lives on processor i. Who finds the caller on its own takes processor 0, which is free then.
void Executor::keep_apart_from_caller() {
  const int caller = sched_getcpu();
  if (processors_.empty() || caller == caller_processor_) return;
  caller_processor_ = caller;
  ProcessorSet set;
  for (int ith = 1; ith < threads_; ++ith) {
    Worker& worker = workers_[ith];
    const int own = processors_[static_cast<size_t>(ith)], wanted = own == caller ? processors_[0] : own;
    if (wanted != worker.processor) set.keep(worker.thread.native_handle(), wanted);
    worker.processor = wanted;
  }
}

void Executor::run(int nth, Function function, void* user) {
  require(nth >= 1 && nth <= threads_, "a run uses between one and all threads of its executor");
  require(inside_run_of != this, "a function that an executor runs does not call that executor");
  const std::lock_guard<std::mutex> lock(one_run_);
  function_ = function;
  user_ = user;
  nth_ = nth;
  barrier_.reset(nth);
  running_.store(static_cast<uint32_t>(nth - 1), std::memory_order_relaxed);
  keep_apart_from_caller();
  for (int ith = 1; ith < nth; ++ith) {
    workers_[ith].ticket.fetch_add(1, std::memory_order_release);
    workers_[ith].ticket.notify_one();
  }
  const Executor* const outer = inside_run_of;
  inside_run_of = this;
  function(user, 0, nth, barrier_);
  inside_run_of = outer;
  for (uint32_t left; (left = running_.load(std::memory_order_acquire)) != 0;) wait_while(running_, left, spins_for(nth));
}

int Executor::available_processors() {
  const size_t count = ProcessorSet().available().size();
  return count > 0 ? static_cast<int>(count) : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

Executor& Executor::shared() {
  static Executor executor;
  return executor;
}

}  // namespace imbrex::runtime
