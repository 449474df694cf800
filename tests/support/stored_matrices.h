// Matrices as a checkpoint has them, in memory of a test.
#pragma once

#include <random>
#include <thread>
#include <vector>

#include "imbrex/base/numbers.h"
#include "imbrex/checkpoint/convert.h"

namespace imbrex::tests {

inline checkpoint::MappedTensor as_mapped(const Array& array, const std::string& name) {
  return {name,        "test.safetensors", element_type(array.dtype).safetensors,
          array.shape, array.bytes.data(), static_cast<int64_t>(array.bytes.size())};
}

struct Fp8Matrix {
  Array weight, scale;
  checkpoint::BlockShape block;

  // Every code but the two NaNs, scales from 2^-20 to 2^20.
  Fp8Matrix(int64_t rows, int64_t columns, checkpoint::BlockShape blocks, uint32_t seed = 1) : block(blocks) {
    std::mt19937 random(seed);
    weight = Array::zeros(DType::e4m3, {rows, columns});
    scale = Array::zeros(DType::e8m0, {(rows + block.rows - 1) / block.rows, (columns + block.columns - 1) / block.columns});
    for (std::byte& code : weight.bytes) {
      const auto value = static_cast<uint8_t>(random());
      code = static_cast<std::byte>((value & 0x7f) == 0x7f ? value - 1 : value);
    }
    for (std::byte& code : scale.bytes) code = static_cast<std::byte>(107 + random() % 41);
  }
  checkpoint::StoredMatrix stored() const {
    return {checkpoint::MatrixForm::fp8_blocks,
            weight.shape[0],
            weight.shape[1],
            as_mapped(weight, "w.weight"),
            as_mapped(scale, "w.scale"),
            block};
  }
  // What the element means, in double.
  double value(int64_t row, int64_t column) const {
    const int64_t block_at = row / block.rows * scale.shape[1] + column / block.columns;
    return value_at(weight, row * weight.shape[1] + column) * value_at(scale, block_at);
  }
};

// `nth` threads.
inline checkpoint::Workers workers_of(int nth) {
  return [nth](const std::function<void(int ith, int nth)>& work) {
    std::vector<std::thread> threads;
    for (int ith = 1; ith < nth; ++ith) threads.emplace_back([&work, ith, nth] { work(ith, nth); });
    work(0, nth);
    for (std::thread& thread : threads) thread.join();
  };
}

}  // namespace imbrex::tests
