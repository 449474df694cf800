// Where operands may be exchanged, one form is compared, and the form that the author wrote is printed.
#include "correct/optimize/optimized.h"

namespace imbrex::optimize {
namespace {

// One statement for y, over a and b.
std::string optimized_text(const std::string& value) {
  const ir::Program program = checked(R"(
  dim T
  input a: f32[T, 64]
  input b: f32[T, 64]
  output y: f32[T, 64]
  parallel t in tiles(T, 16) { at "y" { y[t, :] = )" +
                                      value + " } }");
  const Optimized after = test::optimized(program);
  EXPECT_TRUE(after.is_scheduled) << after.reason;
  expect_same_bits(program, after.program);
  const std::string text = ir::print(after.program), begin = "y[t, :] = ";
  const size_t at = text.find(begin);
  return at == std::string::npos ? text : text.substr(at + begin.size(), text.find(" @stream", at) - at - begin.size());
}

TEST(Operands, KeepTheirAuthorsOrder) {
  for (const char* value :
       {"a[t, :] + b[t, :]", "b[t, :] + a[t, :]", "a[t, :] * b[t, :]", "b[t, :] * a[t, :]", "max(b[t, :], a[t, :])",
        "max(a[t, :], b[t, :])", "2.0 * a[t, :]", "a[t, :] * 2.0", "b[t, :] * (b[t, :] + a[t, :]) * 0.5",
        "select(lt(a[t, :], b[t, :]), a[t, :], b[t, :])", "select(gt(b[t, :], a[t, :]), a[t, :], b[t, :])"})
    EXPECT_EQ(optimized_text(value), value);
}

// In a reduction, whose operands stand in a definition of its own.
TEST(Operands, OfAReductionKeepTheirAuthorsOrder) {
  for (const char* product : {"a[t, :] * b[t, :]", "b[t, :] * a[t, :]"}) {
    const std::string sum = std::string("row_sum(") + product + ")";
    const ir::Program program = checked(R"(
  dim T
  input a: f32[T, 64]
  input b: f32[T, 64]
  output y: f32[T, 1]
  parallel t in tiles(T, 16) { at "y" { y[t, :] = )" +
                                        sum + " } }");
    const Optimized after = test::optimized(program);
    EXPECT_NE(ir::print(after.program).find(sum), std::string::npos) << ir::print(after.program);
  }
}

// The order is no part of what terms are.
TEST(Operands, InAnyOrderAreOneTerm) {
  const auto dissolved = [](const char* value) {
    const ir::Program program = checked(fmt::format(R"(
  dim T
  input a: f32[T, 64]
  input b: f32[T, 64]
  output y: f32[T, 1]
  y[:, :] = row_sum({})
)",
                                                    value));
    return std::get<Dissolved>(dissolve(program)).text();
  };
  EXPECT_EQ(dissolved("a[:, :] * b[:, :] + 1.0"), dissolved("1.0 + b[:, :] * a[:, :]"));
  EXPECT_NE(dissolved("a[:, :] * b[:, :] + 1.0"), dissolved("a[:, :] * b[:, :] + 2.0"));
}

}  // namespace
}  // namespace imbrex::optimize
