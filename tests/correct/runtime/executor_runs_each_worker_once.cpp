#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <numeric>
#include <set>
#include <thread>
#include <vector>

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
