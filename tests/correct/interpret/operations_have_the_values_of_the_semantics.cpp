#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "correct/interpret/run_text.h"
#include "support/compare.h"

namespace imbrex::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kTiny = std::numeric_limits<float>::denorm_min();

void expect_same(const Array& actual, const Array& expected) {
  const auto difference = first_difference(actual, expected);
  EXPECT_FALSE(difference) << *difference;
}

// y = expression over x (and z), all of one row.
Array map_f32(const std::string& expression, const std::vector<float>& x, const std::vector<float>& z = {}) {
  const int64_t n = static_cast<int64_t>(x.size());
  Tensors tensors{{"x", f32({1, n}, x)}, {"z", f32({1, n}, z.empty() ? x : z)}};
  return run_text("dim N\ninput x: f32[1, N]\ninput z: f32[1, N]\noutput y: f32[1, N]\ny[:, :] = " + expression, {{"N", n}},
                  tensors)["y"];
}
void expect_map(const std::string& expression, const std::vector<float>& x, const std::vector<float>& expected,
                const std::vector<float>& z = {}) {
  const auto difference = first_difference(map_f32(expression, x, z), f32({1, static_cast<int64_t>(x.size())}, expected));
  EXPECT_FALSE(difference) << expression << ": " << *difference;
}

TEST(Elementwise, arithmetic_of_f32) {
  expect_map("x[:, :] + z[:, :]", {1, kInf, kTiny, -0.0f, 16777216}, {3, kNaN, 2 * kTiny, -0.0f, 16777216},
             {2, -kInf, kTiny, -0.0f, 1});
  expect_map("x[:, :] - z[:, :]", {1, kInf, kTiny}, {-1, kNaN, 0}, {2, kInf, kTiny});
  expect_map("x[:, :] * z[:, :]", {3, 0, kTiny, -1}, {6, kNaN, 0, 0}, {2, kInf, 0.5f, -0.0f});
  expect_map("x[:, :] / z[:, :]", {1, 0, -1}, {kInf, kNaN, -kInf}, {0, 0, 0});
  expect_map("-x[:, :]", {0, -kInf, kTiny}, {-0.0f, kInf, -kTiny});
  expect_map("abs(x[:, :])", {-0.0f, -kInf, -kTiny}, {0, kInf, kTiny});
  expect_map("recip(x[:, :])", {4, -0.0f, kInf}, {0.25f, -kInf, 0});
  expect_map("sqrt(x[:, :])", {9, -1, -0.0f, kInf}, {3, kNaN, -0.0f, kInf});
  expect_map("floor(x[:, :])", {1.5f, -0.5f, -0.0f, -kInf, kNaN, -3, 8388607.5f}, {1, -1, -0.0f, -kInf, kNaN, -3, 8388607});
  expect_map("rsqrt(x[:, :])", {4, 0, kInf, 3}, {0.5f, kInf, 0, 1.0f / std::sqrt(3.0f)});
}

TEST(Elementwise, a_product_and_a_sum_are_two_roundings) {
  const float x = 1.0f + std::ldexp(1.0f, -23);
  expect_map("x[:, :] * x[:, :] - z[:, :]", {x}, {std::ldexp(1.0f, -22)}, {1});
}

TEST(Elementwise, min_and_max_keep_nan_and_order_zeros) {
  expect_map("min(x[:, :], z[:, :])", {0, -0.0f, kNaN, 1, 2}, {-0.0f, -0.0f, kNaN, kNaN, -3}, {-0.0f, 0, 1, kNaN, -3});
  expect_map("max(x[:, :], z[:, :])", {0, -0.0f, kNaN, 1, 2}, {0, 0, kNaN, kNaN, 2}, {-0.0f, 0, 1, kNaN, -3});
}

