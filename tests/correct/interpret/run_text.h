// Runs a kernel written as text.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "imbrex/interpret/interpreter.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"

namespace imbrex::test {

using Tensors = std::map<std::string, Array>;

template <class T>
Array array_of(DType dtype, std::vector<int64_t> shape, const std::vector<T>& values) {
  Array array = Array::zeros(dtype, std::move(shape));
  require(static_cast<size_t>(array.size()) == values.size() && bytes_of(dtype) == sizeof(T), "values fill the array");
  std::copy(values.begin(), values.end(), array.template as<T>());
  return array;
}
inline Array f32(std::vector<int64_t> shape, const std::vector<float>& values) {
  return array_of(DType::f32, std::move(shape), values);
}
inline Array int32(std::vector<int64_t> shape, const std::vector<int32_t>& values) {
  return array_of(DType::int32, std::move(shape), values);
}

template <class T>
std::vector<T> values(const Array& array) {
  return std::vector<T>(array.as<T>(), array.as<T>() + array.size());
}

inline ir::Program program_of(const std::string& declarations_and_body) {
  ir::Program program = ir::parse("imbrex 1\nkernel \"test\" {\n" + declarations_and_body + "\n}\n", "test.tile");
  ir::verify_or_throw(program);
  return program;
}

// Line 1 of the text is line 3 of test.tile.
inline Tensors run_text(const std::string& text, const std::map<std::string, int64_t>& dims, Tensors tensors,
                        interpret::Options options = {.checked = true, .tap = {}}) {
  interpret::run(program_of(text), dims, tensors, options);
  return tensors;
}

}  // namespace imbrex::test
