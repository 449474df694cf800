// Data that breaks what a kernel assumes is reported, and the accesses that rest on it are left out: nothing outside of a tensor
// is read or written, and what is inside is written where its index exists.
#include <gtest/gtest.h>

#include <limits>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
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
  const char* text;  // `index` is what the data names, `x` [4, 20] holds its row's number, `y` is the result
  std::vector<int32_t> index;
  int32_t failed;                     // 1 + number of the assumption; behind the explicit ones, that of all accesses
  std::vector<int32_t> first_column;  // of y: -1 where nothing may be written
};

const Case kCases[] = {
    {"read_row",
     R"(
  input x: f32[4, 20]
  input index: int32[1]
  inout y: f32[1, 20]
  read i = index[0]
  assume i >= 0 and i < 4
  y[:, :] = x[i, :])",
     {4},
     1,
     {-1}},
    {"read_row_below",
     R"(
  input x: f32[4, 20]
  input index: int32[1]
  inout y: f32[1, 20]
  assume 1 < 2
  read i = index[0]
  assume i >= 0 and i < 4
  y[:, :] = x[i, :])",
     {-2147483647},
     2,
     {-1}},
    {"stored_row",
     R"(
  input x: f32[4, 20]
  input index: int32[1]
  inout y: f32[4, 20]
  read i = index[0]
  assume i >= 0 and i < 4
  y[i, :] = x[0, :])",
     {2147483647},
     1,
     {-1, -1, -1, -1}},
    {"scattered_rows",
     R"(
  input x: f32[4, 20]
  input index: int32[1, 4]
  inout y: f32[4, 20]
  let i = index[:, :]
  y[by i, :] = x[:, :])",
     {2, -1, 4, 0},
     1,
     {3, -1, 0, -1}},
    {"rows_named_twice",
     R"(
  input x: f32[4, 20]
  input index: int32[1, 4]
  inout y: f32[4, 20]
  let i = index[:, :]
  assume_distinct i
  y[by i, :] = x[:, :])",
     {2, 1, 2, 0},
     1,
     {3, 1, 2, -1}},
};

Array numbers(const std::vector<int32_t>& values, const std::vector<int64_t>& shape) {
  Array array = Array::zeros(DType::int32, shape);
  for (size_t i = 0; i < values.size(); ++i) array.as<int32_t>()[i] = values[i];
  return array;
}

Array rows(int64_t count, bool numbered) {
  Array array = Array::zeros(DType::f32, {count, 20});
  for (int64_t i = 0; i < count * 20; ++i) array.as<float>()[i] = numbered ? static_cast<float>(i / 20) : -1.0f;
  return array;
}

TEST(BrokenAssumption, touches_nothing) {
  std::vector<ir::Program> programs;
  for (const Case& each : kCases) programs.push_back(program_of(each.name, each.text));
  for (const target::Target* target : test::runnable_targets()) {
    const GeneratedCode code(programs, *target);
    ASSERT_EQ(code.error(), "");
    for (size_t i = 0; i < programs.size(); ++i) {
      const Case& each = kCases[i];
      const int64_t count = static_cast<int64_t>(each.index.size()), result_rows = static_cast<int64_t>(each.first_column.size());
      const Tensors inputs{{"x", rows(4, true)},
                           {"index", numbers(each.index, count == 1 ? std::vector<int64_t>{1} : std::vector<int64_t>{1, count})},
                           {"y", rows(result_rows, false)}};
      const RunResult result = run_generated(programs[i], code.kernel(programs[i]), {}, inputs, 2, 5);
      EXPECT_EQ(result.error, "") << each.name;
      EXPECT_EQ(result.failed_assumption, each.failed) << each.name;
      for (int64_t row = 0; row < result_rows; ++row)
        for (int64_t column = 0; column < 20; ++column)
          EXPECT_EQ(result.tensors.at("y").as<float>()[row * 20 + column], static_cast<float>(each.first_column[size_t(row)]))
              << each.name << " [" << row << ", " << column << "]";
    }
  }
}

// An int64 that no index is, on either side.
TEST(BrokenAssumption, reads_no_index_beyond_int32) {
  const ir::Program program = program_of("far", R"(
  input x: f32[4, 20]
  input index: int64[1]
  inout y: f32[4, 20]
  read i = index[0]
  if i >= 0 and i < 4 { y[i, :] = x[i, :] })");
  for (const target::Target* target : test::runnable_targets()) {
    const GeneratedCode code(std::span(&program, 1), *target);
    ASSERT_EQ(code.error(), "");
    const int64_t end = int64_t{1} << 31;
    for (const int64_t value :
         {int64_t{2}, end - 1, -end, end, -end - 1, int64_t{1} << 32, std::numeric_limits<int64_t>::min()}) {
      Array index = Array::zeros(DType::int64, {1});
      index.as<int64_t>()[0] = value;
      const Tensors inputs{{"x", rows(4, true)}, {"index", index}, {"y", rows(4, false)}};
      const RunResult result = run_generated(program, code.kernel(program), {}, inputs, 2, 5);
      EXPECT_EQ(result.failed_assumption, value >= -end && value < end ? 0 : 1) << value;
      for (int64_t row = 1; row < 4; ++row)
        EXPECT_EQ(result.tensors.at("y").as<float>()[row * 20], value == row ? static_cast<float>(row) : -1.0f) << value;
    }
  }
}