TEST(Elementwise, comparisons_with_nan_are_false_but_ne) {
  for (const char* op : {"eq", "ne", "lt", "le", "gt", "ge"}) {
    const bool ne = std::string(op) == "ne";
    expect_map(std::string("cast(") + op + "(x[:, :], z[:, :]), f32)", {kNaN, 1, kNaN}, {float(ne), float(ne), float(ne)},
               {1, kNaN, kNaN});
  }
  expect_map("cast(le(x[:, :], z[:, :]), f32)", {0, 1, 2}, {1, 1, 0}, {-0.0f, 1, 1});
  expect_map("select(lt(x[:, :], z[:, :]), x[:, :], z[:, :])", {1, 5}, {1, 2}, {3, 2});
}

TEST(Elementwise, exp_at_its_ends_and_within_one_and_a_half_ulp) {
  expect_map("exp(x[:, :])", {0, -0.0f, kInf, -kInf, kNaN, 89, 200, -200}, {1, 1, kInf, 0, kNaN, kInf, kInf, 0});
  std::vector<float> x;
  for (float v = -87; v < 88; v += 0.37f) x.push_back(v);
  const Array y = map_f32("exp(x[:, :])", x);
  for (size_t k = 0; k < x.size(); ++k) {
    const double exact = std::exp(static_cast<double>(x[k]));
    EXPECT_NEAR(y.as<float>()[k] / exact, 1.0, 1.5 * std::ldexp(1.0, -23)) << x[k];
  }
}

TEST(Elementwise, log_at_its_ends_and_within_one_and_a_half_ulp) {
  expect_map("log(x[:, :])", {0, -0.0f, -1, kInf, kNaN, 1, -kInf}, {-kInf, -kInf, kNaN, kInf, kNaN, 0, kNaN});
  std::vector<float> x{kTiny, 1e-40f, std::numeric_limits<float>::max()};
  for (float v = 1e-30f; v < 1e30f; v *= 1.77f) x.push_back(v);
  const Array y = map_f32("log(x[:, :])", x);
  for (size_t k = 0; k < x.size(); ++k) {
    const double exact = std::log(static_cast<double>(x[k]));
    EXPECT_NEAR(y.as<float>()[k], exact, 1.5 * std::ldexp(std::fabs(exact), -23) + std::ldexp(1.0, -27)) << x[k];
  }
}

TEST(Elementwise, int32_wraps) {
  constexpr int32_t least = std::numeric_limits<int32_t>::min(), most = std::numeric_limits<int32_t>::max();
  Tensors out = run_text(R"(input x: int32[1, 3]
input z: int32[1, 3]
output y: int32[5, 3]
y[0, :] = x[:, :] + z[:, :]
y[1, :] = x[:, :] - z[:, :]
y[2, :] = x[:, :] * z[:, :]
y[3, :] = -x[:, :]
y[4, :] = abs(x[:, :]))",
                         {}, {{"x", int32({1, 3}, {most, least, 65536})}, {"z", int32({1, 3}, {1, -1, 65536})}});
  EXPECT_EQ(values<int32_t>(out["y"]), (std::vector<int32_t>{least, most, 131072, most - 1, least + 1, 0, most, least, 0, -most,
                                                             least, -65536, most, least, 65536}));
}

TEST(Elementwise, rows_columns_and_numbers_broadcast) {
  Tensors out =
      run_text(R"(input a: f32[2, 1]
input b: f32[1, 3]
input c: f32[2, 3]
output y: f32[2, 3]
y[:, :] = (c[:, :] * a[:, :] + b[:, :]) * 2.0)",
               {}, {{"a", f32({2, 1}, {1, 10})}, {"b", f32({1, 3}, {1, 2, 3})}, {"c", f32({2, 3}, {1, 2, 3, 4, 5, 6})}});
  EXPECT_EQ(values<float>(out["y"]), (std::vector<float>{4, 8, 12, 82, 104, 126}));
}

