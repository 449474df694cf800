#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "imbrex/imbrex.h"
#include "imbrex/runtime/aot_library.h"
#include "imbrex/target/target.h"
#include "support/c_interface.h"
#include "support/command.h"
#include "support/temporary_folder.h"

namespace imbrex::tests {
namespace {

namespace fs = std::filesystem;

// What loading says: the id and the message, or "" where it loads.
std::string outcome(const std::string& path) {
  imbrex_compiled* compiled = nullptr;
  CError error;
  const imbrex_outcome result = imbrex_load(path.c_str(), &compiled, error);
  EXPECT_EQ(result == IMBREX_DONE, compiled != nullptr);
  imbrex_compiled_free(compiled);
  if (result == IMBREX_DONE) return "";
  const imbrex_diagnostic found = imbrex_error_at(error.get(), 0);
  EXPECT_EQ(result, IMBREX_REFUSED);
  EXPECT_STRNE(found.hint, "");
  return std::string("[") + found.id + "]: " + found.message;
}

std::string compiler() {
  const char* named = std::getenv("IMBREX_CXX");
  return named && *named ? named : "c++";
}

// A shared library of this source, with the line behind it by which loaders know a library.
std::string sealed(const TemporaryFolder& folder, const std::string& source) {
  write_text(folder.file("own.cpp"), "#include \"imbrex/runtime/abi.h\"\n" + source);
  const CommandResult built = run_command(compiler() + " -std=c++20 -shared -fPIC -I '" IMBREX_SOURCE_DIR "' '" +
                                          folder.file("own.cpp") + "' -o '" + folder.file("own.so") + "'");
  EXPECT_EQ(built.status, 0) << built.err;
  runtime::seal_library(folder.file("own.so"));
  return folder.file("own.so");
}

class BadLibrary : public testing::Test {
 protected:
  void SetUp() override {
    imbrex_program* program = nullptr;
    CError error;
    ASSERT_EQ(imbrex_parse("imbrex 1\nkernel \"ones\" {\ndim T\noutput y: f32[T, 4]\ny[:, :] = full(f32, [T, 4], 1.0)\n}\n",
                           "k.tile", &program, error),
              IMBREX_DONE);
    program_.reset(program);
    const char* targets[] = {"scalar"};
    ASSERT_EQ(imbrex_export_library(program_.get(), nullptr, folder_.path().c_str(), targets, 1, nullptr, error), IMBREX_DONE)
        << error.text();
    library_ = folder_.file("libones.so");
    bytes_ = read_text(library_);
    ASSERT_EQ(outcome(library_), "");
  }
  std::string outcome_of(const std::string& bytes) {
    write_text(folder_.file("changed.so"), bytes);
    return outcome(folder_.file("changed.so"));
  }

