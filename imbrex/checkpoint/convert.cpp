#include "imbrex/checkpoint/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <mutex>
#include <optional>
#include <vector>

#include "imbrex/base/error.h"
#include "imbrex/base/numbers.h"
#include "imbrex/target/clones.h"

namespace imbrex::checkpoint {
namespace {

constexpr int kE4m3Nan = 0x7f;
constexpr float kLeastMagnitude = 1e-4f;  // of a row, when it is quantized

// bf16 bits of e4m3 codes times powers of two. exponents[c] is (120 + e) << 7 for a scale of 2^e, modulo 2^16: 120 is what the
// biases of the two types differ by, and 7 the bits of bf16's fraction. Where the product is no normal bf16, bits are wrong. Whether
// a code is NaN.
IMBREX_FOR_SEVERAL_MACHINES
bool expand_e4m3(const uint8_t* __restrict codes, const uint16_t* __restrict exponents, int64_t count, uint16_t* __restrict out) {
  uint8_t most = 0;
  for (int64_t c = 0; c < count; ++c) {
    const auto magnitude = static_cast<uint8_t>(codes[c] & 0x7f);
    most = std::max(most, magnitude);
    const auto wide = static_cast<int16_t>(magnitude);
    const auto sign = static_cast<uint16_t>((codes[c] & 0x80) << 8);
    // Codes below 8 are multiples of 2^-9 without a leading one: one of them, 2 to 3, and 4 to 7. Bits rise with codes along straight
    // lines between the powers of two, each half as steep as the one before, so that the least of the lines is the right one.
    auto line = static_cast<int16_t>(wide * 16);
    line = std::min(line, static_cast<int16_t>(wide * 32 - 128));
    line = std::min(line, static_cast<int16_t>(wide * 64 - 256));
    line = std::min(line, static_cast<int16_t>(wide * 128 - 384));
    auto bits = static_cast<uint16_t>(line + exponents[c]);
    bits = wide == 0 ? uint16_t{0} : bits;
    out[c] = static_cast<uint16_t>(bits | sign);
  }
  return most == kE4m3Nan;
}

// Of bf16 numbers, without their signs: ordered as the magnitudes are.
IMBREX_FOR_SEVERAL_MACHINES
uint16_t largest_magnitude(const uint16_t* values, int64_t count) {
  uint16_t most = 0;
  for (int64_t c = 0; c < count; ++c) most = std::max(most, static_cast<uint16_t>(values[c] & 0x7fff));
  return most;
}

IMBREX_FOR_SEVERAL_MACHINES
void quantize(const uint16_t* __restrict values, int64_t count, float factor, int8_t* __restrict out) {
  // The integers are the last bits of f32 numbers from 2^23 on; 1.5 * 2^23 has neighbours of both signs.
  constexpr float integers = 0x1.8p23f;
  for (int64_t c = 0; c < count; ++c) {
    const float scaled = float_of_bf16(values[c]) * factor;
    out[c] = static_cast<int8_t>(std::bit_cast<int32_t>(scaled + integers) - std::bit_cast<int32_t>(integers));
  }
}

IMBREX_FOR_SEVERAL_MACHINES
void scale_int8(const int8_t* __restrict weights, float scale, int64_t count, uint16_t* __restrict out) {
  for (int64_t c = 0; c < count; ++c) out[c] = bf16_of_float(static_cast<float>(weights[c]) * scale);
}

// What a worker finds wrong; the first by row and column, whichever worker it is.
class FirstFault {
 public:
  void report(int64_t row, int64_t column, const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (!place_ || std::pair(row, column) < *place_) place_ = {row, column}, what_ = what;
  }
  void raise(const StoredMatrix& matrix) const {
    if (place_)
      throw UserError("weight-not-exact", fmt::format("tensor '{}' in '{}': {}", matrix.weight.name, matrix.weight.file, what_),
                      "the tensor as it was published");
  }

 private:
  std::mutex mutex_;
  std::optional<std::pair<int64_t, int64_t>> place_;
  std::string what_;
};

// The rows of a matrix as bf16, one after the other. A worker's own.
class RowsAsBf16 {
 public:
  RowsAsBf16(const StoredMatrix& matrix, FirstFault& fault) : matrix_(matrix), fault_(fault) {
    if (matrix.form == MatrixForm::fp8_blocks) exponents_.resize(static_cast<size_t>(matrix.columns));
  }

  // False where the row has a fault, which is then reported.
  bool read(int64_t row, uint16_t* out) {
    const std::byte* weights = matrix_.row(row);
    switch (matrix_.form) {
      case MatrixForm::bf16: std::memcpy(out, weights, static_cast<size_t>(matrix_.columns) * 2); return true;
      case MatrixForm::int8_rows:
        scale_int8(reinterpret_cast<const int8_t*>(weights), row_scale(matrix_, row), matrix_.columns, out);
        return true;
      case MatrixForm::fp8_blocks: break;
    }
    if (const int64_t block = row / matrix_.block.rows; block != block_row_) enter(block);
    if (!is_exact_) return false;
    const auto* codes = reinterpret_cast<const uint8_t*>(weights);
    const bool has_nan = expand_e4m3(codes, exponents_.data(), matrix_.columns, out);
    if (has_nan) report_nan(row, codes);
    return !has_nan;
  }

