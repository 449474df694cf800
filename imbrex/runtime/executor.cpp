#include "imbrex/runtime/executor.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/target/isa/architecture.h"

namespace imbrex::runtime {
namespace {

// A thread that sleeps takes 30 to 60 us to wake, a tenth of a decode step's front. Processors rest for 40 to 140 cycles when they are
// told to between two looks, so that looks are no measure of time.
constexpr auto kSpinning = std::chrono::microseconds(200);
constexpr int kLooksPerClock = 32;

// Spinning is for threads that each have a processor; where they share, the one waited for needs it.
bool may_spin(int threads) {
  static std::atomic<int> processors{0};  // not a static int: fork() could leave the lock of its initialisation held
  int count = processors.load(std::memory_order_relaxed);
  if (count == 0) processors.store(count = Executor::available_processors(), std::memory_order_relaxed);
  return threads <= count;
}

// How often fork() was called between the first process that loaded this code and this one.
std::atomic<uint32_t> forks{0};
[[maybe_unused]] const int counts_forks =
    pthread_atfork(nullptr, nullptr, [] { forks.store(forks.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); });

// Returns once `value` differs from `old`.
void wait_while(const std::atomic<uint32_t>& value, uint32_t old, bool spins) {
  using Clock = std::chrono::steady_clock;
  if (value.load(std::memory_order_acquire) != old) return;
  for (const Clock::time_point end = spins ? Clock::now() + kSpinning : Clock::time_point(); spins; spins = Clock::now() < end)
    for (int look = 0; look < kLooksPerClock; ++look) {
      isa::relax();
      if (value.load(std::memory_order_acquire) != old) return;
    }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

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

// While it lives, threads that the calling thread starts take no signal: handlers of a host run on the host's own threads.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

void Barrier::reset(int count) {
  count_ = static_cast<uint32_t>(count);
  spins_ = may_spin(count);
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

// The threads of one executor in one process, and all that they share.
class Executor::Workers {
 public:
  explicit Workers(int threads) : threads_(threads), workers_(std::make_unique<Worker[]>(static_cast<size_t>(threads))) {
    std::vector<int> available = ProcessorSet().available();
    if (threads > 1 && available.size() == static_cast<size_t>(threads)) processors_ = std::move(available);
  }
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void start() {
    const NoSignals of_workers;
    int ith = 1;
    try {
      for (; ith < threads_; ++ith) workers_[ith].thread = std::thread([this, ith] { work(ith); });
    } catch (const std::system_error&) {
      throw UserError(
          "no-thread", fmt::format("the system refuses to start thread {} of {}", ith + 1, threads_),
          "fewer threads (--threads, or an Executor with fewer), or a higher limit of this user's or container's processes "
          "(ulimit -u, pids.max)");
    }
  }
  bool is_of_this_process() const { return forks_ == forks.load(std::memory_order_relaxed); }
  void abandon();
  void run(int nth, Function function, void* user);

 private:
  struct alignas(64) Worker {
    std::atomic<uint32_t> ticket{0};  // changes when there is something to run
    bool stop = false;
    int processor = -1;  // that it is kept on
    std::thread thread;
  };
  void work(int ith);
  void keep_apart_from_caller();

  static thread_local const Workers* inside_run_of_;
  static std::atomic<Workers*> abandoned_;
  Workers* next_abandoned_ = nullptr;
  const int threads_;
  const uint32_t forks_ = forks.load(std::memory_order_relaxed);
  std::unique_ptr<Worker[]> workers_;  // [0] is unused: it is the caller
  std::mutex one_run_;
  std::vector<int> processors_;  // one for each thread; empty if workers may run anywhere
  int caller_processor_ = -1;    // for which the workers were placed last
  Barrier barrier_;
  // The run in progress: written before a worker's ticket, read by that worker after it.
  Function function_ = nullptr;
  void* user_ = nullptr;
  int nth_ = 0;
  alignas(64) std::atomic<uint32_t> running_{0};  // workers that have not returned
};

thread_local const Executor::Workers* Executor::Workers::inside_run_of_ = nullptr;
std::atomic<Executor::Workers*> Executor::Workers::abandoned_{nullptr};

// Workers of another process have no threads here: they can be neither joined nor freed. As a list they are no leak.
void Executor::Workers::abandon() {
  next_abandoned_ = abandoned_.load(std::memory_order_relaxed);
  while (!abandoned_.compare_exchange_weak(next_abandoned_, this, std::memory_order_acq_rel)) {
  }
}

Executor::Workers::~Workers() {
  for (int ith = 1; ith < threads_; ++ith) {
    Worker& worker = workers_[ith];
    worker.stop = true;
    worker.ticket.fetch_add(1, std::memory_order_release);
    worker.ticket.notify_one();
  }
  for (int ith = 1; ith < threads_; ++ith)
    if (workers_[ith].thread.joinable()) workers_[ith].thread.join();
}

void Executor::Workers::work(int ith) {
  Worker& worker = workers_[ith];
  inside_run_of_ = this;
  for (uint32_t seen = 0;; ++seen) {
    wait_while(worker.ticket, seen, may_spin(threads_));
    if (worker.stop) return;
    function_(user_, ith, nth_, barrier_);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

// Worker i lives on processor i. Who finds the caller on its own takes processor 0, which is free then.
void Executor::Workers::keep_apart_from_caller() {
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

void Executor::Workers::run(int nth, Function function, void* user) {
  require(inside_run_of_ != this, "a function that an executor runs does not call that executor");
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
  const Workers* const outer = inside_run_of_;
  inside_run_of_ = this;
  function(user, 0, nth, barrier_);
  inside_run_of_ = outer;
  for (uint32_t left; (left = running_.load(std::memory_order_acquire)) != 0;) wait_while(running_, left, may_spin(nth));
}

Executor::Executor(int threads) : threads_(threads), of_process_(nullptr) {
  require(threads >= 1 && threads <= 4096, "an executor has between 1 and 4096 threads");
  workers();
}

Executor::~Executor() {
  Workers* const workers = of_process_.load(std::memory_order_acquire);
  if (workers->is_of_this_process())
    delete workers;
  else
    workers->abandon();
}

// Several threads of a child may find that it has no workers; the one that sets its own first decides.
Executor::Workers& Executor::workers() {
  Workers* found = of_process_.load(std::memory_order_acquire);
  if (found != nullptr && found->is_of_this_process()) return *found;
  auto made = std::make_unique<Workers>(threads_);
  made->start();
  Workers* const before = found;
  if (!of_process_.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel)) return *found;
  if (before != nullptr) before->abandon();
  return *made.release();
}

void Executor::run(int nth, Function function, void* user) {
  require(nth >= 1 && nth <= threads_, "a run uses between one and all threads of its executor");
  workers().run(nth, function, user);
}

int Executor::available_processors() {
  const size_t count = ProcessorSet().available().size();
  return count > 0 ? static_cast<int>(count) : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

namespace {

// Not a static of shared(): fork() could leave the lock of its initialisation held.
struct SharedExecutor {
  ~SharedExecutor() { delete executor.load(std::memory_order_acquire); }
  std::atomic<Executor*> executor{nullptr};
} shared_executor;

}  // namespace

Executor& Executor::shared() {
  Executor* found = shared_executor.executor.load(std::memory_order_acquire);
  if (found != nullptr) return *found;
  auto made = std::make_unique<Executor>();
  return shared_executor.executor.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel) ? *made.release()
                                                                                                        : *found;
}

}  // namespace imbrex::runtime