  TemporaryFolder folder_;
  CProgram program_;
  std::string library_, bytes_;
};

TEST_F(BadLibrary, IsNamedWhereItIsNone) {
  const std::string text = folder_.file("notes.txt");
  write_text(text, "no library at all");
  EXPECT_EQ(outcome(folder_.file("none.so")),
            "[file-unreadable]: cannot read '" + folder_.file("none.so") + "': there is no such file");
  EXPECT_EQ(outcome(folder_.path()), "[file-unreadable]: cannot read '" + folder_.path() + "': it is a folder");
  EXPECT_EQ(outcome("/dev/zero"), "[file-unreadable]: cannot read '/dev/zero': it is no regular file");
  EXPECT_EQ(outcome(text), "[cannot-load]: '" + text + "' is not a library");
  EXPECT_EQ(outcome_of(""), "[cannot-load]: '" + folder_.file("changed.so") + "' is not a library");
}

// Nothing of it is executed: this one would end the process.
TEST_F(BadLibrary, IsNotLoadedWhereItIsOfAnotherKind) {
  write_text(folder_.file("other.cpp"), "#include <stdlib.h>\n__attribute__((constructor)) static void start() { abort(); }\n");
  const std::string other = folder_.file("other.so");
  const CommandResult built = run_command(compiler() + " -shared -fPIC '" + folder_.file("other.cpp") + "' -o '" + other + "'");
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_EQ(outcome(other), "[cannot-load]: '" + other + "' is a library, but of no kernel that Imbrex exported");
}

TEST_F(BadLibrary, IsSeenToBeDamaged) {
  const std::string expected =
      "[cannot-load]: '" + folder_.file("changed.so") + "' is damaged: its bytes are not those that were exported";
  for (const size_t size : {bytes_.size() - 1, bytes_.size() - 90, bytes_.size() - 4096})
    EXPECT_EQ(outcome_of(bytes_.substr(0, size)), expected) << size;
  for (size_t place = 20; place < bytes_.size(); place += 997) {
    std::string changed = bytes_;
    changed[place] = static_cast<char>(changed[place] ^ 1);
    ASSERT_EQ(outcome_of(changed), expected) << place;
  }
  EXPECT_EQ(outcome_of(bytes_ + " "), expected);
  EXPECT_EQ(outcome_of(bytes_), "");
}

TEST_F(BadLibrary, OfAnotherVersionIsRefusedByItsNumber) {
  const std::string path = folder_.file("own.so");
  const auto with = [&](const std::string& abi, const std::string& semantics) {
    return outcome(
        sealed(folder_, "static const imbrex_kernel table = {" + abi + ", " + semantics +
                            ", \"0.0.9\", \"old\", \"scalar\"};\nextern \"C\" {\n"
                            "const imbrex_kernel* imbrex_library_kernel(const char*) { return &table; }\n"
                            "const char* imbrex_library_targets(void) { return \"scalar\"; }\n"
                            "const imbrex_assumption* imbrex_library_assumptions(const char*) { return nullptr; }\n}\n"));
  };
  EXPECT_EQ(with("3", "IMBREX_SEMANTICS"),
            "[other-version]: '" + path +
                "' is not of this Imbrex: the kernel is for version 3 of imbrex/runtime/abi.h, its caller for "
                "version " +
                std::to_string(IMBREX_ABI_VERSION));
  EXPECT_EQ(with("IMBREX_ABI_VERSION", "1"),
            "[other-version]: '" + path +
                "' is not of this Imbrex: old is of semantics 1 (Imbrex 0.0.9), its caller of semantics " +
                std::to_string(IMBREX_SEMANTICS) + ": results may differ in bits");
  EXPECT_EQ(with("IMBREX_ABI_VERSION", "IMBREX_SEMANTICS"), "");
}

TEST_F(BadLibrary, ForOtherProcessorsSaysForWhich) {
  const std::string expected = "[unsupported-isa]: '" + library_ + "' is built for scalar";
  ASSERT_EQ(setenv("IMBREX_ISA", "avx1024", 1), 0);
  EXPECT_EQ(outcome(library_), expected + ", and IMBREX_ISA is `avx1024`, which is none of these or does not run here");
  ASSERT_EQ(unsetenv("IMBREX_ISA"), 0);
  const std::string none =
      "extern \"C\" {\nconst imbrex_kernel* imbrex_library_kernel(const char*) { return nullptr; }\n"
      "const char* imbrex_library_targets(void) { return \"avx1024\"; }\n}\n";
  const std::string path = sealed(folder_, none);
  EXPECT_EQ(outcome(path), "[unsupported-isa]: '" + path + "' is built for avx1024, none of which this machine runs");
  // The machine's number in the file's header: of RISC-V.
  std::string changed = read_text(path).substr(0, fs::file_size(path));
  changed.resize(changed.rfind("\nimbrex library"));
  changed[18] = '\xf3';
  changed[19] = 0;
  write_text(path, changed);
  runtime::seal_library(path);
  EXPECT_EQ(outcome(path).find("[unsupported-isa]: '" + path + "' is code for machine 243 of ELF, and this machine is "), 0u);
}

TEST_F(BadLibrary, IsNotWrittenWhereThatIsNotPossible) {
  CError error;
  const char* targets[] = {"scalar"};
  const std::string file = folder_.file("file");
  write_text(file, "");
  EXPECT_EQ(imbrex_export_library(program_.get(), nullptr, file.c_str(), targets, 1, nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "file-unwritable");
  const TemporaryFolder empty;
  for (const target::Target* target : target::targets_with_code()) {
    if (target::is_of_this_architecture(*target)) continue;
    const char* foreign[] = {target->name.c_str()};
    EXPECT_EQ(imbrex_export_library(program_.get(), nullptr, empty.path().c_str(), foreign, 1, nullptr, error), IMBREX_REFUSED);
    EXPECT_EQ(error.id(), "compiler-unusable");
    EXPECT_NE(error.text().find(target->name + " is code for "), std::string::npos) << error.text();
    EXPECT_EQ(empty.entries(), 0u);
  }
  const char* kept = std::getenv("IMBREX_CXX");
  const std::string before = kept ? kept : "";
  setenv("IMBREX_CXX", "no-such-compiler", 1);
  EXPECT_EQ(imbrex_export_library(program_.get(), nullptr, empty.path().c_str(), targets, 1, nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "no-compiler");
  EXPECT_EQ(empty.entries(), 0u);
  before.empty() ? unsetenv("IMBREX_CXX") : setenv("IMBREX_CXX", before.c_str(), 1);
  EXPECT_EQ(imbrex_export_library(nullptr, nullptr, empty.path().c_str(), targets, 1, nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "null-argument");
  EXPECT_EQ(imbrex_load(nullptr, nullptr, error), IMBREX_REFUSED);
  EXPECT_EQ(error.id(), "null-argument");
}

}  // namespace
}  // namespace imbrex::tests
