// In a control group of its own with little memory a run says what it would take and what there is, and is not killed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "imbrex_command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// Below the group of this process, or below the root of what is mounted where a container does not show that.
fs::path group_of_this_process(const fs::path& mount, const std::string& path) {
  const fs::path own = mount / fs::path(path).relative_path();
  return fs::exists(own / "cgroup.procs") ? own : mount;
}

class MemoryOfAGroup : public testing::Test {
 protected:
  void SetUp() override {
    if (*IMBREX_SANITIZE != 0) GTEST_SKIP() << "sanitizers take memory of their own";
    std::ifstream lines("/proc/self/cgroup");
    std::string tried = "no control group for memory";
    for (std::string line; std::getline(lines, line) && group_.empty();) {
      const std::string path = line.substr(line.rfind(':') + 1);
      const bool is_first_version = line.find(":memory:") != std::string::npos || line.find(",memory") != std::string::npos;
      if (is_first_version)
        make_below(group_of_this_process("/sys/fs/cgroup/memory", path), "memory.limit_in_bytes", tried);
      else if (line.starts_with("0::"))
        make_below(group_of_this_process("/sys/fs/cgroup", path), "memory.max", tried);
    }
    if (group_.empty()) GTEST_SKIP() << "no control group can be made here: " << tried;
  }
  void TearDown() override {
    if (group_.empty()) return;
    EXPECT_EQ(rmdir(group_.c_str()), 0) << group_;
  }

  // Runs the command as a process of the group.
  CommandResult run(const std::string& arguments) const {
    return imbrex_command(arguments, fmt::format("echo 0 > '{}/cgroup.procs' || exit 99;", group_.string()));
  }

  static constexpr int64_t kBytes = int64_t{400} << 20;

 private:
  void make_below(const fs::path& parent, const char* limit, std::string& tried) {
    const fs::path group = parent / fmt::format("imbrex-test-{}", getpid());
    tried = parent.string();
    if (mkdir(group.c_str(), 0755) != 0) return;
    std::ofstream(group / limit) << kBytes << std::flush;
    int64_t bytes = 0;
    if (std::ifstream in(group / limit); in >> bytes && bytes == kBytes)
      group_ = group;
    else
      rmdir(group.c_str());  // version 2 without its controller for memory
  }

  fs::path group_;
};

TEST_F(MemoryOfAGroup, IsEnoughForWhatFits) {
  const CommandResult result = run("run nn/softmax --tokens 100 --repeat 1 --threads 1");
  EXPECT_EQ(result.status, 0) << result.out << result.err;
}

TEST_F(MemoryOfAGroup, IsCountedBeforeItIsTaken) {
  // Compiled before: the compiler's memory would be that of the group.
  ASSERT_EQ(imbrex_command("run nn/softmax --tokens 100 --repeat 1 --threads 1").status, 0);
  const CommandResult result = run("run nn/softmax --tokens 100000 --repeat 1 --threads 1");
  EXPECT_EQ(result.status, 1) << result.out << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("error [out-of-memory]: "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("of the 400 MiB that this process may use it has "), std::string::npos) << result.err;
}

}  // namespace
}  // namespace imbrex::tests