// Every row of one with every column of the other.
TEST(Elementwise, a_column_and_a_row_have_a_value_for_each_pair) {
  Tensors out = run_text(R"(input a: f32[2, 1]
input b: f32[1, 3]
output y: f32[2, 3]
output z: f32[2, 3]
output s: f32[2, 3]
y[:, :] = a[:, :] - b[:, :]
z[:, :] = b[:, :] - a[:, :]
s[:, :] = select(lt(a[:, :], 5.0), a[:, :], b[:, :]))",
                         {}, {{"a", f32({2, 1}, {1, 10})}, {"b", f32({1, 3}, {1, 2, 3})}});
  EXPECT_EQ(values<float>(out["y"]), (std::vector<float>{0, -1, -2, 9, 8, 7}));
  EXPECT_EQ(values<float>(out["z"]), (std::vector<float>{0, 1, 2, -9, -8, -7}));
  EXPECT_EQ(values<float>(out["s"]), (std::vector<float>{1, 1, 1, 1, 2, 3}));
}

TEST(Reductions, rows_and_columns) {
  Tensors out = run_text(R"(input x: f32[2, 3]
input z: int32[2, 3]
output rows: f32[2, 3]
output columns_: f32[3, 3]
output ints: int32[2, 3]
rows[:, 0 +: 1] = row_sum(x[:, :])
rows[:, 1 +: 1] = row_max(x[:, :])
rows[:, 2 +: 1] = row_min(x[:, :])
columns_[0, :] = col_sum(x[:, :])
columns_[1, :] = col_max(x[:, :])
columns_[2, :] = col_min(x[:, :])
ints[:, 0 +: 1] = row_sum(z[:, :])
ints[:, 1 +: 1] = row_max(z[:, :])
ints[:, 2 +: 1] = row_min(z[:, :]))",
                         {}, {{"x", f32({2, 3}, {1, -0.0f, 0, kNaN, 2, 3})}, {"z", int32({2, 3}, {2147483647, 1, -5, 3, 2, 1})}});
  expect_same(out["rows"], f32({2, 3}, {1, 1, -0.0f, kNaN, kNaN, kNaN}));
  expect_same(out["columns_"], f32({3, 3}, {kNaN, 2, 3, kNaN, 2, 3, kNaN, -0.0f, 0}));
  EXPECT_EQ(values<int32_t>(out["ints"]), (std::vector<int32_t>{2147483643, 2147483647, -5, 6, 3, 1}));
}

TEST(Reductions, a_row_sum_has_sixty_four_lanes_and_a_fixed_fold) {
  // 1 and 2^24 share lane 0, where 1 is lost; -2^24 is in lane 1; so the sum is 2^24 - 2^24. A sum in order would be 1 or 0 too,
  // but the two ones in lanes 2 and 34 meet before they meet 2^24.
  std::vector<float> x(130, 0.0f);
  x[0] = 16777216;
  x[64] = 1;
  x[2] = 1;
  x[34] = 1;
  x[1] = -16777216;
  x[129] = 0.5f;  // lane 1: -16777215.5 is exact
  const Array y =
      run_text("input x: f32[1, 130]\noutput y: f32[1, 1]\ny[:, :] = row_sum(x[:, :])", {}, {{"x", f32({1, 130}, x)}})["y"];
  EXPECT_EQ(y.as<float>()[0], 2.0f);  // (2^24 + 2) + (-2^24 + 0 [0.5 ties to even])
}

TEST(Reductions, chunks_do_not_change_a_sum) {
  const int64_t n = 517;
  std::vector<float> x;
  uint32_t state = 1;
  for (int64_t k = 0; k < 3 * n; ++k) {
    state = state * 1664525u + 1013904223u;
    x.push_back(std::ldexp(static_cast<float>(static_cast<int32_t>(state)), static_cast<int>(state % 40) - 50));
  }
  const std::string head = "input x: f32[3, 517]\noutput y: f32[3, 1]\n";
  const Array whole = run_text(head + "y[:, :] = row_sum(x[:, :])", {}, {{"x", f32({3, n}, x)}})["y"];
  for (int64_t chunk : {1, 2, 7, 63, 64, 65, 100, 517, 600}) {
    const std::string loop = head + "let s = full(f32, [3, 1], 0.0)\nrange d in tiles(517, " + std::to_string(chunk) +
                             ") {\ns = row_sum_acc(s, x[:, d])\n}\ny[:, :] = s";
    expect_same(run_text(loop, {}, {{"x", f32({3, n}, x)}})["y"], whole);
  }
}

