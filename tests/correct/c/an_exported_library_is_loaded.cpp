#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "imbrex/imbrex.h"
#include "support/c_interface.h"
#include "support/temporary_folder.h"

namespace imbrex::tests {
namespace {

CProgram program_that_multiplies_by(const std::string& factor) {
  const std::string text =
      "imbrex 1\nkernel \"grow\" {\n  dim T\n  input x: f32[T, 24]\n  weight w: f32[24, 16]\n  output y: f32[T, 16]\n"
      "  parallel t in tiles(T, 4) { y[t, :] = matmul(exp(x[t, :]), w[:, :]) * " +
      factor + " }\n}\n";
  imbrex_program* program = nullptr;
  CError error;
  if (imbrex_parse(text.c_str(), "grow.tile", &program, error) != IMBREX_DONE) throw std::runtime_error(error.text());
  return CProgram(program);
}

struct FreeCompiled {
  void operator()(imbrex_compiled* compiled) const { imbrex_compiled_free(compiled); }
};
using CCompiled = std::unique_ptr<imbrex_compiled, FreeCompiled>;

CCompiled load(const std::string& path) {
  imbrex_compiled* compiled = nullptr;
  CError error;
  EXPECT_EQ(imbrex_load(path.c_str(), &compiled, error), IMBREX_DONE) << error.text();
  return CCompiled(compiled);
}

std::vector<std::string> exported(const imbrex_program* program, const TemporaryFolder& folder,
                                  std::vector<const char*> targets = {}) {
  char* files = nullptr;
  CError error;
  EXPECT_EQ(imbrex_export_library(program, nullptr, folder.path().c_str(), targets.data(), targets.size(), &files, error),
            IMBREX_DONE)
      << error.text();
  std::istringstream lines(files ? files : "");
  imbrex_string_free(files);
  std::vector<std::string> paths;
  for (std::string line; std::getline(lines, line);) paths.push_back(line);
  return paths;
}

std::vector<float> run(const imbrex_compiled* compiled) {
  constexpr int64_t kT = 5;
  std::vector<float> x(kT * 24), w(24 * 16), y(kT * 16, -1);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 13) / 7;
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i % 29) / 3 - 5;
  const int64_t x_shape[] = {kT, 24}, w_shape[] = {24, 16}, y_shape[] = {kT, 16};
  const imbrex_array arrays[] = {{x.data(), IMBREX_F32, 1, 2, x_shape, nullptr},
                                 {w.data(), IMBREX_F32, 1, 2, w_shape, nullptr},
                                 {y.data(), IMBREX_F32, 0, 2, y_shape, nullptr}};
  imbrex_bound* bound = nullptr;
  CError error;
  EXPECT_EQ(imbrex_bind(compiled, arrays, 3, nullptr, 0, &bound, error), IMBREX_DONE) << error.text();
  EXPECT_EQ(imbrex_run(bound, 0, error), IMBREX_DONE) << error.text();
  imbrex_bound_free(bound);
  return y;
}

CCompiled compiled_here(const imbrex_program* program) {
  imbrex_compiled* compiled = nullptr;
  CError error;
  EXPECT_EQ(imbrex_compile(program, nullptr, &compiled, error), IMBREX_DONE) << error.text();
  return CCompiled(compiled);
}

TEST(ExportedLibrary, GivesTheBitsOfTheProgram) {
  const TemporaryFolder folder;
  const CProgram program = program_that_multiplies_by("3.0");
  const std::vector<std::string> files = exported(program.get(), folder);
  ASSERT_GE(files.size(), 5u);
  EXPECT_EQ(files[0], folder.file("libgrow.so"));
  EXPECT_EQ(files[1], folder.file("include/grow.h"));
  for (const std::string& file : files) EXPECT_TRUE(std::filesystem::exists(file)) << file;
  EXPECT_EQ(folder.entries(), 3u) << "objects are gone";
  // Twice: two handles of one file.
  const CCompiled one = load(files[0]), two = load(files[0]);
  const imbrex_kernel& table = *imbrex_compiled_table(one.get());
  EXPECT_STREQ(table.name, "grow");
  EXPECT_EQ(table.tensor_count, 3);
  EXPECT_EQ(imbrex_compiled_is_from_cache(one.get()), 0);
  const std::vector<float> expected = run(compiled_here(program.get()).get());
  EXPECT_EQ(run(one.get()), expected);
  EXPECT_EQ(run(two.get()), expected);
}

// What has a library loaded keeps it, and a new load gets the new one.
TEST(ExportedLibrary, IsReplacedWhileItIsLoaded) {
  const TemporaryFolder folder;
  const CProgram three = program_that_multiplies_by("3.0"), four = program_that_multiplies_by("4.0");
  const std::string library = exported(three.get(), folder, {"scalar"})[0];
  const CCompiled before = load(library);
  EXPECT_EQ(exported(four.get(), folder, {"scalar"})[0], library);
  const CCompiled after = load(library);
  EXPECT_EQ(run(before.get()), run(compiled_here(three.get()).get()));
  EXPECT_EQ(run(after.get()), run(compiled_here(four.get()).get()));
}

// Flags of a user's command change no bit, and no library rounds the process's subnormals to zero.
TEST(ExportedLibrary, KeepsItsBitsUnderFlagsOfTheUser) {
  const TemporaryFolder folder;
  const CProgram program = program_that_multiplies_by("3.0");
  const char* name = std::getenv("IMBREX_CXX");
  const std::string kept = name ? name : "";
  setenv("IMBREX_CXX", ((kept.empty() ? "c++" : kept) + " -ffast-math -Ofast").c_str(), 1);
  const std::string library = exported(program.get(), folder)[0];
  if (name)
    setenv("IMBREX_CXX", kept.c_str(), 1);
  else
    unsetenv("IMBREX_CXX");
  const CCompiled loaded = load(library);
  volatile float least = 0x1p-149f;
  EXPECT_GT(least * 2, 0);
  EXPECT_EQ(run(loaded.get()), run(compiled_here(program.get()).get()));
}

}  // namespace
}  // namespace imbrex::tests
