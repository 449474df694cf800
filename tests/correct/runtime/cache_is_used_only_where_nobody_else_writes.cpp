#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>

#include "imbrex/ir/parse.h"
#include "imbrex/runtime/driver.h"
#include "imbrex/runtime/trust.h"
#include "tests/support/answer_module.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;
using tests::answer_of;
using tests::answer_source;
using tests::in_child;
using tests::options_in;
using tests::TemporaryFolder;
using tests::write_text;

constexpr uid_t kNobody = 65534;

mode_t mode_of(const fs::path& path) {
  struct stat file = {};
  EXPECT_EQ(stat(path.c_str(), &file), 0) << path;
  return file.st_mode & 07777;
}

fs::path entry_of(const JitOptions& options, int answer) {
  load_or_compile(answer_source(answer), options);
  return Cache(options.cache).list().at(0).directory;
}

// Under the key of the first, the code of the second, sealed as if it were the first's.
void plant(const JitOptions& options, int asked, int planted) {
  const TemporaryFolder elsewhere;
  const fs::path entry = entry_of(options, asked), other = entry_of(options_in(elsewhere), planted);
  fs::copy_file(other / "kernel.so", entry / "kernel.so", fs::copy_options::overwrite_existing);
  seal(entry);
}

void expect_unused(const JitOptions& options, int answer, const std::string& why) {
  const Module module = load_or_compile(answer_source(answer), options);
  EXPECT_EQ(answer_of(module), answer);
  EXPECT_FALSE(module.from_cache);
  ASSERT_EQ(module.warnings.size(), 1u) << why;
  EXPECT_EQ(module.warnings[0].id, "cache-of-others");
  EXPECT_NE(module.warnings[0].message.find(why), std::string::npos) << module.warnings[0].message;
}

TEST(CacheOfOthers, CodeThatOthersCouldHavePlantedDoesNotRun) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  plant(options, 1, 666);
  EXPECT_EQ(answer_of(load_or_compile(answer_source(1), options)), 666);  // by this user: nothing protects one from oneself
  for (const mode_t mode : {0777, 01777, 0757}) {
    chmod(options.cache.directory.c_str(), mode);
    expect_unused(options, 1, "everybody may write to");
  }
  chmod(options.cache.directory.c_str(), 0755);
  chmod(folder.path().c_str(), 0777);  // others can put another folder in its place
  expect_unused(options, 1, "everybody may write to");
  chmod(folder.path().c_str(), 01777);
  EXPECT_TRUE(load_or_compile(answer_source(1), options).from_cache);
}

TEST(CacheOfOthers, ALinkThatOthersCouldChangeLeadsNowhere) {
  const TemporaryFolder folder;
  JitOptions options = options_in(folder);
  plant(options, 1, 666);
  fs::create_directory(folder.file("open"));
  fs::create_directory_symlink(options.cache.directory, folder.file("open/link"));
  options.cache.directory = folder.file("open/link");
  EXPECT_TRUE(load_or_compile(answer_source(1), options).from_cache);
  chmod(folder.file("open").c_str(), 0777);
  expect_unused(options, 1, "everybody may write to");
}

TEST(CacheOfOthers, FilesOfAnotherUserDoNotRun) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  plant(options, 1, 666);
  for (const char* name : {"kernel.so", "manifest", "."}) {
    const fs::path file = entry_of(options, 1) / name;
    ASSERT_EQ(chown(file.c_str(), kNobody, kNobody), 0);
    const Module module = load_or_compile(answer_source(1), options);
    EXPECT_EQ(answer_of(module), 1) << name;
    EXPECT_FALSE(module.from_cache) << name;
    EXPECT_TRUE(load_or_compile(answer_source(1), options).from_cache) << "it was replaced";
  }
  ASSERT_EQ(chown(options.cache.directory.c_str(), kNobody, kNobody), 0);
  expect_unused(options, 1, "belongs to user 65534");
}