 private:
  // A row of blocks begins: its scales, spread over the columns, and whether all its products are normal.
  void enter(int64_t block_row) {
    block_row_ = block_row;
    is_exact_ = true;
    const auto* scales = reinterpret_cast<const uint8_t*>(matrix_.scale->data) + block_row * matrix_.scale->shape[1];
    for (int64_t begin = 0, block = 0; begin < matrix_.columns; begin += matrix_.block.columns, ++block) {
      const int64_t end = std::min(begin + matrix_.block.columns, matrix_.columns);
      if (scales[block] == kNanScale) {
        is_exact_ = false;
        const int64_t row = block_row * matrix_.block.rows;
        fault_.report(row, begin, fmt::format("the scale of block [{}, {}] is no number (byte 255)", block_row, block));
        return;
      }
      const int exponent = scales[block] - 127;
      std::fill(exponents_.begin() + begin, exponents_.begin() + end, static_cast<uint16_t>((120 + exponent) * 128));
      // Magnitudes of e4m3 lie from 2^-9 to 1.75 * 2^8, those of normal bf16 from 2^-126 to below 2^128.
      if (exponent - 9 < -126 || exponent + 8 > 127) check_products(begin, end, exponent);
    }
  }

  void check_products(int64_t begin, int64_t end, int exponent) {
    const int64_t first = block_row_ * matrix_.block.rows, last = std::min(first + matrix_.block.rows, matrix_.rows);
    for (int64_t row = first; row < last; ++row)
      for (int64_t column = begin; column < end; ++column) {
        const double weight = value_of_code(DType::e4m3, std::to_integer<uint32_t>(matrix_.row(row)[column]));
        if (weight == 0 || std::isnan(weight)) continue;
        const int product = std::ilogb(weight) + exponent;
        if (product >= -126 && product <= 127) continue;
        is_exact_ = false;
        fault_.report(row, column,
                      fmt::format("{}, {} times its scale 2^{} is no normal bf16 number", place(row, column), weight, exponent));
        return;
      }
  }

  void report_nan(int64_t row, const uint8_t* codes) {
    const int64_t column =
        std::find_if(codes, codes + matrix_.columns, [](uint8_t code) { return (code & 0x7f) == kE4m3Nan; }) - codes;
    fault_.report(row, column, place(row, column) + " is no number");
  }

  std::string place(int64_t row, int64_t column) const {
    return fmt::format("the weight at [{}, {}], in block [{}, {}]", row, column, row / matrix_.block.rows,
                       column / matrix_.block.columns);
  }

  const StoredMatrix& matrix_;
  FirstFault& fault_;
  std::vector<uint16_t> exponents_;
  int64_t block_row_ = -1;
  bool is_exact_ = true;
};

// Rows [begin, end); `out` is of the first.
void rows_to_bf16(const StoredMatrix& matrix, int64_t begin, int64_t end, uint16_t* out, FirstFault& fault) {
  RowsAsBf16 rows(matrix, fault);
  for (int64_t row = begin; row < end; ++row, out += matrix.columns) rows.read(row, out);
}

void rows_to_int8(const StoredMatrix& matrix, int64_t begin, int64_t end, int8_t* out, float* scales, FirstFault& fault) {
  RowsAsBf16 rows(matrix, fault);
  std::vector<uint16_t> values(static_cast<size_t>(matrix.columns));
  for (int64_t row = begin; row < end; ++row, out += matrix.columns, ++scales) {
    if (matrix.form == MatrixForm::int8_rows) {
      std::memcpy(out, matrix.row(row), static_cast<size_t>(matrix.columns));
      *scales = row_scale(matrix, row);
      continue;
    }
    if (!rows.read(row, values.data())) continue;
    const float largest = float_of_bf16(largest_magnitude(values.data(), matrix.columns));
    if (!std::isfinite(largest)) {
      fault.report(row, 0, fmt::format("row {} has a weight that is no finite number", row));
      continue;
    }
    const float amax = std::max(largest, kLeastMagnitude);
    *scales = amax / 127;
    quantize(values.data(), matrix.columns, 127 / amax, out);
  }
}

}  // namespace

void to_bf16(const StoredMatrix& matrix, int64_t begin, int64_t end, uint16_t* out) {
  FirstFault fault;
  rows_to_bf16(matrix, begin, end, out, fault);
  fault.raise(matrix);
}

void to_int8(const StoredMatrix& matrix, int64_t begin, int64_t end, int8_t* out, float* scales) {
  FirstFault fault;
  rows_to_int8(matrix, begin, end, out, scales, fault);
  fault.raise(matrix);
}

// Each worker has its own rows, which stay together.
void to_bf16(const StoredMatrix& matrix, uint16_t* out, const Workers& workers) {
  FirstFault fault;
  workers([&](int ith, int nth) {
    const int64_t begin = matrix.rows * ith / nth;
    rows_to_bf16(matrix, begin, matrix.rows * (ith + 1) / nth, out + begin * matrix.columns, fault);
  });
  fault.raise(matrix);
}

void require_exact(const StoredMatrix& matrix, const Workers& workers) {
  FirstFault fault;
  workers([&](int ith, int nth) {
    RowsAsBf16 rows(matrix, fault);
    std::vector<uint16_t> values(static_cast<size_t>(matrix.columns));
    const int64_t end = matrix.rows * (ith + 1) / nth;
    for (int64_t row = matrix.rows * ith / nth; row < end; ++row) rows.read(row, values.data());
  });
  fault.raise(matrix);
}

void to_int8(const StoredMatrix& matrix, int8_t* out, float* scales, const Workers& workers) {
  FirstFault fault;
  workers([&](int ith, int nth) {
    const int64_t begin = matrix.rows * ith / nth;
    rows_to_int8(matrix, begin, matrix.rows * (ith + 1) / nth, out + begin * matrix.columns, scales + begin, fault);
  });
  fault.raise(matrix);
}

}  // namespace imbrex::checkpoint
