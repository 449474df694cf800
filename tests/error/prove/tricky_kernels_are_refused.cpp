// Wrong kernels of the kinds that easily slip through, in tricky/wrong.cases, neighbours of the correct ones in
// tests/correct/prove/cases: each is refused, and for the right reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/prove/prove.h"
#include "support/defect_cases.h"

namespace imbrex::prove {
namespace {

TEST(TrickyKernels, AreRefusedForTheRightReason) {
  int kernels = 0;
  for (const tests::DefectCase& c :
       tests::cases_of(std::filesystem::path(IMBREX_SOURCE_DIR) / "tests/error/prove/tricky/wrong.cases")) {
    const ir::Program program = ir::parse(c.kernel, "kernel.tile");
    ir::verify_or_throw(program);
    const Report report = prove(program);
    EXPECT_FALSE(report.proven) << c.name;
    EXPECT_TRUE(std::any_of(report.diagnostics.begin(), report.diagnostics.end(),
                            [&](const Diagnostic& diagnostic) { return diagnostic.id == c.id; }))
        << c.name << ": " << report.text();
    ++kernels;
  }
  EXPECT_GE(kernels, 40);
  std::cout << kernels << " tricky kernels, each refused for the right reason\n";
}

}  // namespace
}  // namespace imbrex::prove
