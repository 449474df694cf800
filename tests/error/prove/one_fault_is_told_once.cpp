// A fault that several accesses of one line share is one finding.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/prove/prove.h"

namespace imbrex::prove {
namespace {

std::vector<std::string> ids_of(const std::string& body) {
  const ir::Program program = ir::parse(
      "imbrex 1\nkernel \"k\" {\n  dim T\n  input x: f32[T, 64]\n  output y: f32[T, 64]\n" + body + "}\n", "kernel.tile");
  ir::verify_or_throw(program);
  const Report report = prove(program, {});
  std::vector<std::string> ids;
  size_t errors = 0;
  for (const Diagnostic& each : report.diagnostics) ids.push_back(each.id);
  for (const Check& check : report.checks) errors += static_cast<size_t>(check.errors);
  EXPECT_EQ(errors, ids.size()) << report.text();
  return ids;
}

using Ids = std::vector<std::string>;

TEST(Faults, OfOneLineAreToldOnce) {
  EXPECT_EQ(ids_of("  parallel t in 0 .. T {\n    y[t, :] = x[t + 1, :] * x[t + 1, :] + x[t + 1, :]\n  }\n"),
            Ids{"out-of-bounds"});
  EXPECT_EQ(ids_of("  create s: f32[T, 64]\n  y[:, :] = s[:, :] * s[:, :]\n"), Ids{"uninitialised-read"});
}

TEST(Faults, OfTwoLinesOrOfTwoPlacesAreTwo) {
  EXPECT_EQ(ids_of("  parallel t in 0 .. T {\n    let a = x[t + 1, :]\n    y[t, :] = x[t + 1, :] + a\n  }\n"),
            (Ids{"out-of-bounds", "out-of-bounds"}));
  EXPECT_EQ(ids_of("  parallel t in 0 .. T {\n    y[t, :] = x[t + 1, :] * x[t + 2, :]\n  }\n"),
            (Ids{"out-of-bounds", "out-of-bounds"}));
}

}  // namespace
}  // namespace imbrex::prove
