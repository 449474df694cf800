#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "imbrex/runtime/jit.h"
#include "tests/support/temporary_folder.h"

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;
using tests::TemporaryFolder;

const char* const kSource = "// nothing\nextern \"C\" __attribute__((visibility(\"default\"))) int nothing() { return 0; }\n";

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* old = std::getenv(name);
    if (old != nullptr) old_ = old;
    if (value == nullptr) {
      unsetenv(name);
    } else {
      setenv(name, value, 1);
    }
  }
  ~Variable() {
    if (old_) {
      setenv(name_, old_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

struct Failure {
  std::string id, text;
};

Failure failure_of(const JitOptions& options, const std::string& source = kSource) {
  try {
    load_or_compile(source, options);
  } catch (const UserError& error) {
    return {error.diagnostics().at(0).id, error.what()};
  } catch (const InternalError& error) {
    return {"internal", error.what()};
  }
  return {"none", ""};
}

std::string script(const TemporaryFolder& folder, const std::string& text) {
  tests::write_text(folder.file("compiler"), "#!/bin/sh\n" + text);
  fs::permissions(folder.file("compiler"), fs::perms::owner_all);
  return folder.file("compiler");
}

// What the hints say: IMBREX_CXX names a compiler that works, and the source is that of a kernel.
void expect_mended(JitOptions options) {
  options.compiler.clear();
  options.flags.clear();
  const Variable own("IMBREX_CXX", "/usr/bin/c++");
  EXPECT_EQ(failure_of(options).text, "");
}

JitOptions options_in(const TemporaryFolder& folder) {
  JitOptions options;
  options.cache.directory = folder.file("cache");
  return options;
}

TEST(BadCompiler, None) {
  const TemporaryFolder folder;
  const Variable path("PATH", folder.path().c_str()), own("IMBREX_CXX", nullptr), cxx("CXX", nullptr);
  const Failure failure = failure_of(options_in(folder));
  EXPECT_EQ(failure.id, "no-compiler");
  EXPECT_NE(failure.text.find("apt-get install"), std::string::npos) << failure.text;
  EXPECT_FALSE(fs::exists(folder.file("cache")));
  const Variable tools("PATH", "/usr/bin:/bin");  // for the assembler and the linker
  expect_mended(options_in(folder));
}

TEST(BadCompiler, NamedButMissing) {
  const TemporaryFolder folder;
  const Variable own("IMBREX_CXX", "/no/such/compiler");
  const Failure failure = failure_of(options_in(folder));
  EXPECT_EQ(failure.id, "no-compiler");
  EXPECT_NE(failure.text.find("IMBREX_CXX"), std::string::npos) << failure.text;
  expect_mended(options_in(folder));
}

TEST(BadCompiler, CompilesNothing) {
  const TemporaryFolder folder;
  JitOptions options = options_in(folder);
  options.compiler = "/bin/false";
  EXPECT_EQ(failure_of(options).id, "no-compiler");
  options.compiler = script(folder, "[ \"$1\" = --version ] && echo mine && exit 0\necho I am broken; exit 1\n");
  const Failure failure = failure_of(options);
  EXPECT_EQ(failure.id, "compiler-unusable");
  EXPECT_NE(failure.text.find("I am broken"), std::string::npos) << failure.text;
  options.compiler = script(folder, "[ \"$1\" = --version ] && echo mine\n");  // and writes nothing
  EXPECT_NE(failure_of(options).text.find("it says nothing"), std::string::npos) << failure_of(options).text;
  options.compiler.clear();
  options.flags = {"-mno-such-machine"};
  EXPECT_EQ(failure_of(options).id, "compiler-unusable");
  expect_mended(options);
}

TEST(BadCompiler, IsKilled) {
  const TemporaryFolder folder;
  JitOptions options = options_in(folder);
  options.compiler = script(folder, "for word; do [ \"$word\" = kernel.cpp ] && kill -9 $$; done\nexec g++ \"$@\"\n");
  EXPECT_EQ(failure_of(options).id, "compiler-killed");
  options.compiler = script(folder, "[ \"$1\" = --version ] && echo mine && exit 0\nkill -9 $$\n");  // whatever it compiles
  EXPECT_EQ(failure_of(options).id, "compiler-killed");
  expect_mended(options);
}

TEST(BadCompiler, LacksMemoryOrSpace) {
  for (const char* saying :
       {"cc1plus: out of memory allocating 65536 bytes", "virtual memory exhausted: Cannot allocate memory",
        "collect2: fatal error: ld terminated with signal 9 [Killed]",
        "c++: internal compiler error: Segmentation fault signal terminated program cc1plus",
        "clang: error: clang frontend command failed due to signal (use -v to see invocation)",
        "clang: error: unable to execute command: Killed", "Fatal error: can't write kernel.o: No space left on device"}) {
    const TemporaryFolder folder;
    JitOptions options = options_in(folder);
    options.compiler = script(folder, fmt::format("for word; do [ \"$word\" = kernel.cpp ] && echo \"{}\" >&2 && exit 1; done\n"
                                                  "exec g++ \"$@\"\n",
                                                  saying));
    const Failure failure = failure_of(options);
    EXPECT_EQ(failure.id, "compiler-killed") << saying;
    EXPECT_NE(failure.text.find(saying), std::string::npos) << failure.text;
    expect_mended(options);
  }
}

TEST(BadPlace, NothingCanBeWritten) {
  const TemporaryFolder folder;
  tests::write_text(folder.file("file"), "");
  JitOptions options;
  options.cache.directory = folder.file("file/below");
  {
    const Variable temporary("TMPDIR", "/no/such/folder");
    const Failure failure = failure_of(options);
    EXPECT_EQ(failure.id, "no-temporary-directory");
    EXPECT_NE(failure.text.find(folder.file("file/below")), std::string::npos) << failure.text;
  }
  const Variable temporary("TMPDIR", folder.path().c_str());
  EXPECT_EQ(failure_of(options).id, "none");
}

TEST(BadLibrary, ThatCannotBeLoaded) {
  const TemporaryFolder folder;
  const std::string needs =
      "extern \"C\" int not_in_this_process();\nextern \"C\" int calls() { return not_in_this_process(); }\n";
  const Failure failure = failure_of(options_in(folder), needs);
  EXPECT_EQ(failure.id, "cannot-load");
  EXPECT_NE(failure.text.find("not_in_this_process"), std::string::npos) << failure.text;
  expect_mended(options_in(folder));
}

TEST(BadSource, IsAnInternalErrorThatNamesTheKeptFile) {
  const TemporaryFolder folder;
  const Failure failure = failure_of(options_in(folder), "// bad\nint broken(;\n");
  EXPECT_EQ(failure.id, "internal");
  const size_t begin = failure.text.find(folder.file("cache"));
  ASSERT_NE(begin, std::string::npos) << failure.text;
  const std::string kept = failure.text.substr(begin, failure.text.find(';', begin) - begin);
  EXPECT_EQ(tests::read_text(kept), "// bad\nint broken(;\n");
}

TEST(CorruptHeader, InTheCacheDirectoryIsNotUsed) {
  const TemporaryFolder folder;
  const JitOptions options = options_in(folder);
  const std::string source = "#include \"imbrex/runtime/abi.h\"\n" + std::string(kSource);
  const fs::path entry = load_or_compile(source, options).source.parent_path();
  tests::write_text((entry / "imbrex/runtime/abi.h").string(), "damaged");
  EXPECT_TRUE(load_or_compile(source, options).from_cache);  // headers are only there to be read
  fs::remove(entry / "kernel.so");
  EXPECT_EQ(failure_of(options, source).id, "none");
}

}  // namespace
}  // namespace imbrex::runtime
