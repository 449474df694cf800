#include "imbrex/optimize/merge_peeled_first_step.h"

#include "correct/optimize/same_bits.h"

namespace imbrex::optimize {
namespace {

constexpr const char* kHead = R"(
  dim T
  input x: f32[T, 160]
  input a: bf16[T, 160]
  weight b: bf16[160, 24]
  output c: f32[T, 24]
  output s: f32[T, 1]
  s[:, :] = full(f32, [T, 1], 0.0)
)";

bool has_branch(const ir::Program& program) {
  bool found = false;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    found = found || std::holds_alternative<ir::If>(statement.node);
    return true;
  });
  return found;
}

void expect_merged(const std::string& body) {
  const ir::Program before = checked(kHead + body), after = merge_peeled_first_step(before);
  EXPECT_FALSE(has_branch(after)) << ir::print(after);
  expect_same_bits(before, after);
}

void expect_untouched(const std::string& body) {
  const ir::Program before = checked(kHead + body);
  EXPECT_TRUE(ir::equal(before, merge_peeled_first_step(before))) << ir::print(merge_peeled_first_step(before));
}

TEST(MergePeeledFirstStep, OfAProductThatStartsAnywhere) {
  expect_merged(R"(
  let acc = full(f32, [T, 24], 5.0)
  pipeline(2) k in tiles(160, 32) {
    if k.index == 0 { acc = matmul(a[:, k], b[k, :]) } else { acc = matmul_acc(acc, a[:, k], b[k, :]) }
  }
  c[:, :] = acc)");
}

TEST(MergePeeledFirstStep, OfAProductAndASumTogether) {
  expect_merged(R"(
  let acc = full(f32, [T, 24], 0.0)
  let sum = full(f32, [T, 1], 0.0)
  range k in tiles(160, 32) {
    if k.begin == 0 {
      acc = matmul(a[:, k], b[k, :])
      sum = row_sum(x[:, k])
    } else {
      acc = matmul_acc(acc, a[:, k], b[k, :])
      sum = row_sum_acc(sum, x[:, k])
    }
  }
  c[:, :] = acc
  s[:, :] = sum)");
}

TEST(MergePeeledFirstStep, OfAnIntegerLoop) {
  expect_merged(R"(
  let acc = full(f32, [T, 24], 1.0)
  range i in 1 .. 5 {
    if i == 1 { acc = matmul(a[:, 32 * i +: 32], b[32 * i +: 32, :]) } else { acc = matmul_acc(acc, a[:, 32 * i +: 32], b[32 * i +: 32, :]) }
  }
  c[:, :] = acc)");
}

TEST(MergePeeledFirstStep, NotWhereTheLoopMayNotRun) {
  expect_untouched(R"(
  let acc = full(f32, [T, 24], 1.0)
  range i in 1 .. T {
    if i == 1 { acc = matmul(a[:, 0 +: 32], b[0 +: 32, :]) } else { acc = matmul_acc(acc, a[:, 0 +: 32], b[0 +: 32, :]) }
  }
  c[:, :] = acc)");
}

TEST(MergePeeledFirstStep, NotWhereTheStepsDiffer) {
  expect_untouched(R"(
  let acc = full(f32, [T, 24], 0.0)
  range k in tiles(160, 32) {
    if k.index == 0 { acc = matmul(a[:, 0 +: 32], b[0 +: 32, :]) } else { acc = matmul_acc(acc, a[:, k], b[k, :]) }
  }
  c[:, :] = acc)");
  expect_untouched(R"(
  let acc = full(f32, [T, 24], 0.0)
  range k in tiles(160, 32) {
    if k.index == 1 { acc = matmul(a[:, k], b[k, :]) } else { acc = matmul_acc(acc, a[:, k], b[k, :]) }
  }
  c[:, :] = acc)");
}

TEST(MergePeeledFirstStep, NotWhereTheOldValueIsReadFirst) {
  expect_untouched(R"(
  let acc = full(f32, [T, 24], 3.0)
  range k in tiles(160, 32) {
    c[:, :] = acc
    if k.index == 0 { acc = matmul(a[:, k], b[k, :]) } else { acc = matmul_acc(acc, a[:, k], b[k, :]) }
  })");
}

// A tile is also read where it lists rows, and where something is assumed of it.
TEST(MergePeeledFirstStep, NotWhereTheOldValueListsRowsOrIsAssumedOf) {
  const auto body = [](const std::string& statement) {
    return "c[:, :] = full(f32, [T, 24], 0.0)\nlet n = full(int32, [1, 1], 3)\nlet m = full(int32, [1, 1], 3)\nrange i in 0 .. 4 "
           "{\n" +
           statement +
           "\nlet one = cast(ge(x[0 +: 1, i +: 1], -100.0), int32)\n"
           "if i == 0 { n = col_sum(one) } else { n = col_sum_acc(n, one) }\n}\ns[0 +: 1, :] = cast(n + m, f32, rint)";
  };
  for (const std::string read : {"s[0 +: 1, :] = s[by NAME, :]", "s[by NAME, :] = s[0 +: 1, :]", "assume 1 <= NAME",
                                 "assume_distinct NAME", "assume_sorted NAME"}) {
    const auto of = [&](const std::string& name) {
      std::string statement = read;
      return body(statement.replace(statement.find("NAME"), 4, name));
    };
    expect_untouched(of("n"));
    EXPECT_FALSE(has_branch(merge_peeled_first_step(checked(kHead + of("m"))))) << read;
  }
}

}  // namespace
}  // namespace imbrex::optimize