TEST(CacheOfOthers, VerdictsAreNotBelieved) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  const ir::Program program = ir::parse(
      "imbrex 1\nkernel \"k\" {\ndim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\ny[:, :] = x[:, :]\n}\n", "kernel.tile");
  EXPECT_FALSE(require_accepted(program, options.cache).from_cache);
  EXPECT_TRUE(require_accepted(program, options.cache).from_cache);
  const fs::path proofs = options.cache.directory / "proofs";
  chmod(proofs.c_str(), 0777);
  EXPECT_FALSE(require_accepted(program, options.cache).from_cache);
  chmod(proofs.c_str(), 0700);
  for (const auto& verdict : fs::directory_iterator(proofs)) chmod(verdict.path().c_str(), 0666);
  EXPECT_FALSE(require_accepted(program, options.cache).from_cache);
  EXPECT_TRUE(require_accepted(program, options.cache).from_cache) << "it was replaced";
  chmod(options.cache.directory.c_str(), 0777);
  EXPECT_FALSE(require_accepted(program, options.cache).from_cache);
}

TEST(Verdicts, AreOfOneProgram) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  const auto program = [](const char* value) {
    return ir::parse(
        std::string("imbrex 1\nkernel \"k\" {\ndim T\ninput x: f32[T, 8]\noutput y: f32[T, 8]\ny[:, :] = ") + value + "\n}\n",
        "kernel.tile");
  };
  EXPECT_FALSE(require_accepted(program("x[:, :]"), options.cache).from_cache);
  EXPECT_FALSE(require_accepted(program("-x[:, :]"), options.cache).from_cache);
  EXPECT_TRUE(require_accepted(program("x[:, :]"), options.cache).from_cache);
}

TEST(CacheOfOthers, NewFoldersAreForThisUserAlone) {
  const TemporaryFolder folder;
  JitOptions options = options_in(folder);
  options.cache.directory = folder.file("home/.cache/imbrex");
  const mode_t before = umask(0);
  load_or_compile(answer_source(1), options);
  umask(before);
  for (const char* name : {"home", "home/.cache", "home/.cache/imbrex", "home/.cache/imbrex/compilers"})
    EXPECT_EQ(mode_of(folder.file(name)), 0700u) << name;
  for (const auto& kept : fs::recursive_directory_iterator(options.cache.directory))
    EXPECT_EQ(mode_of(kept.path()) & 0022, 0u) << kept.path();
  EXPECT_TRUE(load_or_compile(answer_source(1), options).from_cache);
}

TEST(CacheOfOthers, AGroupOfOneIsNobodyElse) {
  const TemporaryFolder folder;
  chmod(folder.path().c_str(), 0775);
  if (geteuid() != 0) GTEST_SKIP() << "what group this user has is not known";
  EXPECT_EQ(why_others_decide(folder.path()), "");  // root's group is root's alone
  ASSERT_EQ(chown(folder.path().c_str(), 0, kNobody), 0);
  EXPECT_EQ(why_others_decide(folder.path()), "its group may write to '" + folder.path() + "'");
}

// What `setfacl -m u:65534:PERMISSIONS` does: 4 to read, 2 to write. False where the file system has no such lists.
bool let_nobody(const fs::path& path, uint16_t permissions) {
  struct Entry {
    uint16_t tag, permissions;
    uint32_t id;
  };
  const uint32_t none = UINT32_MAX;
  // The owner, a user, the group, the most that both may, others.
  const Entry entries[] = {{1, 7, none}, {2, permissions, kNobody}, {4, 0, none}, {16, permissions, none}, {32, 0, none}};
  std::string list = {2, 0, 0, 0};  // the version
  list.append(reinterpret_cast<const char*>(entries), sizeof(entries));
  return setxattr(path.c_str(), "system.posix_acl_access", list.data(), list.size(), 0) == 0;
}

// Its permissions stand where the group's stand otherwise.
TEST(CacheOfOthers, WhoIsOnAnAccessListIsSomebodyElse) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  plant(options, 1, 666);
  if (!let_nobody(options.cache.directory, 4)) GTEST_SKIP() << "this file system has no access control lists";
  EXPECT_EQ(answer_of(load_or_compile(answer_source(1), options)), 666);
  ASSERT_TRUE(let_nobody(options.cache.directory, 6));
  EXPECT_EQ(mode_of(options.cache.directory), 0760);
  expect_unused(options, 1, geteuid() == 0 ? "an access control list says who may write to" : "may write to");
  chmod(options.cache.directory.c_str(), 0700);  // nobody on the list may do more than the group
  EXPECT_EQ(answer_of(load_or_compile(answer_source(1), options)), 666);
}

