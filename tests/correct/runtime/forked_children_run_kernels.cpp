// A child has none of its parent's threads; what it calls starts threads of its own. Each child has 20 seconds.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "imbrex/runtime/kernel.h"
#include "tests/support/scale_kernel.h"
#include "tests/support/temporary_folder.h"

namespace imbrex::runtime {
namespace {

bool every_worker_runs(Executor& executor, int nth) {
  std::vector<int> seen(static_cast<size_t>(nth), 0);
  std::atomic<int> before_barrier{0};
  executor.run(nth, [&](int ith, int workers, Barrier& barrier) {
    ++before_barrier;
    barrier.wait();
    if (before_barrier == workers) ++seen[static_cast<size_t>(ith)];
  });
  return seen == std::vector<int>(static_cast<size_t>(nth), 1);
}

bool runs_with_each_number_of_threads(Executor& executor) {
  bool good = true;
  for (int round = 0; round < 3; ++round)
    for (int nth = 1; nth <= executor.threads(); ++nth) good = every_worker_runs(executor, nth) && good;
  return good;
}

// Whether `part` gives true in a child that leaves by `leave`.
template <class F>
::testing::AssertionResult holds_in_a_child(F&& part, void (*leave)(int) = _exit) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    leave(part() ? 0 : 3);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return ::testing::AssertionFailure() << "no child";
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return ::testing::AssertionFailure() << "the child hangs";
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "the child's status is " << status;
}

class Fork : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the thread sanitizer refuses threads in the child of a process with threads";
#endif
  }
};

TEST_F(Fork, AChildRunsTheExecutorOfItsParent) {
  Executor executor(3);
  ASSERT_TRUE(runs_with_each_number_of_threads(executor));
  EXPECT_TRUE(holds_in_a_child([&] { return runs_with_each_number_of_threads(executor); }));
  EXPECT_TRUE(runs_with_each_number_of_threads(executor)) << "in the parent, afterwards";
}

TEST_F(Fork, AChildOfAChildRunsItToo) {
  Executor executor(3);
  ASSERT_TRUE(every_worker_runs(executor, 3));
  EXPECT_TRUE(holds_in_a_child([&] {
    return runs_with_each_number_of_threads(executor) &&
           holds_in_a_child([&] { return runs_with_each_number_of_threads(executor); }) &&
           runs_with_each_number_of_threads(executor);
  }));
}

// The lock, the barrier and the counters are then those of a run that no child will see the end of.
TEST_F(Fork, AChildThatIsMadeDuringARunOfAnotherThread) {
  Executor executor(3);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) every_worker_runs(executor, 3);
  });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(holds_in_a_child([&] { return runs_with_each_number_of_threads(executor); })) << i;
  stop = true;
  other.join();
}

TEST_F(Fork, AChildThatIsMadeInsideARun) {
  Executor executor(3);
  ::testing::AssertionResult result = ::testing::AssertionFailure();
  executor.run(3, [&](int ith, int, Barrier& barrier) {
    barrier.wait();
    if (ith == 1) result = holds_in_a_child([&] { return runs_with_each_number_of_threads(executor); });
  });
  EXPECT_TRUE(result);
}

TEST_F(Fork, ThreadsOfAChildTakeTurns) {
  Executor executor(3);
  ASSERT_TRUE(every_worker_runs(executor, 3));
  EXPECT_TRUE(holds_in_a_child([&] {
    std::atomic<int> good{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i) callers.emplace_back([&] { good += runs_with_each_number_of_threads(executor) ? 1 : 0; });
    for (std::thread& caller : callers) caller.join();
    return good == 4;
  }));
}

TEST_F(Fork, AChildEndsAnExecutorThatItNeverRan) {
  auto executor = std::make_unique<Executor>(3);
  ASSERT_TRUE(every_worker_runs(*executor, 3));
  EXPECT_TRUE(holds_in_a_child([&] {
    executor.reset();
    return true;
  }));
}

TEST_F(Fork, AChildCallsAKernelAndExits) {
  const tests::TemporaryFolder folder;
  JitOptions options;
  options.cache.directory = folder.file("cache");
  options.flags = {"-O1"};
  Executor executor(3);
  Call call(CompiledKernel::from_source(tests::scale_kernel("scale", false), "imbrex_kernel_scale", options));
  const Array x = Array::zeros(DType::f32, {64, 8});
  Array w = Array::zeros(DType::f32, {8, 2}), y = Array::zeros(DType::f32, {64, 8});
  std::fill_n(w.as<float>(), w.size(), 2.5f);  // y = x * w[0] + w[1]
  call.bind("x", TensorView::of(x)).bind("w", TensorView::of(w)).bind("y", TensorView::of(y));
  const auto gives_its_values = [&](Executor& on, int nth) {
    std::fill_n(y.as<float>(), y.size(), 0.0f);
    call.run(on, nth);
    return std::all_of(y.as<float>(), y.as<float>() + y.size(), [](float value) { return value == 2.5f; });
  };
  const auto gives_them_always = [&] {
    bool good = true;
    for (int nth = 1; nth <= 3; ++nth) good = gives_its_values(executor, nth) && gives_its_values(Executor::shared(), 0) && good;
    return good;
  };
  ASSERT_TRUE(gives_them_always());
  EXPECT_TRUE(holds_in_a_child(gives_them_always));
  // At exit(), static objects of the child end: the executor that the process shares among them.
  EXPECT_TRUE(holds_in_a_child(gives_them_always, std::exit));
  EXPECT_TRUE(holds_in_a_child([] { return true; }, std::exit));
  EXPECT_TRUE(gives_them_always());
}

}  // namespace
}  // namespace imbrex::runtime
