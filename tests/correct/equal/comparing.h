// Small kernels to compare.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "imbrex/equal/equal.h"
#include "imbrex/equal/match.h"
#include "imbrex/equal/witness.h"
#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"

namespace imbrex::equal {

// What is between the braces of a kernel.
inline ir::Program kernel(const std::string& body, const std::string& file = "k.tile") {
  ir::Program program = ir::parse("imbrex 1\nkernel \"k\" {\n" + body + "\n}\n", file);
  ir::verify_or_throw(program);
  return program;
}

inline Result compared(const std::string& a, const std::string& b, const Options& options = {}) {
  return compare(kernel(a, "a.tile"), kernel(b, "b.tile"), options);
}

inline void expect_equal(const std::string& a, const std::string& b) {
  const Result result = compared(a, b);
  EXPECT_EQ(result.verdict, Verdict::equal) << result.text() << a << "\n" << b;
}

// The element that a witness names differs, and is as it says.
inline void expect_true(const Witness& witness, const ir::Program& a, const ir::Program& b) {
  const ir::Program matched = with_interface_of(a, b, false);
  auto of_a = inputs_of_run(a, witness.dims, witness.seed), of_b = of_a;
  interpret::run(a, witness.dims, of_a, {.checked = true, .tap = {}});
  interpret::run(matched, witness.dims, of_b, {.checked = true, .tap = {}});
  EXPECT_NE(of_a.at(witness.output).bytes, of_b.at(witness.output).bytes);
  EXPECT_NE(witness.a, witness.b);
}

inline Result expect_different(const std::string& a, const std::string& b) {
  const Result result = compared(a, b);
  EXPECT_EQ(result.verdict, Verdict::different) << result.text() << a << "\n" << b;
  if (result.witness) expect_true(*result.witness, kernel(a), kernel(b));
  return result;
}

inline Result expect_not_decided(const std::string& a, const std::string& b, const std::string& words) {
  const Result result = compared(a, b);
  EXPECT_EQ(result.verdict, Verdict::not_decided) << result.text();
  EXPECT_NE(result.text().find(words), std::string::npos) << result.text();
  return result;
}

}  // namespace imbrex::equal
