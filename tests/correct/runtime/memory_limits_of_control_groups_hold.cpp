// memory_limit() on folders made like proc and sys.
#include <gtest/gtest.h>

#include "imbrex/tools/memory_limit.h"
#include "tests/support/temporary_folder.h"

namespace imbrex::tools {
namespace {

class MemoryLimit : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_.file(path)).parent_path());
    tests::write_text(root_.file(path), text);
  }
  int64_t limit() const { return memory_limit(root_.path()); }
  const tests::TemporaryFolder root_;
  const int64_t machine_ = memory_limit("/there is nothing here");
};

TEST_F(MemoryLimit, IsTheMachinesWhereNoGroupHasOne) {
  EXPECT_GT(machine_, 1 << 20);
  EXPECT_EQ(limit(), machine_);
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(limit(), machine_);
  write("sys/fs/cgroup/a/memory.max", "9223372036854771712\n");
  EXPECT_EQ(limit(), machine_);
}

TEST_F(MemoryLimit, IsTheLeastOfAllGroupsAround) {
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/fs/cgroup/a/b/memory.max", "1048576\n");
  EXPECT_EQ(limit(), 1048576);
  write("sys/fs/cgroup/a/memory.max", "65536\n");
  EXPECT_EQ(limit(), 65536);
  write("sys/fs/cgroup/memory.max", "4096\n");
  EXPECT_EQ(limit(), 4096);
  write("sys/fs/cgroup/other/memory.max", "1\n");
  EXPECT_EQ(limit(), 4096);
}

TEST_F(MemoryLimit, IsKnownOfVersion1) {
  write("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:hugetlb,memory:/a/b\n0::/\n");
  write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "65536\n");
  EXPECT_EQ(limit(), 65536);
  write("sys/fs/cgroup/unified/memory.max", "4096\n");
  EXPECT_EQ(limit(), 4096);
}

TEST_F(MemoryLimit, OfAContainerIsThatOfItsMount) {
  write("proc/self/cgroup", "4:memory:/docker/1234\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "65536\n");
  EXPECT_EQ(limit(), 65536);
}

TEST_F(MemoryLimit, OfStrangeFilesIsTheMachines) {
  write("proc/self/cgroup", "\n:\nmemory\n0::../../..\n4:memory:\n");
  EXPECT_EQ(limit(), machine_);
}

}  // namespace
}  // namespace imbrex::tools
