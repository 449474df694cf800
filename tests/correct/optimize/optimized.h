// What every optimized program must pass: it verifies, round trips as text, is proven, and has the input's bits in the
// interpreter.
#pragma once

#include <fmt/format.h>

#include <set>

#include "correct/optimize/same_bits.h"
#include "imbrex/inputs/synthetic.h"
#include "imbrex/kernels/registry.h"
#include "imbrex/optimize/optimize.h"
#include "imbrex/optimize/pipeline.h"
#include "imbrex/prove/prove.h"
#include "imbrex/tools/subject.h"
#include "support/optimized.h"

namespace imbrex::optimize {

inline std::string errors_of(const prove::Report& report) {
  std::string text;
  for (const Diagnostic& diagnostic : report.diagnostics)
    if (!diagnostic.is_warning) text += render(diagnostic) + "\n";
  return text;
}

// Without an error for any value of the dimensions.
inline void expect_proven(const ir::Program& program) {
  const prove::Report report = prove::prove(program);
  EXPECT_TRUE(report.proven) << errors_of(report) << ir::print(program);
}

inline void expect_round_trip(const ir::Program& program) {
  ir::verify_or_throw(program);
  EXPECT_TRUE(ir::equal(program, ir::parse(ir::print(program), "optimized.tile"))) << ir::print(program);
}

// Outputs bit for bit, any NaN equal to any other.
inline void expect_same_outputs(const ir::Program& program, const std::map<std::string, Array>& expected,
                                const std::map<std::string, Array>& actual, const std::string& what) {
  for (const ir::Tensor& tensor : program.tensors) {
    if (tensor.role == ir::Role::input) continue;
    const Array &a = expected.at(tensor.name), &b = actual.at(tensor.name);
    if (tensor.dtype != DType::f32 && tensor.dtype != DType::bf16 && tensor.dtype != DType::f16) {
      EXPECT_EQ(a.bytes, b.bytes) << tensor.name << ", " << what;
      continue;
    }
    const bool wide = tensor.dtype == DType::f32;
    const uint32_t infinity = wide                          ? 0x7f800000u
                              : tensor.dtype == DType::bf16 ? 0x7f80u
                                                            : 0x7c00u,
                   sign = wide ? 0x80000000u : 0x8000u;
    int64_t differing = 0;
    for (int64_t i = 0; i < a.size(); ++i) {
      const uint32_t x = wide ? a.as<uint32_t>()[i] : a.as<uint16_t>()[i], y = wide ? b.as<uint32_t>()[i] : b.as<uint16_t>()[i];
      const bool both_nan = (x & ~sign) > infinity && (y & ~sign) > infinity;
      differing += x != y && !both_nan;
    }
    EXPECT_EQ(differing, 0) << "elements of " << tensor.name << ", " << what;
  }
}

}  // namespace imbrex::optimize
