// Chains over rows: how many rows a task takes, and which values one pass over them stores for the next.
#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

std::string norm_of(int64_t columns) {
  return fmt::format(R"(
  dim T typical 128
  input x: bf16[T, {0}]
  output y: bf16[T, {0}]
  parallel t in tiles(T, 16) {{
    at "norm" {{
      y[t, :] = cast(cast(x[t, :], f32) * (1.0 / sqrt(row_sum(cast(x[t, :], f32) * cast(x[t, :], f32)) * 0.01 + 0.001)), bf16, rint)
    }}
  }})",
                     columns);
}

std::string optimized_text(const std::string& text, const std::string& target) {
  const ir::Program program = checked(text);
  const Optimized result = optimize(program, *target::target_named(target));
  EXPECT_TRUE(result.is_scheduled) << result.reason;
  expect_proven(result.program);
  expect_round_trip(result.program);
  expect_same_bits(program, result.program);
  return ir::print(result.program);
}

bool holds_x(const std::string& program) { return program.find("let x_f32 = cast(x[t, :], f32)") != std::string::npos; }

// 4 rows of 1024 f32 are half of an L1 cache of 32 KiB.
TEST(RowChains, HoldAConvertedRowWhereTheRowsOfAStageFit) {
  EXPECT_TRUE(holds_x(optimized_text(norm_of(1024), "avx512")));
  EXPECT_FALSE(holds_x(optimized_text(norm_of(1025), "avx512")));
  EXPECT_TRUE(holds_x(optimized_text(norm_of(63), "avx2")));
}

// A conversion of one number is one instruction.
TEST(RowChains, ConvertAgainWhereThereAreNoVectors) { EXPECT_FALSE(holds_x(optimized_text(norm_of(512), "scalar"))); }

TEST(RowChains, ConvertOnceWhatTwoStoresNeed) {
  const std::string text = optimized_text(R"(
  dim T typical 128
  input x: bf16[T, 64]
  input c: f32[T, 32]
  output y: f32[T, 64]
  parallel t in tiles(T, 16) {
    at "turn" {
      y[t, 0 +: 32] = cast(even(x[t, :]), f32) * c[t, :] - cast(odd(x[t, :]), f32)
      y[t, 32 +: 32] = cast(odd(x[t, :]), f32) * c[t, :] + cast(even(x[t, :]), f32)
    }
  })",
                                          "avx512");
  EXPECT_NE(text.find("let x_even = cast(even(x[t, :]), f32)"), std::string::npos) << text;
  EXPECT_NE(text.find("let x_odd = cast(odd(x[t, :]), f32)"), std::string::npos) << text;
}

// A task of fewer than 2048 elements takes more rows, up to 64.
TEST(RowChains, TakeMoreOfShortRows) {
  const std::vector<std::pair<int64_t, int64_t>> rows_of_columns{{1, 64},  {32, 64}, {64, 32}, {100, 32},
                                                                 {256, 8}, {511, 8}, {512, 4}, {4096, 4}};
  for (const auto& [columns, rows] : rows_of_columns) {
    const std::string text = optimized_text(norm_of(columns), "avx512");
    EXPECT_NE(text.find(fmt::format("parallel t in tiles(T, {})", rows)), std::string::npos) << columns << "\n" << text;
  }
}

// What is reduced counts, not what is left of it.
TEST(RowChains, CountTheRowsThatTheyReduce) {
  const std::string text = optimized_text(R"(
  dim T typical 128
  input x: f32[T, 2000]
  output y: f32[T, 1]
  parallel t in tiles(T, 16) { at "sum" { y[t, :] = row_sum(x[t, :]) * 2.0 } })",
                                          "avx512");
  EXPECT_NE(text.find("parallel t in tiles(T, 4)"), std::string::npos) << text;
}

}  // namespace
}  // namespace imbrex::optimize
