// The optimizer keeps what the author wrote where its own schedule is estimated to be no better, and says so.
#include <filesystem>
#include <fstream>

#include "correct/ir/corpus.h"
#include "correct/optimize/optimized.h"
#include "imbrex/optimize/estimate_scopes.h"
#include "support/defect_cases.h"

namespace imbrex::optimize {
namespace {

target::Machine machine(const std::string& name) { return {*target::target_named("avx512"), target::rates_named(name)}; }

// As written, for the reasons of an estimate.
void expect_kept(const std::string& text, const std::string& reason) {
  const ir::Program program = checked(text);
  const Optimized result = optimize(program, machine("sapphire_rapids"));
  EXPECT_FALSE(result.is_scheduled) << ir::print(result.program);
  EXPECT_NE(result.reason.find("as written it is estimated to take "), std::string::npos) << result.reason;
  EXPECT_NE(result.reason.find(reason), std::string::npos) << result.reason;
  EXPECT_GT(result.where.line, 0);
}

const std::string kFourOutputs = R"(
  dim T typical 128
  input x: f32[T, 1024]
  output a: f32[T, 1024]
  output b: f32[T, 1024]
  output c: f32[T, 1024]
  parallel t in tiles(T, 16) {
    at "act" {
      let v = x[t, :]
      let q = 1.0 / (1.0 + exp(-v))
      a[t, :] = q
      b[t, :] = v * q
      c[t, :] = v * (1.0 / (1.0 + exp(-(1.702 * v))))
    }
  })";

TEST(AsWritten, IsKeptWhereOutputsShareWhatTheyRead) { expect_kept(kFourOutputs, ", and optimized "); }

TEST(AsWritten, IsKeptWhereAValueIsStoredAndReducedOn) {
  expect_kept(R"(
  dim T typical 128
  input x: f32[T, 4096]
  input r: f32[T, 4096]
  output sum: f32[T, 4096]
  output y: f32[T, 4096]
  parallel t in tiles(T, 16) {
    at "norm" {
      let s = x[t, :] + r[t, :]
      sum[t, :] = s
      y[t, :] = s * (1.0 / sqrt(row_sum(s * s) * 0.00024414062 + 0.00001))
    }
  })",
              ", and optimized ");
}

// Beside a part that gains, in one program.
TEST(AsWritten, IsKeptOfASegmentAlone) {
  std::string text = kFourOutputs + R"(
  parallel u in tiles(T, 16) { at "first" { s[u, :] = x[u, :] * 2.0 } }
  parallel w in tiles(T, 16) { at "second" { z[w, :] = s[w, :] + 1.0 } })";
  text.replace(text.find("at \"act\" {"), 10, "at \"act\" @no_fusion {");
  text.replace(text.find("  parallel"), 2, "  output z: f32[T, 1024]\n  create s: f32[T, 1024]\n  ");
  const ir::Program program = checked(text);
  const Optimized result = optimize(program, machine("sapphire_rapids"));
  ASSERT_TRUE(result.is_scheduled) << result.reason;
  const std::string made = ir::print(result.program);
  EXPECT_NE(made.find("let q = "), std::string::npos) << made;
  EXPECT_EQ(made.find("create s"), std::string::npos) << made;
  ASSERT_FALSE(result.choices.empty());
  EXPECT_EQ(result.choices[0].subject, "scope act");
  EXPECT_EQ(result.choices[0].decision.rfind("as written, ", 0), 0u) << result.choices[0].decision;
  ASSERT_EQ(result.choices[0].rejected.size(), 1u);
  EXPECT_EQ(result.choices[0].rejected[0].rfind("optimized: ", 0), 0u);
  expect_proven(result.program);
  expect_same_bits(program, result.program);
}

TEST(AsWritten, IsNoCandidateWhereSizesArePinned) {
  std::string pinned = kFourOutputs;
  pinned.replace(pinned.find("tiles(T, 16) {"), 14, "tiles(T, 16) @tile(4) {");
  EXPECT_TRUE(optimize(checked(pinned), machine("sapphire_rapids")).is_scheduled);
}

// Whatever is optimized is estimated to be no worse than what its author wrote.
void expect_no_worse(const ir::Program& program, const std::string& what) {
  for (const char* name : {"zen4", "sapphire_rapids"}) {
    const Optimized result = optimize(program, machine(name));
    if (!result.is_scheduled) continue;
    const auto sizes = typical_sizes(program);
    const double author = total_seconds(estimate_scopes(as_written(program), sizes, machine(name), true), machine(name));
    const double optimized = total_seconds(estimate_scopes(result.program, sizes, machine(name), true), machine(name));
    EXPECT_FALSE(replaces_schedule(author, optimized))
        << what << " on " << name << ": " << author << " s, optimized " << optimized << " s";
  }
}

TEST(AsWritten, IsNeverBetterThanWhatReplacesIt) {
  int seen = 0;
  for (const kernels::Entry& entry : kernels::registry())
    for (const std::string& variant : entry.variants)
      for (const kernels::Preset& preset : entry.presets) {
        expect_no_worse(kernels::build(entry.name, variant, preset.name, {}).program, entry.name + " " + variant);
        ++seen;
      }
  const auto source = std::filesystem::path(IMBREX_SOURCE_DIR);
  for (const auto& file : std::filesystem::directory_iterator(source / "docs/examples")) {
    std::ifstream stream(file.path());
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    const ir::Program program = ir::parse(text, file.path().string());
    if (!ir::verify(program).empty()) continue;
    expect_no_worse(program, file.path().filename());
    ++seen;
  }
  for (const tests::DefectCase& c : tests::cases_of(source / "tests/correct/prove/cases/tricky.cases")) {
    expect_no_worse(ir::parse(c.kernel, c.name), c.name);
    ++seen;
  }
  EXPECT_GT(seen, 150);
}

}  // namespace
}  // namespace imbrex::optimize
