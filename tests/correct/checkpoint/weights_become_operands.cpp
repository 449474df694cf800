#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "imbrex/base/error.h"
#include "support/stored_matrices.h"

namespace imbrex::checkpoint {
namespace {

using tests::as_mapped;
using tests::Fp8Matrix;
using tests::workers_of;

std::vector<uint16_t> bf16_of(const StoredMatrix& matrix, int threads = 1) {
  std::vector<uint16_t> out(static_cast<size_t>(matrix.rows * matrix.columns), 0x7fff);
  to_bf16(matrix, out.data(), workers_of(threads));
  return out;
}

struct Int8 {
  std::vector<int8_t> values;
  std::vector<float> scales;
};

Int8 int8_of(const StoredMatrix& matrix, int threads = 1) {
  Int8 out{std::vector<int8_t>(static_cast<size_t>(matrix.rows * matrix.columns), 99),
           std::vector<float>(static_cast<size_t>(matrix.rows), -1)};
  to_int8(matrix, out.values.data(), out.scales.data(), workers_of(threads));
  return out;
}

// Sizes and blocks that divide nothing, and those of the released models.
const std::vector<std::tuple<int64_t, int64_t, BlockShape>> kShapes = {
    {1, 1, {128, 128}}, {3, 5, {1, 1}},      {7, 300, {2, 33}},   {130, 257, {128, 128}},
    {33, 95, {32, 32}}, {64, 64, {1000, 7}}, {5, 200, {3, 1000}}, {256, 512, {128, 128}},
};

TEST(Convert, fp8_to_bf16_is_the_product) {
  for (const auto& [rows, columns, block] : kShapes)
    for (const int threads : {1, 2, 3, 7}) {
      const Fp8Matrix matrix(rows, columns, block);
      const std::vector<uint16_t> out = bf16_of(matrix.stored(), threads);
      for (int64_t i = 0; i < rows * columns; ++i) {
        const double expected = matrix.value(i / columns, i % columns), found = float_of_bf16(out[static_cast<size_t>(i)]);
        ASSERT_EQ(found, expected) << i << " of " << rows << " x " << columns;
        ASSERT_EQ(std::signbit(found), std::signbit(expected)) << i;
      }
    }
}

// Each of 254 codes with each of 255 scales: exact, or an error.
TEST(Convert, every_code_and_scale) {
  int exact = 0, refused = 0;
  for (int scale = 0; scale < 255; ++scale)
    for (int code = 0; code < 256; ++code) {
      if ((code & 0x7f) == 0x7f) continue;
      Fp8Matrix matrix(1, 1, {1, 1});
      matrix.weight.bytes[0] = static_cast<std::byte>(code);
      matrix.scale.bytes[0] = static_cast<std::byte>(scale);
      const double expected = matrix.value(0, 0);
      const bool is_normal = expected == 0 || (std::fabs(expected) >= 0x1p-126 && std::fabs(expected) < 0x1p128);
      try {
        ASSERT_EQ(float_of_bf16(bf16_of(matrix.stored())[0]), expected) << code << " times " << scale;
        ASSERT_TRUE(is_normal) << code << " times " << scale;
        ++exact;
      } catch (const UserError&) {
        ASSERT_FALSE(is_normal) << code << " times " << scale;
        ++refused;
      }
    }
  EXPECT_GT(exact, 58000);
  EXPECT_GT(refused, 1000);
}

TEST(Convert, fp8_to_int8_has_a_scale_a_row) {
  double bias = 0;
  int64_t count = 0;
  for (const auto& [rows, columns, block] : kShapes)
    for (const int threads : {1, 3}) {
      const Fp8Matrix matrix(rows, columns, block);
      const Int8 out = int8_of(matrix.stored(), threads);
      for (int64_t row = 0; row < rows; ++row) {
        double most = 1e-4f;
        for (int64_t column = 0; column < columns; ++column) most = std::max(most, std::fabs(matrix.value(row, column)));
        const float scale = out.scales[static_cast<size_t>(row)], factor = 127 / static_cast<float>(most);
        ASSERT_EQ(scale, static_cast<float>(most) / 127);
        for (int64_t column = 0; column < columns; ++column) {
          const auto value = static_cast<float>(matrix.value(row, column));
          const int8_t found = out.values[static_cast<size_t>(row * columns + column)];
          ASSERT_EQ(found, std::nearbyint(value * factor)) << row << " " << column;
          ASSERT_LE(std::abs(found), 127);
          const double error = double{value} - double{scale} * found;
          ASSERT_LE(std::fabs(error), scale * (0.5 + 127 * 3 * 0x1p-24));
          bias += error / scale;
          ++count;
        }
      }
    }
  // Errors are uniform over a unit: the mean of so many has a standard deviation of 1 / sqrt(12 n), and stays within five.
  EXPECT_LT(std::fabs(bias / static_cast<double>(count)), 5 / std::sqrt(12.0 * static_cast<double>(count)));
}

// A row of the type of the largest magnitude 127: what remains is halves.
TEST(Convert, int8_rounds_halves_to_even) {
  const float values[] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 3, 126.5f};
  Array weight = Array::zeros(DType::bf16, {1, 9});
  for (int i = 0; i < 9; ++i) weight.as<uint16_t>()[i] = bf16_of_float(values[i]);
  const Int8 out = int8_of({MatrixForm::bf16, 1, 9, as_mapped(weight, "w"), {}, {}});
  EXPECT_EQ(out.values, (std::vector<int8_t>{127, 0, 2, 2, 0, -2, -2, 3, 126}));
  EXPECT_EQ(out.scales[0], 1.0f);
}

TEST(Convert, small_rows_have_the_least_scale) {
  Array weight = Array::zeros(DType::bf16, {2, 3});
  weight.as<uint16_t>()[4] = bf16_of_float(5e-5f);
  const Int8 out = int8_of({MatrixForm::bf16, 2, 3, as_mapped(weight, "w"), {}, {}});
  EXPECT_EQ(out.values, (std::vector<int8_t>{0, 0, 0, 0, 64, 0}));  // 63.5 and bf16's rounding
  EXPECT_EQ(out.scales, (std::vector<float>{1e-4f / 127, 1e-4f / 127}));
}

TEST(Convert, the_largest_finite_rows) {
  Array weight = Array::zeros(DType::bf16, {1, 2});
  weight.as<uint16_t>()[0] = 0xff7f;  // the largest of all, negative
  const Int8 out = int8_of({MatrixForm::bf16, 1, 2, as_mapped(weight, "w"), {}, {}});
  EXPECT_EQ(out.values, (std::vector<int8_t>{-127, 0}));
}

TEST(Convert, int8_stays_and_becomes_bf16_by_one_product) {
  const int64_t rows = 5, columns = 67;
  Array weight = Array::zeros(DType::int8, {rows, columns}), scale = Array::zeros(DType::f32, {rows, 1});
  for (int64_t i = 0; i < rows * columns; ++i) weight.as<int8_t>()[i] = static_cast<int8_t>(i * 37);
  for (int64_t i = 0; i < rows; ++i) scale.as<float>()[i] = 0.0123f * static_cast<float>(i + 1);
  const StoredMatrix matrix{MatrixForm::int8_rows, rows, columns, as_mapped(weight, "w"), as_mapped(scale, "s"), {}};
  const Int8 kept = int8_of(matrix, 2);
  EXPECT_TRUE(std::equal(kept.values.begin(), kept.values.end(), weight.as<int8_t>()));
  EXPECT_TRUE(std::equal(kept.scales.begin(), kept.scales.end(), scale.as<float>()));
  const std::vector<uint16_t> out = bf16_of(matrix, 2);
  for (int64_t i = 0; i < rows * columns; ++i)
    EXPECT_EQ(out[static_cast<size_t>(i)],
              bf16_of_float(static_cast<float>(weight.as<int8_t>()[i]) * scale.as<float>()[i / columns]));
}

// Rows of a file begin anywhere.
TEST(Convert, unaligned_memory) {
  std::vector<std::byte> bytes(1 + 2 * 6);
  const uint16_t values[] = {0x3f80, 0x4000, 0xc000, 0x3f00, 0, 0x8000};
  std::memcpy(bytes.data() + 1, values, sizeof values);
  const StoredMatrix matrix{MatrixForm::bf16, 2, 3, {"w", "f", "BF16", {2, 3}, bytes.data() + 1, 12}, {}, {}};
  EXPECT_EQ(bf16_of(matrix), std::vector<uint16_t>(values, values + 6));
}

}  // namespace
}  // namespace imbrex::checkpoint
