// Runs a program before and after a pass on the same random numbers and compares every output bit.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/print.h"
#include "imbrex/ir/verify.h"
#include "imbrex/ir/visit.h"

namespace imbrex::optimize {

inline Array random_array(DType dtype, std::vector<int64_t> shape, std::mt19937& random) {
  Array array = Array::zeros(dtype, std::move(shape));
  std::normal_distribution<float> normal(0, 3);
  for (int64_t i = 0; i < array.size(); ++i) {
    const float value = normal(random);
    if (dtype == DType::f32) {
      array.as<float>()[i] = value;
    } else if (dtype == DType::bf16) {
      uint32_t bits;
      std::memcpy(&bits, &value, 4);
      array.as<uint16_t>()[i] = static_cast<uint16_t>(bits >> 16);
    } else if (dtype == DType::int32) {
      array.as<int32_t>()[i] = static_cast<int32_t>(random() % 4);
    } else {
      array.as<uint8_t>()[i] = static_cast<uint8_t>(random());
    }
  }
  return array;
}

inline std::map<std::string, Array> run_with(const ir::Program& program, int64_t size, uint32_t seed) {
  std::map<std::string, int64_t> dims;
  for (const ir::Dim& dim : program.dims) dims[dim.name] = size;
  std::mt19937 random(seed);
  std::map<std::string, Array> tensors;
  for (const ir::Tensor& tensor : program.tensors) {
    std::vector<int64_t> shape;
    for (const ir::IndexExpr& extent : tensor.shape)
      shape.push_back(ir::evaluate(extent, [&](const ir::Index& leaf) { return dims.at(leaf.name); }));
    if (tensor.role != ir::Role::output) tensors[tensor.name] = random_array(tensor.dtype, shape, random);
  }
  interpret::run(program, dims, tensors);
  return tensors;
}

// `after` verifies, prints and parses, and computes what `before` computes for sizes around the tiles'.
inline void expect_same_bits(const ir::Program& before, const ir::Program& after) {
  ir::verify_or_throw(after);
  EXPECT_TRUE(ir::equal(after, ir::parse(ir::print(after), "after.tile"))) << ir::print(after);
  for (int64_t size : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31}) {
    const auto expected = run_with(before, size, 7 + static_cast<uint32_t>(size));
    const auto actual = run_with(after, size, 7 + static_cast<uint32_t>(size));
    for (const auto& [name, array] : expected)
      EXPECT_EQ(array.bytes, actual.at(name).bytes) << name << ", size " << size << "\n" << ir::print(after);
  }
}

inline ir::Program checked(const std::string& body) {
  ir::Program program = ir::parse("imbrex 1\nkernel \"k\" {\n" + body + "}\n", "k.tile");
  ir::verify_or_throw(program);
  return program;
}

inline int count_loops(const ir::Program& program, ir::Loop::Kind kind) {
  int count = 0;
  ir::for_each_statement(program.body, [&](const ir::Statement& statement) {
    const auto* loop = std::get_if<ir::Loop>(&statement.node);
    count += loop && loop->kind == kind;
    return true;
  });
  return count;
}

}  // namespace imbrex::optimize
