#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>

#include "imbrex/runtime/jit.h"
#include "tests/support/answer_module.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;
using tests::answer_of;
using tests::answer_source;
using tests::in_child;
using tests::options_in;
using tests::read_text;
using tests::TemporaryFolder;
using tests::write_text;

fs::path only_entry(const JitOptions& options) {
  const std::vector<CacheEntry> entries = Cache(options.cache).list();
  EXPECT_EQ(entries.size(), 1u);
  return entries.at(0).directory;
}

size_t private_directories(const JitOptions& options) {
  size_t count = 0;
  for (const auto& child : fs::directory_iterator(options.cache.directory))
    if (child.path().filename().string().rfind("imbrex-new-", 0) == 0) ++count;
  return count;
}

TEST(Cache, SecondTimeIsAHitAndTheSourceIsKept) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  const Module cold = load_or_compile(answer_source(42), options);
  EXPECT_FALSE(cold.from_cache);
  const Module hit = load_or_compile(answer_source(42), options);
  EXPECT_TRUE(hit.from_cache);
  EXPECT_EQ(answer_of(cold), 42);
  EXPECT_EQ(answer_of(hit), 42);
  EXPECT_EQ(read_text(hit.source.string()), answer_source(42));
  EXPECT_EQ(read_text(cold.source.string()), answer_source(42));
  EXPECT_TRUE(hit.warnings.empty());
  EXPECT_EQ(private_directories(options), 0u);
}

TEST(Cache, SourceFlagsAndCompilerEachMakeAnotherKey) {
  const TemporaryFolder folder;
  JitOptions options = options_in(folder);
  load_or_compile(answer_source(1), options);
  EXPECT_FALSE(load_or_compile(answer_source(2), options).from_cache);
  options.flags = {"-O1"};
  EXPECT_FALSE(load_or_compile(answer_source(1), options).from_cache);
  options.compiler = "g++ -DANSWER=1";
  EXPECT_FALSE(load_or_compile(answer_source(1), options).from_cache);
  EXPECT_TRUE(load_or_compile(answer_source(1), options).from_cache);
  EXPECT_EQ(Cache(options.cache).list().size(), 4u);
}

TEST(Cache, AnyTruncationOrFlippedByteIsAMissAndIsReplaced) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  load_or_compile(answer_source(7), options);
  const fs::path entry = only_entry(options);
  for (const char* name : {"kernel.so", "kernel.cpp", "manifest"}) {
    const std::string good = read_text((entry / name).string());
    ASSERT_FALSE(good.empty());
    for (size_t part = 0; part < 16; ++part) {
      write_text((entry / name).string(), good.substr(0, good.size() * part / 16));
      EXPECT_FALSE(is_intact(entry)) << name << " cut after " << part << "/16";
      std::string flipped = good;
      flipped[good.size() * part / 16] ^= 1;
      write_text((entry / name).string(), flipped);
      EXPECT_FALSE(is_intact(entry)) << name << " flipped at " << part << "/16";
    }
    write_text((entry / name).string(), good.substr(0, good.size() / 2));
    const Module again = load_or_compile(answer_source(7), options);
    EXPECT_FALSE(again.from_cache) << name;
    EXPECT_EQ(answer_of(again), 7);
    EXPECT_TRUE(is_intact(entry)) << name;
    fs::remove(entry / name);
    EXPECT_EQ(answer_of(load_or_compile(answer_source(7), options)), 7);
    EXPECT_TRUE(load_or_compile(answer_source(7), options).from_cache) << name;
  }
  EXPECT_EQ(private_directories(options), 0u);
}

TEST(Cache, AFileInPlaceOfAnEntryIsReplaced) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  load_or_compile(answer_source(8), options);
  const fs::path entry = only_entry(options);
  fs::remove_all(entry);
  write_text(entry.string(), "not a directory");
  EXPECT_EQ(answer_of(load_or_compile(answer_source(8), options)), 8);
  EXPECT_TRUE(load_or_compile(answer_source(8), options).from_cache);
}

TEST(Cache, RacingProcessesAllGetTheKernel) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i)
    children.push_back(in_child([&] { return answer_of(load_or_compile(answer_source(11), options)) == 11 ? 0 : 1; }));
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_TRUE(is_intact(only_entry(options)));
  EXPECT_EQ(private_directories(options), 0u);
}

TEST(Cache, AKilledProcessLeavesNothingThatIsTaken) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  for (int i = 0; i < 12; ++i) {
    const pid_t child = in_child([&] { return answer_of(load_or_compile(answer_source(13), options)) == 13 ? 0 : 1; });
    std::this_thread::sleep_for(std::chrono::milliseconds(7 * i));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (const CacheEntry& entry : Cache(options.cache).verify(false)) EXPECT_TRUE(entry.intact);
  }
  EXPECT_EQ(answer_of(load_or_compile(answer_source(13), options)), 13);
  EXPECT_TRUE(load_or_compile(answer_source(13), options).from_cache);
}

