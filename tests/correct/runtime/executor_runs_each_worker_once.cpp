#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/runtime/executor.h"

namespace imbrex::runtime {
namespace {

TEST(Executor, EachWorkerRunsOnceForEveryNumberOfThreads) {
  Executor executor(7);
  for (int round = 0; round < 50; ++round) {
    for (int nth = 1; nth <= 7; ++nth) {
      std::vector<int> seen(static_cast<size_t>(nth), 0);
      executor.run(nth, [&](int ith, int workers, Barrier&) {
        EXPECT_EQ(workers, nth);
        ++seen[static_cast<size_t>(ith)];
      });
      EXPECT_EQ(seen, std::vector<int>(static_cast<size_t>(nth), 1));
    }
  }
}

TEST(Executor, BarrierSeparatesPhases) {
  Executor executor(4);
  for (int nth = 1; nth <= 4; ++nth) {
    std::vector<int> values(static_cast<size_t>(nth), 0);  // plain memory: a barrier that does not order is a race
    executor.run(nth, [&](int ith, int workers, Barrier& barrier) {
      for (int phase = 1; phase <= 200; ++phase) {
        values[static_cast<size_t>(ith)] = phase;
        barrier.wait();
        for (int other = 0; other < workers; ++other) EXPECT_EQ(values[static_cast<size_t>(other)], phase);
        barrier.wait();
      }
    });
  }
}

TEST(Executor, WorkersWakeAfterSleeping) {
  Executor executor(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::vector<int> seen(3, 0);
    executor.run(3, [&](int ith, int, Barrier& barrier) {
      if (ith == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the others park in the barrier
      barrier.wait();
      seen[static_cast<size_t>(ith)] = 1;
    });
    EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), 3);
  }
}

std::atomic<int> handled{0};

TEST(Executor, LeavesSignalsToTheThreadsOfItsHost) {
  Executor executor(3);
  executor.run(3, [](int, int, Barrier& barrier) { barrier.wait(); });
  struct sigaction counts = {}, before = {};
  counts.sa_handler = [](int) { ++handled; };
  ASSERT_EQ(sigaction(SIGUSR1, &counts, &before), 0);
  sigset_t one, all_before, pending;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &one, &all_before);
  kill(getpid(), SIGUSR1);  // any thread that takes it may be chosen
  executor.run(3, [](int, int, Barrier& barrier) { barrier.wait(); });
  EXPECT_EQ(handled, 0) << "a worker ran a handler of its host";
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGUSR1), 1);
  pthread_sigmask(SIG_SETMASK, &all_before, nullptr);
  EXPECT_EQ(handled, 1);
  sigaction(SIGUSR1, &before, nullptr);
}

// In a child, which gives up what root may do all the same: 0 if the error is the one that this asks for.
int status_without_threads() {
  if (geteuid() == 0 && setuid(65534) != 0) return 2;
  const struct rlimit one = {1, 1};
  if (setrlimit(RLIMIT_NPROC, &one) != 0) return 3;
  try {
    Executor executor(3);
    return 4;
  } catch (const UserError& error) {
    const Diagnostic& first = error.diagnostics().at(0);
    return first.id == "no-thread" && first.message == "the system refuses to start thread 2 of 3" ? 0 : 5;
  } catch (const std::exception&) {
    return 6;
  }
}

TEST(Executor, SaysThatTheSystemStartsNoThreads) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(status_without_threads());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Executor, CallersTakeTurns) {
  Executor executor(3);
  int sum = 0;  // guarded by the runs taking turns
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round)
        executor.run(3, [&](int ith, int, Barrier& barrier) {
          barrier.wait();
          if (ith == 2) ++sum;
        });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 400);
}

// Wherever the caller runs, each worker has another processor than it and than its fellows.
TEST(Executor, KeepsItsWorkersApart) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  const int processors = Executor::available_processors();
  if (processors < 2) GTEST_SKIP() << "there is one processor";
  Executor executor(processors);
  for (int round = 0, cpu = 0; cpu < CPU_SETSIZE && round < 8; ++cpu) {
    if (!CPU_ISSET(cpu, &before)) continue;
    ++round;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    std::vector<int> where(static_cast<size_t>(processors), -1);
    executor.run(processors, [&](int ith, int, Barrier&) { where[static_cast<size_t>(ith)] = sched_getcpu(); });
    EXPECT_EQ(where[0], cpu);
    EXPECT_EQ(std::set<int>(where.begin(), where.end()).size(), where.size()) << "the caller on processor " << cpu;
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Executor, StartsAndStopsWithoutWork) {
  for (int threads = 1; threads <= 8; ++threads) const Executor executor(threads);
}

TEST(Barrier, JoinsThreadsOfOthers) {
  Barrier barrier(3);
  std::vector<int> values(3, 0);
  std::vector<std::thread> threads;
  for (int ith = 0; ith < 3; ++ith)
    threads.emplace_back([&, ith] {
      for (int phase = 1; phase <= 100; ++phase) {
        values[static_cast<size_t>(ith)] = phase;
        Barrier::wait_on(&barrier);
        for (const int value : values) EXPECT_EQ(value, phase);
        Barrier::wait_on(&barrier);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace imbrex::runtime
