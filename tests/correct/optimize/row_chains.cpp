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

std::string with_pieces(const std::string& declarations, const std::string& body) {
  return optimized_text("dim T typical 128\n" + declarations + "\nparallel t in tiles(T, 16) {\n" + body + "\n}\n", "avx512");
}

// A function takes as long as several operations, and so does a rounding to e4m3.
TEST(RowChains, HoldAFunctionThatTwoPassesNeed) {
  const std::string io = "input x: f32[T, 512]\noutput y: f32[T, 512]";
  for (const char* value :
       {"exp(x[t, :])", "log(x[t, :])", "sqrt(x[t, :])", "1.0 / x[t, :]", "cast(cast(x[t, :], e4m3, rint), f32)"}) {
    const std::string text = with_pieces(io, std::string("y[t, :] = ") + value + " / row_sum(" + value + ")");
    EXPECT_NE(text.find(std::string("let y_value = ") + value + "\n"), std::string::npos) << text;
    EXPECT_NE(text.find("let y_sum = row_sum(y_value)"), std::string::npos) << text;
  }
  const std::string cheap = with_pieces(io, "y[t, :] = -x[t, :] / row_sum(-x[t, :])");
  EXPECT_EQ(cheap.find("let y_value"), std::string::npos) << cheap;
}

// What one output is and another is computed from is stored in the pass that computes it, whoever's loops they were.
TEST(RowChains, StoreInThePassThatComputesWhatAnotherNeeds) {
  const std::string text =
      with_pieces("input x: bf16[T, 512]\ninput r: bf16[T, 512]\noutput sum: bf16[T, 512]\noutput y: bf16[T, 512]",
                  "sum[t, :] = cast(cast(r[t, :], f32) + cast(x[t, :], f32), bf16, rint)\n}\nparallel u in tiles(T, 8) {\n"
                  "let f = cast(sum[u, :], f32)\ny[u, :] = cast(f * rsqrt(row_sum(f * f) * 0.002 + 1e-06), bf16, rint)");
  EXPECT_NE(text.find("    let sum_value = cast(cast(r[t, :], f32) + cast(x[t, :], f32), bf16, rint)\n"
                      "      sum[t, :] = sum_value @stream\n"
                      "      let y_value = cast(sum_value, f32)\n"
                      "      let y_sum = row_sum(y_value * y_value)\n"),
            std::string::npos)
      << text;
}

// Rows of other lengths, and what is cheap to compute again, stand apart.
TEST(RowChains, StandApartWhereNothingIsWorthSharing) {
  const std::string text =
      with_pieces("input x: f32[T, 64]\noutput y: f32[T, 64]\noutput z: f32[T, 64]\noutput w: f32[T, 32]",
                  "y[t, :] = x[t, :] + 1.0\nz[t, :] = (x[t, :] + 1.0) * row_max(x[t, :] + 1.0)\nw[t, :] = exp(x[t, 0 +: 32])");
  for (const char* scope : {"at \"y\"", "at \"z\"", "at \"w\""}) EXPECT_NE(text.find(scope), std::string::npos) << text;
}

// Rows are tokens, of a batch of few sequences, too; where the input has its axes in another order, they stay what is stored first.
TEST(RowChains, AreAlongTheAxisWithTheMostIndices) {
  const auto of = [](const char* x, const char* y, const char* value) {
    return optimized_text(fmt::format("dim T typical 128\ninput x: f32[{}]\noutput y: f32[{}]\n{}", x, y, value), "avx512");
  };
  const char* norm = "parallel t in tiles(T, 16) {\nrange b in 0 .. 4 {\ny[b, t, :] = x[b, t, :] / row_sum(x[b, t, :])\n}\n}\n";
  EXPECT_NE(of("4, T, 64", "4, T, 64", norm).find("parallel t in tiles(T, 32) {\n    parallel h in 0 .. 4 {"), std::string::npos);
  const char* one = "parallel t in tiles(T, 16) {\ny[0, t, :] = x[0, t, :] * 2.0\n}\n";
  const std::string text = of("1, T, 64", "1, T, 64", one);
  EXPECT_NE(text.find("parallel t in tiles(T, 32) {\n    at \"y\" {\n      y[0, t, :] = x[0, t, :] * 2.0"), std::string::npos)
      << text;
  const char* turned = "parallel t in tiles(T, 16) {\nrange b in 0 .. 4 {\ny[b, t, :] = x[t, b, :]\n}\n}\n";
  EXPECT_NE(of("T, 4, 64", "4, T, 64", turned).find("parallel t in tiles(4, 32) {\n    parallel h in 0 .. T {"),
            std::string::npos);
}

// Rows of a tensor that is turned round would each take an element of many cache lines.
TEST(RowChains, AreSquaresWhereAnInputIsTurnedRound) {
  const std::string text = optimized_text(R"(
  dim T typical 128
  input x: f32[T, 70]
  input z: f32[70, T]
  output y: f32[70, T]
  parallel t in tiles(T, 16) {
    y[:, t] = transpose(x[t, :]) * 2.0 + z[:, t]
  })",
                                          "avx512");
  EXPECT_NE(text.find("parallel n in tiles(T, 32) {\n    parallel t in tiles(70, 32) {"), std::string::npos) << text;
  // A row that is summed is there as a whole.
  const std::string summed = optimized_text(R"(
  dim T typical 128
  input x: f32[70, T]
  output y: f32[T, 70]
  parallel t in tiles(T, 16) {
    y[t, :] = transpose(x[:, t]) / row_sum(transpose(x[:, t]))
  })",
                                            "avx512");
  EXPECT_EQ(summed.find("parallel n in"), std::string::npos) << summed;
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