TEST(Products, integers_are_exact_and_wrap) {
  const Array a = array_of<int8_t>(DType::int8, {2, 3}, {-128, 127, 1, 0, -1, 2});
  const Array u = array_of<uint8_t>(DType::uint8, {2, 3}, {255, 0, 1, 2, 3, 4});
  const Array b = array_of<int8_t>(DType::int8, {3, 2}, {-128, 1, 127, -1, 3, 5});
  Tensors out = run_text(R"(input a: int8[2, 3]
input u: uint8[2, 3]
input b: int8[3, 2]
output y: int32[2, 2]
output v: int32[2, 2]
output w: int32[3, 3]
y[:, :] = matmul(a[:, :], b[:, :])
v[:, :] = matmul_acc(full(int32, [2, 2], 2147483647), u[:, :], b[:, :])
w[:, :] = matmul(a[:, :], b[:, :], transpose_a, transpose_b))",
                         {}, {{"a", a}, {"u", u}, {"b", b}});
  EXPECT_EQ(values<int32_t>(out["y"]), (std::vector<int32_t>{16384 + 16129 + 3, -128 - 127 + 5, -127 + 6, 1 + 10}));
  EXPECT_EQ(out["v"].as<int32_t>()[0], 2147483647 - 255 * 128 + 3);
  EXPECT_EQ(out["v"].as<int32_t>()[1], std::numeric_limits<int32_t>::min() + 255 + 5 - 1);
  EXPECT_EQ(out["w"].as<int32_t>()[0], 128 * 128);  // a column 0 by b row 0: -128 * -128 + 0 * 1
}

TEST(Products, f32_steps_round_once) {
  const float x = 1.0f + std::ldexp(1.0f, -12);  // squared: 1 + 2^-11 + 2^-24
  Tensors out = run_text("input a: f32[1, 2]\ninput b: f32[2, 1]\noutput y: f32[1, 1]\ny[:, :] = matmul(a[:, :], b[:, :])", {},
                         {{"a", f32({1, 2}, {-1, x})}, {"b", f32({2, 1}, {1, x})}});
  EXPECT_EQ(out["y"].as<float>()[0], std::ldexp(1.0f, -11) + std::ldexp(1.0f, -24));
}

TEST(Products, chunks_do_not_change_a_bf16_product) {
  const int64_t k = 149, n = 5;
  std::vector<uint16_t> a, b;
  uint32_t state = 7;
  const auto next = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<uint16_t>(((state >> 16) & 0x807f) | ((120 + (state >> 8) % 16) << 7));
  };
  for (int64_t i = 0; i < 3 * k; ++i) a.push_back(next());
  for (int64_t i = 0; i < k * n; ++i) b.push_back(next());
  const Tensors inputs{{"a", array_of(DType::bf16, {3, k}, a)}, {"b", array_of(DType::bf16, {k, n}, b)}};
  const std::string head = "input a: bf16[3, 149]\ninput b: bf16[149, 5]\noutput y: f32[3, 5]\n";
  const Array whole = run_text(head + "y[:, :] = matmul(a[:, :], b[:, :])", {}, inputs)["y"];
  for (int64_t chunk : {32, 64, 96, 128, 160}) {
    const std::string loop = head + "let s = full(f32, [3, 5], 0.0)\nrange d in tiles(149, " + std::to_string(chunk) +
                             ") {\ns = matmul_acc(s, a[:, d], b[d, :])\n}\ny[:, :] = s";
    expect_same(run_text(loop, {}, inputs)["y"], whole);
  }
}

