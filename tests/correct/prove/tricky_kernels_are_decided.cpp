// Correct kernels of the kinds that are easily refused, in cases/tricky.cases: odd sizes, tiles of tiles, views whose axes do not
// meet, parts and halves by hand, guards on indices, rings of buffers, indices from data. Each is proven, and what is proven does
// not fault in the interpreter's checked mode.
#include <gtest/gtest.h>

#include <iostream>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/prove/prove.h"
#include "support/defect_cases.h"

namespace imbrex::prove {
namespace {

// Indices are all 0, all 1, or each its own position: whatever the kernel assumes of them, one of these satisfies it for some
// size.
void fill_indices(Array& array, int way) {
  for (int64_t i = 0; i < array.size(); ++i) array.as<int32_t>()[i] = way == 2 ? static_cast<int32_t>(i) : way;
}

// Returns whether the run came to its end; false where the assumptions do not hold of these indices.
bool run(const ir::Program& program, int64_t size, int way) {
  std::map<std::string, int64_t> dims;
  for (const ir::Dim& dim : program.dims) dims[dim.name] = std::min(size, dim.max.value_or(size));
  std::map<std::string, Array> tensors;
  for (const ir::Tensor& tensor : program.tensors) {
    if (tensor.role == ir::Role::output) continue;
    std::vector<int64_t> shape;
    for (const ir::IndexExpr& extent : tensor.shape)
      shape.push_back(ir::evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); }));
    tensors[tensor.name] = Array::zeros(tensor.dtype, shape);
    if (tensor.dtype == DType::int32) fill_indices(tensors[tensor.name], way);
  }
  interpret::Options options;
  options.checked = true;
  try {
    interpret::run(program, dims, tensors, options);
  } catch (const UserError& error) {
    EXPECT_EQ(error.diagnostics().at(0).id, "assumption-failed") << error.what();
    return false;
  }
  return true;
}

TEST(TrickyKernels, AreProvenAndRunWithoutAFault) {
  int kernels = 0;
  for (const tests::DefectCase& c :
       tests::cases_of(std::filesystem::path(IMBREX_SOURCE_DIR) / "tests/correct/prove/cases/tricky.cases")) {
    SCOPED_TRACE(c.name);
    const ir::Program program = ir::parse(c.kernel, "kernel.tile");
    ir::verify_or_throw(program);
    const Report report = prove(program);
    EXPECT_TRUE(report.proven) << report.text();
    int ends = 0;
    for (const int64_t size : {1, 2, 3, 5, 16, 17, 33})
      for (int way = 0; way < 3; ++way) ends += run(program, size, way);
    EXPECT_GT(ends, 0) << "its assumptions never hold";
    ++kernels;
  }
  EXPECT_GE(kernels, 90);
  std::cout << kernels << " good kernels, none refused\n";
}

}  // namespace
}  // namespace imbrex::prove
