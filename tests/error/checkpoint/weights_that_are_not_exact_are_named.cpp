#include <gtest/gtest.h>

#include "imbrex/base/error.h"
#include "support/stored_matrices.h"

namespace imbrex::checkpoint {
namespace {

using tests::Fp8Matrix;

// Whatever the number of threads.
void expect_error(const StoredMatrix& matrix, const std::string& text) {
  std::vector<uint16_t> wide(static_cast<size_t>(matrix.rows * matrix.columns));
  std::vector<int8_t> narrow(wide.size());
  std::vector<float> scales(static_cast<size_t>(matrix.rows));
  for (const int threads : {1, 4})
    for (const bool is_int8 : {false, true}) {
      if (matrix.form == MatrixForm::bf16 && !is_int8) continue;
      try {
        is_int8 ? to_int8(matrix, narrow.data(), scales.data(), tests::workers_of(threads))
                : to_bf16(matrix, wide.data(), tests::workers_of(threads));
        ADD_FAILURE() << "was converted although " << text;
      } catch (const UserError& error) {
        EXPECT_EQ(error.diagnostics().at(0).id, "weight-not-exact");
        const std::string& message = error.diagnostics().at(0).message;
        EXPECT_NE(message.find("tensor 'w.weight' in 'test.safetensors'"), std::string::npos) << message;
        EXPECT_NE(message.find(text), std::string::npos) << message;
      }
    }
}

TEST(WeightErrors, weights_that_are_no_numbers) {
  Fp8Matrix matrix(50, 70, {16, 32});
  matrix.weight.bytes[40 * 70 + 65] = std::byte{0xff};
  expect_error(matrix.stored(), "the weight at [40, 65], in block [2, 2] is no number");
  matrix.weight.bytes[17 * 70 + 3] = std::byte{0x7f};  // the first counts
  expect_error(matrix.stored(), "the weight at [17, 3], in block [1, 0] is no number");
}

TEST(WeightErrors, products_that_bf16_does_not_have) {
  Fp8Matrix matrix(50, 70, {16, 32});
  std::fill(matrix.weight.bytes.begin(), matrix.weight.bytes.end(), std::byte{0x38});  // 1
  matrix.weight.bytes[20 * 70 + 33] = std::byte{1};                                    // 2^-9
  matrix.scale.bytes[1 * 3 + 1] = std::byte{127 - 117};
  std::vector<uint16_t> out(50 * 70);
  to_bf16(matrix.stored(), out.data(), tests::workers_of(2));  // 2^-126 is normal
  matrix.scale.bytes[1 * 3 + 1] = std::byte{127 - 118};
  expect_error(matrix.stored(), "the weight at [20, 33], in block [1, 1], 0.001953125 times its scale 2^-118 is no normal bf16");
  matrix.weight.bytes[20 * 70 + 33] = std::byte{0x80};  // -0 is 0, whatever its scale
  to_bf16(matrix.stored(), out.data(), tests::workers_of(2));
  matrix.weight.bytes[20 * 70 + 33] = std::byte{0xfe};  // -448
  matrix.scale.bytes[1 * 3 + 1] = std::byte{127 + 120};
  expect_error(matrix.stored(), "-448 times its scale 2^120");
}

TEST(WeightErrors, rows_that_are_not_finite) {
  for (const uint16_t bad : {0x7f80, 0xff80, 0x7fc0}) {
    Array weight = Array::zeros(DType::bf16, {9, 40});
    weight.as<uint16_t>()[7 * 40 + 39] = bad;
    expect_error({MatrixForm::bf16, 9, 40, tests::as_mapped(weight, "w.weight"), {}, {}},
                 "row 7 has a weight that is no finite number");
  }
}

}  // namespace
}  // namespace imbrex::checkpoint