// As Ctrl-C ends a process while the compiler runs. Another process may still be compiling.
TEST(Cache, ClearRemovesWhatAnEndedProcessLeft) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  const fs::path of_this_process = Cache(options.cache).make_private_directory();
  const pid_t child = in_child([&] {
    Cache(options.cache).make_private_directory();
    return 0;
  });
  waitpid(child, nullptr, 0);
  EXPECT_EQ(private_directories(options), 2u);
  Cache(options.cache).clear();
  EXPECT_EQ(private_directories(options), 1u);
  EXPECT_TRUE(fs::exists(of_this_process));
}

TEST(Cache, ReadOnlyCacheGivesHitsAndCompilesElsewhereWithOneWarning) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  load_or_compile(answer_source(17), options);
  fs::permissions(folder.path(), fs::perms(0755));
  fs::permissions(options.cache.directory, fs::perms(0555));
  const pid_t child = in_child([&] {
    if (getuid() == 0 && seteuid(65534) != 0) return 2;  // permissions do not bind root
    const Module hit = load_or_compile(answer_source(17), options);
    if (!hit.from_cache || answer_of(hit) != 17) return 3;
    const Module cold = load_or_compile(answer_source(18), options);
    if (cold.from_cache || answer_of(cold) != 18) return 4;
    return cold.warnings.size() == 1 && cold.warnings[0].id == "cache-unwritable" ? 0 : 5;
  });
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  fs::permissions(options.cache.directory, fs::perms::owner_all);
}

TEST(Cache, AnImpossibleDirectoryIsOneWarning) {
  const TemporaryFolder folder;
  write_text(folder.file("cache"), "a file");
  fs::path temporary;
  {
    const Module module = load_or_compile(answer_source(19), options_in(folder));
    EXPECT_EQ(answer_of(module), 19);
    ASSERT_EQ(module.warnings.size(), 1u);
    EXPECT_EQ(module.warnings[0].id, "cache-unwritable");
    temporary = module.library.parent_path();
    EXPECT_TRUE(fs::exists(temporary));
  }
  EXPECT_FALSE(fs::exists(temporary));
}

TEST(Cache, LeastRecentlyUsedEntriesGoFirst) {
  const TemporaryFolder folder;
  JitOptions options = options_in(folder);
  load_or_compile(answer_source(1), options);
  const uint64_t one = Cache(options.cache).list().at(0).bytes;
  load_or_compile(answer_source(2), options);
  EXPECT_TRUE(load_or_compile(answer_source(1), options).from_cache);
  options.cache.most_bytes = one * 5 / 2;
  load_or_compile(answer_source(3), options);
  EXPECT_TRUE(load_or_compile(answer_source(1), options).from_cache);
  EXPECT_TRUE(load_or_compile(answer_source(3), options).from_cache);
  EXPECT_EQ(Cache(options.cache).list().size(), 2u);
}

TEST(Cache, ListVerifyAndClear) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  load_or_compile(answer_source(1), options);
  load_or_compile(answer_source(2), options);
  const Cache cache(options.cache);
  ASSERT_EQ(cache.list().size(), 2u);
  EXPECT_EQ(cache.list()[0].kernel, "answer");
  write_text((cache.list()[0].directory / "kernel.so").string(), "damaged");
  int intact = 0;
  for (const CacheEntry& entry : cache.verify(true)) intact += entry.intact ? 1 : 0;
  EXPECT_EQ(intact, 1);
  EXPECT_EQ(cache.list().size(), 1u);
  write_text(folder.file("cache/mine.txt"), "not Imbrex's");
  EXPECT_GT(cache.clear(), 0u);
  EXPECT_TRUE(cache.list().empty());
  EXPECT_TRUE(fs::exists(folder.file("cache/mine.txt")));
}

TEST(Cache, TheCompilerIsAskedItsVersionOnceUntilItChanges) {
  const TemporaryFolder folder;
  JitOptions options = options_in(folder);
  options.compiler = folder.file("compiler");
  const std::string log = folder.file("log");
  const auto install = [&](const std::string& version) {
    write_text(options.compiler, "#!/bin/sh\nif [ \"$1\" = --version ]; then echo asked >> " + log + "; echo " + version +
                                     "; exit; fi\nexec g++ \"$@\"\n");
    fs::permissions(options.compiler, fs::perms::owner_all);
  };
  install("one");
  load_or_compile(answer_source(5), options);
  EXPECT_TRUE(load_or_compile(answer_source(5), options).from_cache);
  EXPECT_EQ(read_text(log), "asked\n");
  install("two-is-longer");
  EXPECT_FALSE(load_or_compile(answer_source(5), options).from_cache);
  EXPECT_EQ(read_text(log), "asked\nasked\n");
}

}  // namespace
}  // namespace imbrex::runtime
