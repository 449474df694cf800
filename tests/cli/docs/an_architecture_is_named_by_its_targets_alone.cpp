// What is known of processors is in imbrex/target/: outside of it no source names an architecture, an instruction or a register.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>

#include "support/command.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// In lower case, as parts of words.
constexpr const char* kOfAnArchitecture[] = {
    "x86",    "i386",    "amd64",   "aarch64", "__arm",          "mmintrin",        "arm_neon",      "cpuid",
    "_mm_",   "_mm256_", "_mm512_", "__m128",  "__m256",         "__m512",          "mxcsr",         "fpcr",
    "sfence", "xgetbv",  "rdtsc",   "_ia32_",  "__builtin_cpu_", "builtin_aarch64", "target_clones", "__attribute__((target",
    "-mavx",  "-msse",   "-mfma",   "-march"};

// Which of these a text has.
std::string named_in(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string found;
  for (const char* name : kOfAnArchitecture)
    if (text.find(name) != std::string::npos) found += std::string(" ") + name;
  return found;
}

TEST(Architectures, are_named_by_their_targets_alone) {
  const fs::path root = IMBREX_SOURCE_DIR;
  const std::set<std::string> kinds = {".cpp", ".h", ".c", ".txt", ".cmake", ".in"};
  std::string found;
  int files = 0;
  for (const char* folder : {"imbrex", "cmake", "examples"})
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string path = fs::relative(entry.path(), root).string();
      if (!entry.is_regular_file() || !kinds.contains(entry.path().extension()) || path.starts_with("imbrex/target/")) continue;
      ++files;
      if (const std::string names = named_in(read_text(entry.path())); !names.empty()) found += path + ":" + names + "\n";
    }
  EXPECT_GT(files, 100);
  EXPECT_EQ(found, "");
}

TEST(Architectures, are_seen) {
  for (const char* text : {"#if defined(__x86_64__)", "#include <immintrin.h>", "_mm_sfence();", "__builtin_ia32_pause();",
                           "__attribute__((target_clones(\"fma\", \"default\")))", "flags = {\"-mavx2\"};", "reads MXCSR"})
    EXPECT_NE(named_in(text), "") << text;
  EXPECT_EQ(named_in("programs in memory"), "");
}

}  // namespace
}  // namespace imbrex::tests
