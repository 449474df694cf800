// Kernels with one defect each, in cases/*.cases. A case is
//
//   == NAME: ID [on TARGET T=N]
//   the kernel
//   -- try
//   - a line of it                (one or more; together they are the hinted edit)
//   + the line in its place       ("+" alone drops it)
//   -- says
//   the whole message, word for word
//
// The kernel is refused with exactly this id and message, and faults so when it is run with the dimensions named; with the edit
// it passes. IMBREX_UPDATE_GOLDEN=1 rewrites the messages.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/prove/prove.h"

namespace imbrex::prove {
namespace {

struct Case {
  std::string name, id, target = "host", kernel, edit, says;
  std::map<std::string, int64_t> dims;
};

const std::filesystem::path kFolder = std::filesystem::path(IMBREX_SOURCE_DIR) / "tests/error/prove/cases";

Case heading(const std::string& line) {
  Case result;
  std::istringstream words(line.substr(3));
  std::string word;
  words >> result.name >> result.id;
  result.name.pop_back();  // the colon
  while (words >> word) {
    if (word == "on")
      words >> result.target;
    else
      result.dims[word.substr(0, word.find('='))] = std::stoll(word.substr(word.find('=') + 1));
  }
  return result;
}

std::vector<Case> cases_of(const std::filesystem::path& path) {
  std::vector<Case> cases;
  std::ifstream file(path);
  std::string* part = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("== ", 0) == 0) {
      cases.push_back(heading(line));
      part = &cases.back().kernel;
    } else if (line == "-- try") {
      part = &cases.back().edit;
    } else if (line == "-- says") {
      part = &cases.back().says;
    } else if (part) {
      *part += line + "\n";
    }
  }
  return cases;
}

// The kernel with each "- line" replaced by the "+ line" after it. Indentation does not count.
std::string edited(const Case& c) {
  std::istringstream edits(c.edit);
  std::string kernel = c.kernel, old_line, line;
  while (std::getline(edits, line)) {
    if (line.rfind("- ", 0) == 0) {
      old_line = line.substr(2) + "\n";
    } else if (line.rfind("+", 0) == 0) {
      const size_t at = kernel.find(old_line);
      EXPECT_NE(at, std::string::npos) << c.name << ": no such line: " << old_line;
      if (at == std::string::npos) continue;
      const std::string replacement = line.size() > 2 ? line.substr(2) + "\n" : "\n";
      kernel.replace(at, old_line.size(), replacement);
    }
  }
  return kernel;
}

Report report_of(const Case& c, const std::string& kernel) {
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

void rewrite(const std::filesystem::path& path, const std::vector<Case>& cases) {
  std::ofstream file(path);
  for (const Case& c : cases) {
    file << "== " << c.name << ": " << c.id;
    if (c.target != "host") file << " on " << c.target;
    for (const auto& [dim, value] : c.dims) file << " " << dim << "=" << value;
    file << "\n" << c.kernel << "-- try\n" << c.edit << "-- says\n" << c.says;
  }
}

// At least eight for each way to be wrong.
class EverySeededDefect : public testing::TestWithParam<const char*> {};

TEST_P(EverySeededDefect, IsNamedAndTheHintRepairsIt) {
  const std::filesystem::path path = kFolder / (std::string(GetParam()) + ".cases");
  std::vector<Case> cases = cases_of(path);
  EXPECT_GE(cases.size(), 8u);
  for (Case& c : cases) {
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
      // The counterexample faults when it is run, the repaired kernel does not. (Zeros as indices are no counterexample.)
      const bool runs = c.id != "over-capacity" && c.id != "undecidable" && c.kernel.find("read ") == std::string::npos;
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
                                         "undecidable"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace imbrex::prove
