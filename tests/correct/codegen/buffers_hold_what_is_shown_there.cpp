// The memory of a tile or tensor is as large as its extents can be at that place: by what holds there, and by nothing that was
// said elsewhere. Kernels run with guard bytes around their workspace, against the interpreter.
#include <gtest/gtest.h>

#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"
#include "support/generated_code.h"

namespace imbrex::test {
namespace {

ir::Program program_of(const std::string& name, const std::string& body) {
  ir::Program program =
      ir::parse("imbrex 1\nkernel \"" + name + "\" {\ndim T\ninput x: f32[T, 4]\ninput count: int32[2]\noutput y: f32[T, 4]\n" +
                    "y[:, :] = x[:, :]\n" + body + "\n}\n",
                name + ".tile");
  ir::verify_or_throw(program);
  return program;
}

Tensors inputs_of(int64_t T, std::vector<int32_t> count) {
  Tensors tensors{{"x", Array::zeros(DType::f32, {T, 4})}, {"count", Array::zeros(DType::int32, {2})}};
  for (int64_t i = 0; i < 4 * T; ++i) tensors["x"].as<float>()[i] = 0.25f * static_cast<float>(i);
  for (size_t i = 0; i < 2; ++i) tensors["count"].as<int32_t>()[i] = count[i];
  return tensors;
}

// Products over so many columns of x with so many of its rows, continued too, for each type that has products.
std::string multiply(const std::string& inner) {
  std::string text;
  for (const std::string type : {"f32", "bf16", "int8"}) {
    const std::string sum = type == "int8" ? "int32" : "f32", name = "p_" + type;
    const auto part = [&](const std::string& slice) {
      return type == "f32" ? "x[" + slice + "]" : "cast(x[" + slice + "], " + type + ", rint)";
    };
    const std::string columns = part(":, 0 +: " + inner), rows = part("0 +: " + inner + ", :");
    text += "let " + name + " = full(" + sum + ", [T, 4], 2)\n" + name + " = matmul_acc(" + name + ", " + columns + ", " + rows +
            ")\ny[:, :] = y[:, :] + " + (type == "int8" ? "cast(" + name + ", f32, rint)" : name) + "\nlet q_" + type +
            " = matmul(" + rows + ", " + rows + ", transpose_a)\ny[0 +: 4, :] = y[0 +: 4, :] + " +
            (type == "int8" ? "cast(q_int8, f32, rint)" : "q_" + type) + "\n";
  }
  return text;
}

// A tensor of so many rows under a name of its own, all of it written and some of it read.
std::string use(const std::string& rows) {
  static int number = 0;
  const std::string k = std::to_string(++number);
  return "create s" + k + ": f32[" + rows + ", 4]\ns" + k + "[:, :] = full(f32, [" + rows + ", 4], 3.0)\nlet a" + k +
         " = col_sum(s" + k + "[:, :])\ny[0, :] = a" + k + "\n";
}

struct Case {
  const char* name;
  std::string body;
  std::vector<int32_t> count = {0, 0};
};

const std::string kRead = "read n = count[0]\nread m = count[1]\n";

std::vector<Case> cases() {
  return {
      {"negative_factors", "range i in 0 .. 4 {\nrange j in 0 .. 3 {\n" + use("(i - 7) * (2 * j - 9)") + "}\n}"},
      {"one_negative_factor", "range i in 0 .. 9 {\n" + use("(i - 4) * (i - 6) + 3") + "}"},
      {"negative_constant", "range i in 0 .. 5 {\n" + use("40 + (0 - 7) * (i - 4)") + "}"},
      {"products_of_squares", "range i in 0 - 5 .. 11 {\nrange j in 0 - 5 .. 11 {\n" + use("100 - i * i * (j * j)") + "}\n}"},
      {"of_dimensions", "range i in 0 .. T {\n" + use("(T - i) * (i - T - 3) * (0 - 1)") + "}"},
      {"tail", "range t in tiles(T, 3) {\n" + use("(t.begin + t.size) * 2 - t.index") + "}"},
      {"rest", "range i in 0 .. T {\n" + use("(5 * i + 11) % 7 + (i * 3) // 2 + max(T - i, 2 * i)") + "}"},
      {"assumed_elsewhere",
       kRead + "if T < 3 {\nassume n < 2\n" + use("n") + "} else {\nassume n < 4096\n" + use("n") + "}",
       {300, 0}},
      {"assumed_in_a_loop_before",
       kRead + "range i in 0 .. m {\nassume n < 2\ny[0, :] = x[0, :]\n}\nassume n <= T * 100\n" + use("n"),
       {200, 0}},
      {"narrowed_twice",
       kRead + "assume n <= 1000\n" + use("n") +
           "assume n <= 300\nlet k = row_sum(full(f32, [n, 8], 1.0))\ny[1, :] = full(f32, [1, 4], 2.0) * col_max(k)",
       {300, 0}},
      {"tested", kRead + "if n < 500 {\n" + use("n") + "}", {499, 0}},
      {"tested_otherwise", kRead + "if n > 500 {\ny[0, :] = x[0, :]\n} else {\n" + use("n") + "}", {500, 0}},
      {"multiple", kRead + "assume 0 <= 3 * n + 5 and 3 * n <= 7 * T + 2\n" + use("2 * n + 1"), {10, 0}},
      {"multiple_from_below", kRead + "assume 5 * T + 2 * n >= 3 and n <= 2\n" + use("0 - n"), {-8, 0}},
      {"two_reads", kRead + "assume 0 <= n and n <= m and m <= 20\n" + use("n * m + m - n"), {19, 20}},
      {"two_negative_reads", kRead + "assume 0 - 9 <= n and n <= 2\nassume 0 - 8 <= m and m <= 3\n" + use("n * m"), {-9, -8}},
      {"loop_to_a_read", kRead + "assume n <= 30\nrange i in 0 .. n {\n" + use("i * 2 + 1") + "}", {30, 0}},
      {"assumed_of_all", "let all = count[:]\nassume all <= 300\n" + kRead + use("n"), {300, 0}},
      {"assumed_of_all_behind", "let all = count[:]\n" + kRead + "assume 0 <= all and all <= T\n" + use("n - m"), {4, 0}},
      {"product_over_no_elements", multiply("min(5 - T, 4)")},
      {"product_over_few_elements", multiply("max(min(5 - T, 4), 0)")},
      {"parallel",
       kRead + "assume m <= 64\nparallel t in tiles(T, 2) {\ncreate s: f32[m + t.size, 4]\ns[:, :] = full(f32, [m + "
               "t.size, 4], 1.0)\ny[t, :] = s[m +: t.size, :] + x[t, :]\n}",
       {64, 0}},
      {"shared",
       kRead + "assume n <= 64\ncreate s: f32[n, 4]\nparallel t in 0 .. n {\ns[t, :] = x[0, :] + 1.0\n}\n"
               "if n > 0 {\ny[0, :] = s[n - 1, :]\n}",
       {64, 0}},
  };
}

std::vector<ir::Program> programs_of(const std::vector<Case>& all) {
  std::vector<ir::Program> programs;
  for (const Case& each : all) programs.push_back(program_of(each.name, each.body));
  return programs;
}

TEST(Buffers, hold_what_is_written) {
  const std::vector<Case> all = cases();
  const std::vector<ir::Program> programs = programs_of(all);
  const GeneratedCode code(programs, target::targets().front());
  ASSERT_EQ(code.error(), "");
  for (size_t i = 0; i < all.size(); ++i)
    for (const int64_t T : {4, 5, 9})
      for (const int threads : {1, 3}) {
        const auto difference = difference_from_interpreter(programs[i], code.kernel(programs[i]), {{"T", T}},
                                                            inputs_of(T, all[i].count), threads, 0);
        EXPECT_FALSE(difference.has_value()) << all[i].name << " " << difference.value_or("");
      }
}

// Where an assumption does not hold, nothing behind it runs: its bound is the size of what follows.
TEST(Buffers, are_not_overrun_where_an_assumption_breaks) {
  const std::vector<Case> broken = {
      {"alone", kRead + "assume n <= 10\n" + use("n"), {100000, 0}},
      {"in_a_loop", kRead + "range i in 0 .. 3 {\nassume n + i <= 10\n" + use("n + i") + "}", {100000, 0}},
      {"of_all", "let all = count[:]\nassume all <= 10\n" + kRead + use("n"), {100000, 0}},
      {"in_a_scope", kRead + "range i in 0 .. 2 {\nat \"known\" {\nassume n <= 10\n}\n" + use("n") + "}", {100000, 0}},
      {"in_parallel",
       kRead + "parallel t in 0 .. T {\nassume n <= 10\ncreate s: f32[n, 4]\ns[:, :] = full(f32, [n, 4], 3.0)\n"
               "y[t, :] = col_sum(s[:, :])\n}",
       {100000, 0}},
      {"shared",
       kRead + "assume n <= 10\ncreate s: f32[n, 4]\nparallel t in 0 .. n {\ns[t, :] = x[0, :]\n}\n"
               "parallel v in 0 .. T {\ny[v, :] = s[0, :]\n}",
       {100000, 0}},
  };
  const std::vector<ir::Program> programs = programs_of(broken);
  const GeneratedCode code(programs, target::targets().front());
  ASSERT_EQ(code.error(), "");
  for (size_t i = 0; i < broken.size(); ++i)
    for (const int threads : {1, 3}) {
      const RunResult result =
          run_generated(programs[i], code.kernel(programs[i]), {{"T", 5}}, inputs_of(5, broken[i].count), threads, 0);
      EXPECT_EQ(result.error, "") << broken[i].name;
      EXPECT_EQ(result.failed_assumption, 1) << broken[i].name;
      const RunResult kept = run_generated(programs[i], code.kernel(programs[i]), {{"T", 5}}, inputs_of(5, {4, 0}), threads, 0);
      EXPECT_EQ(kept.error, "") << broken[i].name;
      EXPECT_EQ(kept.failed_assumption, 0) << broken[i].name;
    }
}

}  // namespace
}  // namespace imbrex::test