// Each block's sum is exact here, so that only the three f32 operations on it can round.
TEST(Products, with_scales_are_scaled_and_added_block_by_block) {
  const int64_t k = 70, n = 3;
  for (const bool transposed : {false, true})
    for (const bool bytes : {false, true}) {
      std::vector<int8_t> a(2 * k), b(k * n), b_stored(k * n);
      std::vector<uint8_t> codes(k * n);
      for (int64_t i = 0; i < 2 * k; ++i) a[i] = static_cast<int8_t>(i * 37 % 256 - 128);
      // The integers below 8 as e4m3: 1, 2, 3, ... in codes.
      constexpr uint8_t kCodes[] = {0x00, 0x38, 0x40, 0x44, 0x48, 0x4a, 0x4c, 0x4e};
      for (int64_t i = 0; i < k; ++i)
        for (int64_t j = 0; j < n; ++j) {
          b[i * n + j] = static_cast<int8_t>((i * 5 + j * 3) % 8);
          const int64_t place = transposed ? j * k + i : i * n + j;
          b_stored[place] = b[i * n + j];
          codes[place] = kCodes[b[i * n + j]];
        }
      const std::vector<float> s = {0.1f, 3.0f, -0.7f, 1e-3f, 5.5f, 0.3f}, t = {1.7f, -0.9f, 2.1f, 0.6f, 1.0f / 3, 7.0f};
      std::vector<float> t_stored = t;  // [blocks of k, blocks of columns]
      if (transposed)
        for (int64_t block = 0; block < 3; ++block)
          for (int64_t c = 0; c < 2; ++c) t_stored[c * 3 + block] = t[block * 2 + c];
      const std::string type = bytes ? "int8" : "e4m3", shape = transposed ? "[3, 70]" : "[70, 3]";
      const Tensors inputs{{"a", array_of(DType::int8, {2, k}, a)},
                           {"b", bytes ? array_of(DType::int8, {transposed ? n : k, transposed ? k : n}, b_stored)
                                       : array_of(DType::e4m3, {transposed ? n : k, transposed ? k : n}, codes)},
                           {"s", f32({2, 3}, s)},
                           {"t", f32({transposed ? 2 : 3, transposed ? 3 : 2}, t_stored)}};
      Tensors out = run_text("input a: int8[2, 70]\ninput b: " + type + shape + "\ninput s: f32[2, 3]\ninput t: f32" +
                                 (transposed ? "[2, 3]" : "[3, 2]") + "\noutput y: f32[2, 3]\n" +
                                 "y[:, :] = matmul_scaled(s[:, :], t[:, :], a[:, :], b[:, :], [32, 2]" +
                                 (transposed ? ", transpose_b)" : ")"),
                             {}, inputs);
      for (int64_t r = 0; r < 2; ++r)
        for (int64_t c = 0; c < n; ++c) {
          float expected = 0;
          for (int64_t block = 0; block < 3; ++block) {
            int32_t part = 0;
            for (int64_t i = 32 * block; i < std::min<int64_t>(k, 32 * block + 32); ++i) part += a[r * k + i] * b[i * n + c];
            const float scale = s[r * 3 + block] * t[block * 2 + c / 2];
            const float scaled = static_cast<float>(part) * scale;
            expected = expected + scaled;
          }
          EXPECT_EQ(out["y"].as<float>()[r * n + c], expected) << r << " " << c << " " << type << transposed;
        }
    }
}

