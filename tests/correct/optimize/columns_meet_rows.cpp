// A column and a row give a value for each pair of their elements. Where the author spread one of them out first, with zeros or
// ones that change nothing, the optimizer takes these away and writes the pair.
#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

constexpr const char* kInputs = R"(
  dim T
  input x: int8[T, 96]
  input w: int8[96, 80]
  input zero: int32[80]
  input sx: f32[T, 1]
  input sw: f32[80]
)";

std::string text_of_optimized(const std::string& body) {
  const ir::Program before = checked(kInputs + body);
  const Optimized after = test::optimized(before);
  EXPECT_TRUE(after.is_scheduled) << after.reason;
  expect_round_trip(after.program);
  expect_proven(after.program);
  expect_same_bits(before, after.program);
  return ir::print(after.program);
}

TEST(ColumnsWithRows, ZerosThatSpreadOneOutAreGone) {
  const std::string text = text_of_optimized(R"(
  output y: bf16[T, 80]
  parallel t in tiles(T, 16) {
    parallel s in tiles(80, 16) {
      at "int8" {
        let sums = full(int32, [t.size, s.size], 0) + row_sum(cast(x[t, :], int32))
        y[t, s] = cast(cast(matmul(x[t, :], w[:, s]) - sums * zero[s], f32, rint) * sx[t, :] * sw[s], bf16, rint)
      }
    }
  }
)");
  EXPECT_EQ(text.find("full("), std::string::npos) << text;
}

TEST(ColumnsWithRows, StayAPair) {
  for (const char* spread : {"", "full(f32, [t.size, 80], 0.0) + ", "full(f32, [t.size, 80], 1.0) * "}) {
    const std::string text = text_of_optimized(fmt::format(R"(
  output y: f32[T, 80]
  parallel t in tiles(T, 16) {{
    at "outer" {{ y[t, :] = ({}abs(sx[t, :])) * sw[:] }}
  }}
)",
                                                           spread));
    EXPECT_NE(text.find("y[t, :] = y_factor * sw[:]"), std::string::npos) << text;
    EXPECT_EQ(text.find("full("), std::string::npos) << text;
    EXPECT_EQ(text.find("max("), std::string::npos) << text;
  }
}

// Masks, of which no number is made; and pairs inside reductions.
TEST(ColumnsWithRows, AreComparedAndSummed) {
  text_of_optimized(R"(
  output y: f32[T, 80]
  output s: f32[T, 1]
  parallel t in tiles(T, 8) {
    at "mask" { y[t, :] = select(lt(sx[t, :], sw[:]), sx[t, :], sw[:]) }
    at "sum" { s[t, :] = row_sum(sx[t, :] - sw[:]) }
  }
)");
}

// One row, and one column: the same program.
TEST(ColumnsWithRows, OfOneElement) {
  text_of_optimized(R"(
  output y: f32[1, 80]
  output z: f32[T, 1]
  at "row" { y[:, :] = sx[0 +: 1, :] - sw[:] }
  parallel t in tiles(T, 8) {
    at "column" { z[t, :] = sx[t, :] - sw[0 +: 1] }
  }
)");
}

}  // namespace
}  // namespace imbrex::optimize
