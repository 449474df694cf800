// Seeded inputs for kernels: hostile ones, so that a kernel that drops a factor, a sign or a row cannot pass by luck.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "imbrex/base/array.h"

namespace imbrex::inputs {

// What is to be made.
struct TensorShape {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
};

// Fills [rows, columns] from a function of the place.
Array filled(const TensorShape& spec, const std::function<double(int64_t row, int64_t column)>& value);

// Inputs of any kernel: floats around zero (powers of two around one) with row sizes that differ, int8 and uint8 over their whole range,
// int32 from 0 to below the smallest extent of any input, so that they can be indices.
std::map<std::string, Array> synthetic_inputs(const std::vector<TensorShape>& inputs, uint64_t seed);

}  // namespace imbrex::inputs
