#include <gtest/gtest.h>

#include <set>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/visit.h"
#include "random/random_kernel.h"
#include "support/compare.h"

namespace imbrex::test {
namespace {

constexpr uint64_t kCases = 400;

std::map<std::string, Array> run_case(const RandomCase& made, const ir::Program& program, bool checked) {
  std::map<std::string, Array> tensors = made.inputs;
  interpret::run(program, made.dims, tensors, {.checked = checked, .tap = {}});
  return tensors;
}

TEST(RandomKernels, run_checked_and_mean_the_same_printed_and_parsed) {
  std::set<ir::Op> used;
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::string text;
    try {
      const RandomCase made = random_case(seed);
      text = ir::print(made.program);
      const auto checked = run_case(made, made.program, true);
      const auto again = run_case(made, ir::parse(text, "random.tile"), false);
      for (const auto& [name, array] : checked) {
        const auto difference = first_difference(array, again.at(name));
        ASSERT_FALSE(difference) << name << *difference << "\n" << text;
      }
      ir::for_each_statement(made.program.body, [&](const ir::Statement& statement) {
        ir::for_each_expr(statement, [&](const ir::Expr& e) { used.insert(e.op); });
        return true;
      });
    } catch (const std::exception& error) {
      FAIL() << error.what() << "\n" << text;
    }
  }
  for (const ir::Operation& row : ir::kOperations) EXPECT_TRUE(used.count(row.op)) << row.name << " is in no random kernel";
}

TEST(RandomKernels, are_a_function_of_the_seed) {
  for (uint64_t seed : {1u, 2u, 3u}) {
    const RandomCase a = random_case(seed), b = random_case(seed);
    EXPECT_TRUE(ir::equal(a.program, b.program));
    EXPECT_EQ(a.dims, b.dims);
    for (const auto& [name, array] : a.inputs) EXPECT_EQ(array.bytes, b.inputs.at(name).bytes);
  }
  EXPECT_FALSE(ir::equal(random_case(1).program, random_case(2).program));
}

TEST(RandomKernels, shrink_to_little_that_still_fails) {
  const auto has_product = [](const RandomCase& made) {
    bool found = false;
    ir::for_each_statement(made.program.body, [&](const ir::Statement& statement) {
      ir::for_each_expr(statement, [&](const ir::Expr& e) { found = found || e.op == ir::Op::matmul_acc; });
      return true;
    });
    return found;
  };
  uint64_t seed = 0;
  while (!has_product(random_case(seed))) ++seed;
  const RandomCase small = shrink(random_case(seed), has_product);
  EXPECT_TRUE(has_product(small));
  size_t statements = 0;
  ir::for_each_statement(small.program.body, [&](const ir::Statement&) { return ++statements, true; });
  EXPECT_LE(statements, 8u) << ir::print(small.program);
}

}  // namespace
}  // namespace imbrex::test