TEST(CacheOfOthers, ClearLeavesWhatIsNotImbrexs) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  const fs::path root = options.cache.directory, key = std::string(64, 'a');
  load_or_compile(answer_source(1), options);
  const char* kept[] = {"proofs/thesis.tex", "tmp-mine/work"};
  for (const char* name : kept) {
    fs::create_directories((root / name).parent_path());
    write_text(root / name, "mine");
    fs::last_write_time((root / name).parent_path(), fs::file_time_type::clock::now() - std::chrono::hours(48));
  }
  fs::create_directories(root / key);
  write_text(root / key / "photograph", "mine");
  write_text(root / key / "manifest", "of a photograph");
  const TemporaryFolder elsewhere;
  write_text(elsewhere.file(key), "mine");
  fs::remove_all(root / "compilers");
  fs::create_directory_symlink(elsewhere.path(), root / "compilers");
  write_text(root / "proofs" / key, "of a program");
  EXPECT_EQ(Cache(options.cache).list().size(), 1u);
  load_or_compile(answer_source(2), options);  // evicts what is abandoned
  EXPECT_GT(Cache(options.cache).clear(), 0u);
  EXPECT_TRUE(Cache(options.cache).list().empty());
  EXPECT_FALSE(fs::exists(root / "proofs" / key));
  EXPECT_TRUE(fs::exists(root / key / "photograph"));
  EXPECT_TRUE(fs::exists(elsewhere.file(key))) << "behind a link";
  for (const char* name : kept) EXPECT_TRUE(fs::exists(root / name)) << name;
}

TEST(CacheOfOthers, WithoutAHomeNothingIsWrittenHere) {
  const TemporaryFolder folder, temporary;
  const pid_t child = in_child([&] {
    for (const char* name : {"IMBREX_CACHE", "XDG_CACHE_HOME", "HOME"}) unsetenv(name);
    setenv("TMPDIR", temporary.path().c_str(), 1);
    fs::current_path(folder.path());
    const Module module = load_or_compile(answer_source(1), {});
    if (answer_of(module) != 1 || module.warnings.size() != 1) return 1;
    const std::string told = module.warnings[0].message, key = std::string(64, 'a');
    fs::create_directory("proofs");
    write_text("proofs/" + key, "mine");
    if (Cache().clear() != 0 || !fs::exists("proofs/" + key)) return 4;
    fs::remove_all("proofs");
    setenv("HOME", "here", 1);
    if (!default_cache_directory().empty()) return 5;
    for (const char* name : {"IMBREX_CACHE", "XDG_CACHE_HOME", "HOME"})
      if (told.find(name) == std::string::npos) return 2;
    return folder.entries() == 0 ? 0 : 3;
  });
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(CacheOfOthers, AFullDiskIsLikeOneThatIsReadOnly) {
  const TemporaryFolder folder;
  JitOptions options = options_in(folder);
  load_or_compile(answer_source(3), options);
  const uint64_t needed = Cache(options.cache).list().at(0).bytes;
  // Full when headers are written, in the middle of them, and when the code is compiled.
  for (const uint64_t bytes : {needed / 16, needed / 2, needed - 4096}) {
    const std::string disk = folder.file(fmt::format("disk{}", bytes)), size = fmt::format("mode=0700,size={}", bytes);
    fs::create_directory(disk);
    if (mount("imbrex-test", disk.c_str(), "tmpfs", 0, size.c_str()) != 0)
      GTEST_SKIP() << "only who may mount can have a disk as small as this";
    options.cache.directory = disk + "/cache";
    {
      const Module module = load_or_compile(answer_source(3), options);
      EXPECT_EQ(answer_of(module), 3);
      ASSERT_EQ(module.warnings.size(), 1u) << bytes << " of " << needed;
      EXPECT_EQ(module.warnings[0].id, "cache-unwritable");
    }
    umount2(disk.c_str(), MNT_DETACH);
  }
}

}  // namespace
}  // namespace imbrex::runtime