// A column that does not exist gives some element of the row, never one outside.
TEST(BrokenAssumption, gathers_inside_of_the_tile) {
  const ir::Program program = program_of("gathered", R"(
  input x: f32[1, 20]
  input index: int32[1, 20]
  output y: f32[1, 20]
  y[:, :] = gather(x[:, :], index[:, :]))");
  Tensors inputs{{"x", rows(1, true)}, {"index", numbers({-1, 20, 2147483647, -2147483647}, {1, 20})}};
  for (int32_t i = 0; i < 20; ++i) inputs["x"].as<float>()[i] = static_cast<float>(i);
  for (const target::Target* target : test::runnable_targets()) {
    const GeneratedCode code(std::span(&program, 1), *target);
    ASSERT_EQ(code.error(), "");
    const RunResult result = run_generated(program, code.kernel(program), {}, inputs, 1, 0);
    EXPECT_EQ(result.failed_assumption, 1);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(result.tensors.at("y").as<float>()[i], 0.0f);
  }
}

// Of a tensor without elements, no row stands for one that does not exist; and none has to where none is listed.
TEST(BrokenAssumption, reads_nothing_of_an_empty_tensor) {
  const std::string head = "dim T\ninput x: f32[T - 1, 20]\ninput index: int32[1, T]\noutput y: f32[T, 20]\n";
  const ir::Program rows_of = program_of("rows_of_nothing", head + R"(
  let i = index[:, :]
  assume 0 <= i and i < T - 1
  y[:, :] = x[by i, :])");
  const ir::Program columns_of = program_of("columns_of_nothing", R"(
  dim T
  input x: f32[20, T - 1]
  input index: int32[1, T]
  output y: f32[20, T]
  let i = index[:, :]
  assume 0 <= i and i < T - 1
  y[:, :] = x[:, by i])");
  const ir::Program none_of = program_of("none_of_nothing", head + R"(
  let i = index[:, 0 +: T - 1]
  assume 0 <= i and i < T - 1
  y[0 +: T - 1, :] = x[by i, :]
  y[T - 1, :] = full(f32, [1, 20], 3.0))");
  const std::vector<ir::Program> programs{rows_of, columns_of, none_of};
  for (const target::Target* target : test::runnable_targets()) {
    const GeneratedCode code(programs, *target);
    ASSERT_EQ(code.error(), "");
    for (const ir::Program& program : programs) {
      const bool by_rows = ir::constant_value(program.tensors[0].shape[1]).has_value();
      const Tensors inputs{{"x", Array::zeros(DType::f32, by_rows ? std::vector<int64_t>{0, 20} : std::vector<int64_t>{20, 0})},
                           {"index", numbers({0}, {1, 1})}};
      const RunResult result = run_generated(program, code.kernel(program), {{"T", 1}}, inputs, 2, 0);
      EXPECT_EQ(result.error, "") << program.name;
      EXPECT_EQ(result.failed_assumption != 0, program.name != "none_of_nothing") << program.name;
    }
  }
}

// Distinct indices are no failure, however they collide in a table.
TEST(Distinct, is_decided_by_value_alone) {
  const ir::Program program = program_of("distinct", R"(
  dim N
  input index: int32[1, N]
  output y: int32[1, N]
  let i = index[:, :]
  assume_distinct i
  y[:, :] = i)");
  const GeneratedCode code(std::span(&program, 1), target::targets().front());
  ASSERT_EQ(code.error(), "");
  for (const int32_t n : {1, 2, 3, 64, 1000}) {
    std::vector<int32_t> values;
    for (int32_t i = 0; i < n; ++i) values.push_back((i - n / 2) * 65536);
    Tensors inputs{{"index", numbers(values, {1, n})}};
    EXPECT_EQ(run_generated(program, code.kernel(program), {{"N", n}}, inputs, 1, 0).failed_assumption, 0) << n;
    if (n == 1) continue;
    inputs["index"].as<int32_t>()[n - 1] = values[static_cast<size_t>(n / 2 - 1)];
    EXPECT_EQ(run_generated(program, code.kernel(program), {{"N", n}}, inputs, 1, 0).failed_assumption, 1) << n;
  }
}

// Any number of elements may be the excepted number, wherever it stands, and no other number may be there twice.
TEST(Distinct, excepts_one_number) {
  std::vector<ir::Program> programs;
  const std::vector<int32_t> excepted = {-1, 0, 7, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
  for (const int32_t except : excepted)
    programs.push_back(program_of(fmt::format("except_{}", programs.size()), fmt::format(R"(
  dim N
  input index: int32[1, N]
  output y: int32[1, N]
  let i = index[:, :]
  assume_distinct i except {}
  y[:, :] = i)",
                                                                                         except)));
  const GeneratedCode code(programs, target::targets().front());
  ASSERT_EQ(code.error(), "");
  for (size_t p = 0; p < programs.size(); ++p)
    for (const int32_t n : {2, 3, 64}) {
      std::vector<int32_t> values;
      for (int32_t i = 0; i < n; ++i) values.push_back(i % 2 == 0 ? excepted[p] : 1000 + i);
      Tensors inputs{{"index", numbers(values, {1, n})}};
      const auto failed = [&] {
        return run_generated(programs[p], code.kernel(programs[p]), {{"N", n}}, inputs, 1, 0).failed_assumption;
      };
      EXPECT_EQ(failed(), 0) << excepted[p] << " " << n;
      if (n == 2) continue;
      inputs["index"].as<int32_t>()[n - 1] = 1001;
      EXPECT_EQ(failed(), 1) << excepted[p] << " " << n;
    }
}

}  // namespace
}  // namespace imbrex::test
