// Runs one function on several threads at once, SPMD: each worker gets its number `ith` of `nth` and a barrier that joins all of
// them. The executor splits no work; the function does. Idle workers spin for 200 us, which covers the gaps
// between the phases and calls of one model, then sleep in the kernel.
//
// An executor with a worker for each processor keeps each worker on a processor of its own, away from its caller's. Schedulers
// see too late that a sleeper woke where its caller runs: for a call of a millisecond both would share one processor.
//
// Workers take no signals: a host's handlers run on its own threads.
//
// fork() copies the memory of an executor, but of its threads only the one that forks. So the first run in a child starts workers
// for the child, and leaves the locks and counters of the parent's as they are: threads that are gone may have held them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace imbrex::runtime {

// Joins `count` threads, any number of times. What a thread wrote before wait() is seen by all after it.
class Barrier {
 public:
  explicit Barrier(int count = 1) { reset(count); }
  void wait();
  // The form that imbrex_call wants: `barrier` is a Barrier*.
  static void wait_on(void* barrier) { static_cast<Barrier*>(barrier)->wait(); }
  // While no thread waits.
  void reset(int count);

 private:
  uint32_t count_ = 1;
  bool spins_ = false;
  alignas(64) std::atomic<uint32_t> arrived_{0};
  alignas(64) std::atomic<uint32_t> generation_{0};
};

class Executor {
 public:
  // Starts threads - 1 threads; the caller of run() is worker 0. UserError "no-thread" where the system refuses one.
  explicit Executor(int threads = available_processors());
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  int threads() const { return threads_; }

  // Calls function(user, ith, nth, barrier) for each ith in [0, nth), all at once, and returns when all have returned. Needs
  // 1 <= nth <= threads(). The function must not throw and must not call run() of the same executor; calls from several threads
  // take turns. A forked child may call this of the executors that it was born with: its first run starts their workers anew.
  using Function = void (*)(void* user, int ith, int nth, Barrier& barrier);
  void run(int nth, Function function, void* user);

  template <class F>
  void run(int nth, F&& f) {
    using Callable = std::remove_reference_t<F>;
    run(
        nth, [](void* user, int ith, int n, Barrier& barrier) { (*static_cast<Callable*>(user))(ith, n, barrier); },
        const_cast<void*>(static_cast<const void*>(std::addressof(f))));
  }

  // The processors that this process may run on.
  static int available_processors();
  // One for the process, made at first use, with a worker for each of them.
  static Executor& shared();

 private:
  class Workers;
  Workers& workers();

  int threads_;
  std::atomic<Workers*> of_process_;  // of this process, or of its parent, before the first run after a fork
};

}  // namespace imbrex::runtime
