// Linux gives tile registers to a process that asks for them, for good, and then gives it no small signal stacks. So each test
// here is a process of its own: this program again, with one test.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <vector>

#include "imbrex/target/target.h"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#endif

namespace imbrex::target {
namespace {

// Which states that must be asked for this process has.
uint64_t given_states() {
  uint64_t states = 0;
#if defined(__x86_64__) && defined(__linux__)
  const long get_permission = 0x1022;  // ARCH_GET_XCOMP_PERM
  if (syscall(SYS_arch_prctl, get_permission, &states) != 0) return 0;
#endif
  return states & (uint64_t{1} << 18);
}

bool passes_alone(const char* test) {
  const pid_t child = fork();
  if (child == 0) {
    const std::string filter = std::string("--gtest_filter=Alone.DISABLED_") + test;
    execl("/proc/self/exe", "test", filter.c_str(), "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
    _exit(99);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Detection, AsksForNothingThatIsNotUsed) { EXPECT_TRUE(passes_alone("OtherTargets")); }
TEST(Alone, DISABLED_OtherTargets) {
  for (const Target* target : targets_with_code())
    if (target->needs.requested_state == 0) runs_here(*target);
  EXPECT_EQ(given_states(), 0u);
}

TEST(Detection, AsksForWhatIsUsed) { EXPECT_TRUE(passes_alone("TheBestTarget")); }
TEST(Alone, DISABLED_TheBestTarget) {
  const bool needs_tiles = best_target().needs.requested_state != 0;
  EXPECT_EQ(needs_tiles, given_states() != 0);
}

// A stack of 8 KiB was the usual one for years. Whoever has it has no tiles, and everything else as before.
TEST(Detection, TakesNoForAnAnswer) { EXPECT_TRUE(passes_alone("WithASmallSignalStack")); }
TEST(Alone, DISABLED_WithASmallSignalStack) {
  std::vector<char> memory(8192);
  stack_t stack = {};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  if (sigaltstack(&stack, nullptr) != 0) GTEST_SKIP() << "this machine has no signal stacks as small as this";
  const bool is_too_small = sysconf(_SC_MINSIGSTKSZ) > static_cast<long>(memory.size());
  const bool needs_tiles = best_target().needs.requested_state != 0;
  EXPECT_EQ(needs_tiles, given_states() != 0);
  EXPECT_TRUE(!is_too_small || given_states() == 0);
}

}  // namespace
}  // namespace imbrex::target