// An expanded right side is the bf16 number nearest to its element times the scale, and the product that of bf16.
TEST(Products, expand_their_right_side_first) {
  const int64_t k = 70, n = 3;
  std::vector<float> a(2 * k), t = {1.7f, -0.9f, 0.25f, 0x1p-130f, 1.0f / 3, 0x1p120f};
  std::vector<uint8_t> codes(k * n);
  for (int64_t i = 0; i < 2 * k; ++i) a[i] = static_cast<float>(i * 37 % 256 - 128);
  for (int64_t i = 0; i < k * n; ++i)
    codes[i] = static_cast<uint8_t>(i * 29 % 256 == 0x7f || i * 29 % 256 == 0xff ? 0 : i * 29 % 256);
  for (const bool transposed : {false, true}) {
    std::vector<uint8_t> stored(k * n);
    std::vector<float> t_stored(6);
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < n; ++j) stored[transposed ? j * k + i : i * n + j] = codes[i * n + j];
    for (int64_t block = 0; block < 3; ++block)
      for (int64_t c = 0; c < 2; ++c) t_stored[transposed ? c * 3 + block : block * 2 + c] = t[block * 2 + c];
    const Array b = array_of(DType::e4m3, {transposed ? n : k, transposed ? k : n}, stored);
    Array wide = Array::zeros(DType::bf16, {k, n});
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < n; ++j) {
        const float element = static_cast<float>(value_at(b, transposed ? j * k + i : i * n + j));
        set_value_at(wide, i * n + j, element * t[i / 32 * 2 + j / 2]);
      }
    Array left = Array::zeros(DType::bf16, {2, k});
    for (int64_t i = 0; i < 2 * k; ++i) set_value_at(left, i, a[i]);
    Tensors out = run_text(
        std::string("input a: bf16[2, 70]\ninput b: e4m3") + (transposed ? "[3, 70]" : "[70, 3]") +
            "\ninput wide: bf16[70, 3]\ninput t: f32" + (transposed ? "[2, 3]" : "[3, 2]") +
            "\noutput y: f32[2, 3]\noutput z: f32[2, 3]\n" + "y[:, :] = matmul_expanded(t[:, :], a[:, :], b[:, :], [32, 2]" +
            (transposed ? ", transpose_b)" : ")") + "\nz[:, :] = matmul(a[:, :], wide[:, :])",
        {}, {{"a", left}, {"b", b}, {"wide", wide}, {"t", f32({transposed ? 2 : 3, transposed ? 3 : 2}, t_stored)}});
    for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(out["y"].as<float>()[i], out["z"].as<float>()[i]) << i << transposed;
    EXPECT_NE(out["y"].as<float>()[0], 0.0f);
  }
}

TEST(Movement, every_operation_puts_each_element_where_it_belongs) {
  Tensors out = run_text(R"(input x: f32[2, 4]
output t: f32[4, 2]
output r: f32[1, 8]
output below: f32[4, 4]
output beside: f32[2, 6]
output halves: f32[2, 4]
output back: f32[2, 4]
output g: f32[2, 3]
output run: f32[2, 2]
output repeated: f32[4, 4]
output numbers: int32[1, 4]
t[:, :] = transpose(x[:, :])
r[:, :] = reshape(x[:, :], [1, 8])
below[:, :] = concat_rows(x[:, :], x[:, :])
beside[:, :] = concat_columns(x[:, :], x[:, 0 +: 2])
halves[:, 0 +: 2] = even(x[:, :])
halves[:, 2 +: 2] = odd(x[:, :])
back[:, :] = interleave(even(x[:, :]), odd(x[:, :]))
g[:, :] = gather(x[:, :], concat_rows(iota(3, 1), iota(3)))
run[:, :] = columns(x[:, :], 1, 2)
repeated[:, :] = repeat_rows(x[:, :], 2)
numbers[:, :] = iota(4, 2) * int32(3))",
                         {}, {{"x", f32({2, 4}, {0, 1, 2, 3, 4, 5, 6, 7})}});
  EXPECT_EQ(values<float>(out["t"]), (std::vector<float>{0, 4, 1, 5, 2, 6, 3, 7}));
  EXPECT_EQ(values<float>(out["r"]), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(values<float>(out["below"]), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(values<float>(out["beside"]), (std::vector<float>{0, 1, 2, 3, 0, 1, 4, 5, 6, 7, 4, 5}));
  EXPECT_EQ(values<float>(out["halves"]), (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  EXPECT_EQ(values<float>(out["back"]), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(values<float>(out["g"]), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(values<float>(out["run"]), (std::vector<float>{1, 2, 5, 6}));
  EXPECT_EQ(values<float>(out["repeated"]), (std::vector<float>{0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7}));
  EXPECT_EQ(values<int32_t>(out["numbers"]), (std::vector<int32_t>{6, 9, 12, 15}));
}

}  // namespace
}  // namespace imbrex::test
