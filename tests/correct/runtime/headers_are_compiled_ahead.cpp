// The second kernel that is compiled with the same flags finds its headers compiled; what it becomes is the same byte for byte, and
// nothing that happens to these files keeps a kernel from being compiled.
#include <gtest/gtest.h>

#include "imbrex/runtime/compiler.h"
#include "imbrex/runtime/jit.h"
#include "imbrex/runtime/precompiled.h"
#include "tests/support/answer_module.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;
using tests::answer_of;
using tests::answer_source;
using tests::options_in;
using tests::read_text;
using tests::TemporaryFolder;
using tests::write_text;

std::string source(int answer) { return "#include \"imbrex/target/isa/scalar.h\"\n" + answer_source(answer); }

std::vector<fs::path> precompiled_in(const JitOptions& options) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& child : fs::directory_iterator(options.cache.directory / "headers", none))
    if (child.path().extension() == ".gch") files.push_back(child.path());
  return files;
}

bool has_gcc(const JitOptions& options) {
  return find_compiler("", Cache(options.cache)).version.find("Free Software Foundation") != std::string::npos;
}

TEST(Headers, AreCompiledAheadForTheSecondKernel) {
  const TemporaryFolder folder, other;
  const JitOptions options = options_in(folder);
  if (!has_gcc(options)) GTEST_SKIP() << "no g++";
  EXPECT_EQ(answer_of(load_or_compile(source(1), options)), 1);
  EXPECT_EQ(precompiled_in(options).size(), 0u);
  const Module second = load_or_compile(source(2), options);
  ASSERT_EQ(precompiled_in(options).size(), 1u);
  EXPECT_EQ(read_text(precompiled_in(options)[0].string()).substr(0, 4), "gpch");
  const Module alone = load_or_compile(source(2), options_in(other));
  EXPECT_EQ(read_text(second.library.string()), read_text(alone.library.string()));
  // Other flags have others.
  JitOptions less = options;
  less.flags.push_back("-O1");
  for (const int answer : {3, 4}) EXPECT_EQ(answer_of(load_or_compile(source(answer), less)), answer);
  EXPECT_EQ(precompiled_in(options).size(), 2u);
  EXPECT_TRUE(alone.warnings.empty() && second.warnings.empty());
}

TEST(Headers, ThatAreDamagedAreDoneWithout) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  if (!has_gcc(options)) GTEST_SKIP() << "no g++";
  for (const int answer : {1, 2}) load_or_compile(source(answer), options);
  const std::vector<fs::path> files = precompiled_in(options);
  ASSERT_EQ(files.size(), 1u);
  const std::string whole = read_text(files[0].string());
  int answer = 3;
  for (const std::string& damaged :
       {std::string(), std::string("gpch"), whole.substr(0, whole.size() / 2), "x" + whole.substr(1)}) {
    write_text(files[0].string(), damaged);
    const Module module = load_or_compile(source(answer), options);
    EXPECT_EQ(answer_of(module), answer);
    EXPECT_TRUE(module.warnings.empty());
    ++answer;
  }
  fs::remove(fs::path(files[0]).replace_extension());
  EXPECT_EQ(answer_of(load_or_compile(source(answer), options)), answer);
}

TEST(Headers, GoWithTheCache) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  if (!has_gcc(options)) GTEST_SKIP() << "no g++";
  for (const int answer : {1, 2}) load_or_compile(source(answer), options);
  EXPECT_GT(Cache(options.cache).clear(), fs::file_size("/proc/self/exe") / 1000);
  EXPECT_FALSE(fs::exists(options.cache.directory / "headers"));
}

TEST(Headers, UsedLongestAgoGoFirst) {
  const TemporaryFolder folder;
  const Cache cache(options_in(folder).cache);
  const auto name = [](size_t i) { return std::string(63, 'a') + "0123456789abcdef"[i] + ".gch"; };
  const fs::path of_others = cache.root() / "headers" / "notes.gch";
  fs::create_directories(of_others.parent_path());
  write_text(of_others.string(), "not of the cache, and longer than all that it may keep");
  for (size_t i = 0; i < 5; ++i) {
    const fs::path made = cache.make_private_directory() / "all.gch";
    write_text(made.string(), "headers");
    ASSERT_EQ(cache.keep_file("headers", name(i), made, 3 * std::string("headers").size()), "");
    if (i == 2) {
      EXPECT_TRUE(cache.kept_file("headers", name(0)));
    }
  }
  EXPECT_FALSE(cache.kept_file("headers", name(1)));
  EXPECT_FALSE(cache.kept_file("headers", name(2)));
  for (const size_t i : {0, 3, 4}) EXPECT_TRUE(cache.kept_file("headers", name(i))) << i;
  EXPECT_TRUE(fs::exists(of_others));
}

}  // namespace
}  // namespace imbrex::runtime
