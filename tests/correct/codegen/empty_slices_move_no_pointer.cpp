// A slice without elements may begin anywhere, and the rows of a tile of fewer columns than none lie nowhere: generated code
// forms no address from either. Compiled so that a pointer that leaves the address space ends the process.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "imbrex/prove/prove.h"
#include "support/generated_code.h"

namespace imbrex::test {
namespace {

ir::Program program_of(const std::string& name, const std::string& text) {
  ir::Program program = ir::parse("imbrex 1\nkernel \"" + name + "\" {\n" + text + "\n}\n", name + ".tile");
  ir::verify_or_throw(program);
  return program;
}

struct Case {
  const char* name;
  const char* text;  // of x f32 [T, 8], w f32 [8, 40], weight w8 int8 [64, 64], x8 int8 [T, 64], to y f32 [T, 8]; F is far, 2^61
};

const Case kCases[] = {
    {"load", "y[:, :] = x[:, :] + row_sum(x[:, F +: (-4)])"},
    {"load_by_dimension", "y[:, :] = x[:, :] + row_sum(x[:, F - N +: N - 3])"},
    {"load_of_no_row", "y[:, :] = x[:, :] + col_sum(x[F +: N - 3, :])"},
    {"maximum_of_each_column", "let none = x[F +: N - 3, F +: 8]\n y[:, :] = x[:, :] + min(col_max(none), 0.0)"},
    {"point_beside_it", "y[:, :] = x[:, :] + row_sum(x[F, 0 +: N - 3])"},
    {"store", "y[:, :] = x[:, :]\n y[:, F +: N - 3] = x[:, 0 +: N - 3]"},
    {"store_of_no_row", "y[:, :] = x[:, :]\n y[F +: N - 3, :] = x[0 +: N - 3, :]"},
    {"two_of_one_begin", "y[:, :] = x[:, :] + row_sum(x[:, 3 - N +: N - 3]) + row_sum(x[:, 3 - N +: 2])"},
    {"gathered_from", "y[:, :] = x[:, :] + row_sum(gather(x[0, F +: N - 3], iota(N - 3)))"},
    {"every_second", "let none = even(x[:, F +: (-4)])\n y[:, :] = x[:, :] + row_sum(none)"},
    {"transposed", "let none = x[:, F +: N - 3]\n y[:, :] = x[:, :] + row_sum(transpose(transpose(none)))"},
    {"product_over_nothing", "y[:, :] = x[:, :] + matmul(x[:, F +: N - 3], w[F +: N - 3, 0 +: 8])"},
    {"product_of_no_column", "let none = matmul(x[:, :], w[:, F +: N - 3])\n y[:, :] = x[:, :] + row_sum(none)"},
    {"product_of_no_row", "let none = matmul(x[F +: N - 3, :], w[:, 0 +: 8])\n y[:, :] = x[:, :] + col_sum(none)"},
    {"product_stored", "y[:, :] = x[:, :]\n y[F +: N - 3, :] = matmul(x[0 +: N - 3, :], w[:, 0 +: 8])"},
    {"product_of_packed", "let none = matmul(x8[:, :], w8[:, F +: (-32)])\n y[:, :] = x[:, :] + cast(row_sum(none), f32, rint)"},
    {"product_of_less_than_no_column",
     "let none = matmul(x8[:, :], w8[:, 0 +: (-F)])\n y[:, :] = x[:, :] + cast(row_sum(none), f32, rint)"},
    {"product_of_less_than_no_row",
     "let none = matmul(x8[0 +: (-F), :], w8[:, 0 +: 8])\n y[:, :] = x[:, :] + cast(col_sum(none), f32, rint)"},
    {"copies_of_less_than_no_column",
     "let none = x[0, 0 +: (-F)]\n let all = repeat_rows(none, 5)\n y[:, :] = x[:, :] + col_sum(row_sum(all))"},
    {"tile_of_less_than_none", "let none = transpose(x[:, 0 +: (-F)])\n y[:, :] = x[:, :] + row_sum(transpose(none))"},
    {"tensor_of_less_than_none", "create t: f32[T, N - F]\n t[:, :] = x[:, 0 +: N - F]\n y[:, :] = x[:, :] + row_sum(t[:, :])"},
};

TEST(EmptySlices, move_no_pointer) {
  std::vector<ir::Program> programs;
  for (const Case& each : kCases) {
    std::string text = each.text;
    for (size_t at = text.find('F'); at != std::string::npos; at = text.find('F', at)) text.replace(at, 1, "2305843009213693952");
    programs.push_back(program_of(each.name, R"(
  dim T
  dim N max 3
  input x: f32[T, 8]
  input w: f32[8, 40]
  input x8: int8[T, 64]
  weight w8: int8[64, 64]
  output y: f32[T, 8]
  )" + text));
    EXPECT_EQ(prove::prove(programs.back()).proven, true) << each.name;
  }
  Array x = Array::zeros(DType::f32, {5, 8}), w = Array::zeros(DType::f32, {8, 40});
  for (int i = 0; i < 40; ++i) x.as<float>()[i] = static_cast<float>(i);
  const Tensors inputs{
      {"x", x}, {"w", w}, {"x8", Array::zeros(DType::int8, {5, 64})}, {"w8", Array::zeros(DType::int8, {64, 64})}};
  for (const target::Target* target : by_turns(runnable_targets(), 0)) {
    const GeneratedCode code(programs, *target, "-O1 -fsanitize=pointer-overflow -fsanitize-undefined-trap-on-error");
    ASSERT_EQ(code.error(), "");
    for (const ir::Program& program : programs)
      for (const int64_t n : {1, 3}) {
        const auto run = [&] {
          const auto difference = difference_from_interpreter(program, code.kernel(program), {{"T", 5}, {"N", n}}, inputs, 1, 0);
          if (difference) std::fputs(difference->c_str(), stderr);
          std::exit(difference ? 1 : 0);
        };
        EXPECT_EXIT(run(), testing::ExitedWithCode(0), "") << program.name << " on " << target->name << ", N = " << n;
      }
  }
}

}  // namespace
}  // namespace imbrex::test
