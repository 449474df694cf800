// require_room() on folders made like proc and sys, and what a call counts.
#include <gtest/gtest.h>
#include <unistd.h>

#include "imbrex/ir/parse.h"
#include "imbrex/tools/execute.h"
#include "imbrex/tools/memory_room.h"
#include "tests/support/temporary_folder.h"

namespace imbrex::tools {
namespace {

std::string refusal(const std::vector<MemoryNeed>& needs, const MemoryRoom& room) {
  try {
    require_room(needs, room);
  } catch (const UserError& error) {
    return error.diagnostics().at(0).id + ": " + error.diagnostics().at(0).message;
  }
  return "";
}

TEST(MemoryRoom, IsTheLimitWithoutWhatTheProcessHas) {
  const tests::TemporaryFolder root;
  std::filesystem::create_directories(root.file("proc/self"));
  std::filesystem::create_directories(root.file("sys/fs/cgroup/memory"));
  tests::write_text(root.file("proc/self/cgroup"), "4:memory:/\n");
  tests::write_text(root.file("proc/self/statm"), "9000 25 7 3 0 8 0\n");
  tests::write_text(root.file("sys/fs/cgroup/memory/memory.limit_in_bytes"), "1048576\n");
  const MemoryRoom room = memory_room(root.path());
  EXPECT_EQ(room.limit, 1048576);
  EXPECT_EQ(room.used, 25 * sysconf(_SC_PAGE_SIZE));
  EXPECT_EQ(room.left(), room.limit - room.used);
  EXPECT_GT(memory_room().used, 1 << 20);
  EXPECT_EQ(MemoryRoom({10, 20}).left(), 0);
}

TEST(MemoryRoom, IsEnoughToTheLastByte) {
  const MemoryRoom room{100'000'000, 1'000'000};
  EXPECT_EQ(refusal({{"outputs", 90'000'000}, {"workspace", 9'000'000}}, room), "");
  EXPECT_EQ(
      refusal({{"outputs", 90'000'000}, {"packed weights", 0}, {"workspace", 9'000'001}}, room),
      "out-of-memory: 95 MiB are needed: outputs 86 MiB, workspace 8790 KiB; of the 96 MiB that this process may use it has "
      "977 KiB already");
  EXPECT_NE(refusal({{"outputs", INT64_MAX - 5}, {"workspace", INT64_MAX - 5}}, room), "");
}

TEST(MemoryRoom, IsAskedForAllThatACallTakes) {
  const ir::Program program = ir::parse(
      "imbrex 1\nkernel \"k\" {\ndim T\ninput x: bf16[T, 64]\nweight w: bf16[64, 32]\noutput y: f32[T, 32]\ncreate s: f32[T, "
      "32]\n"
      "parallel t in tiles(T, 8) @as_written {\nat \"a\" @as_written {\ns[t, :] = matmul(x[t, :], w[:, :])\n}\n}\n"
      "parallel v in tiles(T, 8) @as_written {\nat \"b\" @as_written {\ny[v, :] = s[v, :] + 1.0\n}\n}\n}\n",
      "k.tile");
  const runtime::CompiledKernel kernel = runtime::compile(program);
  const std::vector<MemoryNeed> needs = needs_of_call(kernel, {{"T", 100}}, {{"y", DType::f32, {100, 32}}}, 2, 3);
  ASSERT_EQ(needs.size(), 3u);
  EXPECT_EQ(needs[0].what, "outputs, 2 times,");
  EXPECT_EQ(needs[0].bytes, 2 * 100 * 32 * 4);
  EXPECT_EQ(needs[1].bytes, static_cast<int64_t>(kernel.table().tensors[1].packed_bytes));
  EXPECT_GE(needs[1].bytes, 64 * 32 * 2);
  EXPECT_EQ(needs[2].what, "workspace for 3 threads");
  EXPECT_GE(needs[2].bytes, 100 * 32 * 4);
}

}  // namespace
}  // namespace imbrex::tools
