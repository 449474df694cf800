// Kernels with one defect each, in cases/*.cases (support/defect_cases.h has their form). The kernel is refused with exactly this
// id and message, and faults so when it is run with the dimensions named; with the edit it passes. IMBREX_UPDATE_GOLDEN=1
// rewrites the messages.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/prove/prove.h"
#include "support/defect_cases.h"

namespace imbrex::prove {
namespace {

using namespace tests;

Report report_of(const DefectCase& c, const std::string& kernel) {
  const ir::Program program = ir::parse(kernel, "kernel.tile");
  Options options;
  options.target = c.target;
  options.dims = c.dims;
  return prove(program, options);
}

std::string errors_of(const Report& report) {
  std::string text;
  for (const Diagnostic& diagnostic : report.diagnostics)
    if (!diagnostic.is_warning) text += render(diagnostic) + "\n";
  return text;
}

// What the interpreter's checked mode says of the kernel run with T rows of zeros; "" if nothing.
std::string fault_of(const std::string& kernel, int64_t rows) {
  const ir::Program program = ir::parse(kernel, "kernel.tile");
  std::map<std::string, Array> tensors;
  for (const ir::Tensor& tensor : program.tensors) {
    if (tensor.role == ir::Role::output) continue;
    std::vector<int64_t> shape;
    for (const ir::IndexExpr& extent : tensor.shape)
      shape.push_back(ir::evaluate(extent, [&](const ir::Index&) { return rows; }));
    tensors[tensor.name] = Array::zeros(tensor.dtype, shape);
  }
  interpret::Options options;
  options.checked = true;
  try {
    interpret::run(program, {{"T", rows}}, tensors, options);
  } catch (const UserError& error) {
    return error.diagnostics().at(0).id;
  }
  return "";
}

// The smallest T that the message names.
int64_t rows_in(const std::string& message) {
  const size_t at = message.find(" T=");
  return at == std::string::npos ? 1 : std::stoll(message.substr(at + 3));
}

void rewrite(const std::filesystem::path& path, const std::vector<DefectCase>& cases) {
  std::ofstream file(path);
  for (const DefectCase& c : cases) {
    file << "== " << c.name << ": " << c.id;
    if (c.target != "host") file << " on " << c.target;
    for (const auto& [dim, value] : c.dims) file << " " << dim << "=" << value;
    file << "\n" << c.kernel << "-- try\n" << c.edit << "-- says\n" << c.says;
  }
}

// At least eight for each way to be wrong.
class EverySeededDefect : public testing::TestWithParam<const char*> {};

TEST_P(EverySeededDefect, IsNamedAndTheHintRepairsIt) {
  const std::filesystem::path path = folder_of_cases() / (std::string(GetParam()) + ".cases");
  std::vector<DefectCase> cases = cases_of(path);
  EXPECT_GE(cases.size(), 8u);
  for (DefectCase& c : cases) {
    SCOPED_TRACE(c.name);
    try {
      const Report report = report_of(c, c.kernel);
      EXPECT_FALSE(report.proven);
      for (const Diagnostic& diagnostic : report.diagnostics)
        if (!diagnostic.is_warning) {
          EXPECT_EQ(diagnostic.id, c.id) << render(diagnostic);
        }
      if (std::getenv("IMBREX_UPDATE_GOLDEN")) c.says = errors_of(report);
      EXPECT_EQ(c.says, errors_of(report));
      ir::verify_or_throw(ir::parse(edited(c), "kernel.tile"));
      const Report repaired = report_of(c, edited(c));
      EXPECT_TRUE(repaired.proven) << errors_of(repaired);
      // A tile that a hint gives is the one that is taken.
      const std::string says = "use a smaller tile: `";
      for (size_t at = c.says.find(says); at != std::string::npos; at = c.says.find(says, at + 1)) {
        const size_t begin = at + says.size();
        const std::string tile = c.says.substr(begin, c.says.find('`', begin) - begin);
        EXPECT_NE(edited(c).find(tile), std::string::npos) << tile;
      }
      // The counterexample faults when it is run, the repaired kernel does not. (Zeros as indices are no counterexample.)
      const bool faults = c.id != "over-capacity" && c.id != "undecidable" && c.id != "index-overflow" &&
                          c.id != "negative-extent" && c.id != "endless-loop";
      const bool runs = faults && c.kernel.find("read ") == std::string::npos && c.kernel.find("assume") == std::string::npos;
      if (!runs) continue;
      EXPECT_EQ(fault_of(c.kernel, rows_in(c.says)), c.id);
      for (const int64_t rows : {1, 5, 129}) EXPECT_EQ(fault_of(edited(c), rows), "") << "T=" << rows;
    } catch (const UserError& error) {
      ADD_FAILURE() << error.what();
    }
  }
  std::cout << GetParam() << ": " << cases.size() << " defects by hand, each refused, each repaired by its hint\n";
  if (std::getenv("IMBREX_UPDATE_GOLDEN")) rewrite(path, cases);
}

INSTANTIATE_TEST_SUITE_P(ByHand, EverySeededDefect,
                         testing::Values("race", "lost_tail", "out_of_bounds", "unwritten", "uninitialised", "over_capacity",
                                         "integers", "data", "undecidable"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace imbrex::prove
