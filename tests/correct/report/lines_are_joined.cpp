// The three programs of a page are joined line by line. Of the C++ count the lines of the functions that compute: pack, phases and
// run, with the constants before them. Left out of these are blank lines and kFrame, which every kernel has. Of the program count
// all lines but blank ones, its first two and its last.
#include <gtest/gtest.h>

#include <set>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/visit.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/report/lines.h"
#include "imbrex/target/rates.h"
#include "support/command.h"

namespace imbrex::tests {
namespace {

using report::Author;

const std::set<std::string> kFrame{
    "void pack(int32_t index, const void* source, const int64_t* strides, void* packed, int32_t ith, int32_t nth) {",
    "void run(const imbrex_call* call) {",
    "  const FloatMode float_mode;",
    "  Scratch shared{static_cast<char*>(call->workspace)};",
    "  Scratch scratch = memory_of_worker(call, shared_bytes(call->dims), worker_bytes(call->dims));",
    "  finish_streams();",
    "}"};

bool is_frame(const std::string& line) {
  return line.empty() || kFrame.contains(line) || line.starts_with("  if (is_empty(call->dims, ") ||
         line.starts_with("  Queue* const queues = ");
}

struct Count {
  int joined = 0, all = 0;
  std::vector<std::string> missing;
  void add(bool is_joined, const std::string& line) {
    ++all;
    joined += is_joined;
    if (!is_joined) missing.push_back(line);
  }
  double part() const { return all == 0 ? 1 : static_cast<double>(joined) / all; }
};

Count of_generated(const std::vector<runtime::GeneratedLine>& lines) {
  Count count;
  // Behind workspace_bytes, up to the tables.
  bool computes = false, has_passed = false;
  for (const runtime::GeneratedLine& line : lines) {
    if (line.text.starts_with("constexpr const char* kDimNames") || line.text.starts_with("constexpr imbrex_extent kShape") ||
        line.text.starts_with("constexpr int64_t kFactors"))
      break;
    if (computes && !is_frame(line.text)) count.add(!line.program_lines.empty(), line.text);
    has_passed = has_passed || line.text.starts_with("size_t workspace_bytes");
    computes = computes || (has_passed && line.text == "}");
  }
  return count;
}

Count of_program(const std::vector<report::ProgramLine>& lines) {
  Count count;
  for (size_t i = 2; i + 1 < lines.size(); ++i)
    if (!lines[i].text.empty()) count.add(!lines[i].from.empty(), lines[i].text);
  return count;
}

void expect_joined(const std::string& name, const ir::Program& program, const target::Machine& machine) {
  const runtime::Translation translation = runtime::translate(program, {.machine = machine, .prove = false});
  const Author author(program);
  const std::vector<report::ProgramLine> lines = report::lines_of(translation.program(), author);
  const std::vector<runtime::GeneratedLine> generated = runtime::generated_lines(translation, machine);
  const Count of_code = of_generated(generated), of_text = of_program(lines);
  EXPECT_GE(of_code.all, 10) << name;
  EXPECT_GE(of_code.part(), 0.99) << name << ": " << (of_code.missing.empty() ? "" : of_code.missing.front());
  EXPECT_GE(of_text.part(), 0.99) << name << ": " << (of_text.missing.empty() ? "" : of_text.missing.front());
  // And back: of what the optimizer computes, each line is written somewhere, and lines that do not exist are not named.
  std::set<int> written;
  for (const runtime::GeneratedLine& line : generated) written.insert(line.program_lines.begin(), line.program_lines.end());
  for (const int line : written) EXPECT_LE(static_cast<size_t>(line), lines.size());
  Count stores;
  for (size_t i = 0; i < lines.size(); ++i)
    if (lines[i].statement && std::holds_alternative<ir::Store>(lines[i].statement->node))
      stores.add(written.contains(static_cast<int>(i) + 1), lines[i].text);
  EXPECT_EQ(stores.joined, stores.all) << name << ": " << (stores.missing.empty() ? "" : stores.missing.front());
}

TEST(Lines, OfRegisteredKernelsAreJoined) {
  const target::Machine machine(*target::target_named("avx512"));
  for (const kernels::Entry& entry : kernels::registry())
    for (const std::string& variant : entry.variants) {
      const kernels::Built built =
          kernels::build(entry.name, variant, entry.usual_preset, kernels::read_options(entry.name, entry.usual_preset, {}));
      expect_joined(entry.name + ", " + variant, built.program, machine);
    }
}

TEST(Lines, OfExamplesAreJoined) {
  const target::Machine machine(*target::target_named("avx2"));
  for (const char* name : {"accumulator", "attention", "private_scratch", "rotated", "set_apart", "three_heads"}) {
    const std::string path = std::string(IMBREX_SOURCE_DIR) + "/docs/examples/" + name + ".tile";
    expect_joined(name, ir::parse(read_text(path), path), machine);
  }
}

// What stands on one line of the author's is joined with that line, through both steps.
TEST(Lines, LeadFromTheCodeToTheAuthor) {
  const TemporaryFolder folder;
  const std::string path = folder.file("k.tile"), text = R"(imbrex 1
kernel "k" {
  dim T typical 16
  input x: f32[T, 64]
  output y: f32[T, 64]
  create s: f32[T, 64]
  parallel t in tiles(T, 16) {
    at "double" { s[t, :] = x[t, :] * 2.0 }
  }
  parallel u in tiles(T, 16) {
    at "root" {
      y[u, :] = sqrt(s[u, :])
    }
  }
}
)";
  write_text(path, text);
  const ir::Program program = ir::parse(text, path);
  const target::Machine machine(*target::target_named("avx512"));
  const runtime::Translation translation = runtime::translate(program, {.machine = machine, .prove = false});
  const std::vector<report::ProgramLine> lines = report::lines_of(translation.program(), Author(program));
  int found = 0;
  for (const runtime::GeneratedLine& line : runtime::generated_lines(translation, machine)) {
    if (line.text.find("sqrt_(") == std::string::npos) continue;
    ++found;
    ASSERT_EQ(line.program_lines.size(), 1u);
    const report::ProgramLine& of = lines[static_cast<size_t>(line.program_lines.front()) - 1];
    EXPECT_NE(of.text.find("sqrt("), std::string::npos) << of.text;
    ASSERT_FALSE(of.from.empty());
    EXPECT_EQ(of.from.back().line, 12) << of.text;
  }
  EXPECT_EQ(found, 1);
}

// Where no source can be read, the program as it is printed stands for it.
TEST(Lines, OfAProgramWithoutASourceAreThoseOfItsText) {
  const std::string text =
      "imbrex 1\nkernel \"k\" {\n  dim T\n  input x: f32[T, 8]\n  output y: f32[T, 8]\n\n  y[:, :] = x[:, :] * 2.0\n}\n";
  const ir::Program program = ir::parse(text, "/nowhere/k.tile");
  const Author author(program);
  ASSERT_EQ(author.files().size(), 1u);
  EXPECT_EQ(author.files()[0].name, "");
  EXPECT_EQ(author.files()[0].lines[6].text, "  y[:, :] = x[:, :] * 2.0");
  EXPECT_EQ(author.places_of({"/nowhere/k.tile", 7}), (std::vector<report::AuthorsPlace>{{0, 7}}));
}

}  // namespace
}  // namespace imbrex::tests
