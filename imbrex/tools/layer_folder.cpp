#include "imbrex/tools/layer_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <filesystem>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/safetensors.h"

namespace imbrex::tools {
namespace {

constexpr int64_t head_dim = 512;

std::string path_in(const std::string& folder, const std::string& what) {
  return (std::filesystem::path(folder) / (what + ".safetensors")).string();
}

[[noreturn]] void report_mismatch(const std::string& path, const std::string& tensor, const std::string& expected,
                                  const std::string& found) {
  throw UserError("tensor-mismatch", fmt::format("tensor '{}' in '{}' must be {}, found {}", tensor, path, expected, found),
                  "give every tensor the type and shape that `imbrex show NAME` prints; sizes must agree with x, wq_a and wq_b");
}

// [2, 3] twice split is [6]: the same elements in the same order, one axis fewer.
bool same_but_for_last_axis_split(const std::vector<int64_t>& found, const std::vector<int64_t>& wanted) {
  if (found.size() != wanted.size() + 1 || wanted.empty()) return false;
  return std::equal(wanted.begin(), wanted.end() - 1, found.begin()) && found[found.size() - 2] * found.back() == wanted.back();
}

Array widened(const Array& bf16) {
  Array f32 = Array::zeros(DType::f32, bf16.shape);
  for (int64_t i = 0; i < bf16.size(); ++i) f32.as<uint32_t>()[i] = static_cast<uint32_t>(bf16.as<uint16_t>()[i]) << 16;
  return f32;
}

Tensors read_tensors(const std::string& path, const std::vector<TensorShape>& wanted) {
  const checkpoint::SafetensorsFile file(path);
  Tensors tensors;
  for (const TensorShape& want : wanted) {
    Array array = file.read(want.name);
    const std::string found = to_text(array.dtype, array.shape);
    if (array.dtype == DType::bf16 && want.dtype == DType::f32) array = widened(array);
    if (same_but_for_last_axis_split(array.shape, want.shape)) array.shape = want.shape;
    if (array.dtype != want.dtype || array.shape != want.shape)
      report_mismatch(path, want.name, to_text(want.dtype, want.shape), found);
    tensors.emplace(want.name, std::move(array));
  }
  return tensors;
}

std::vector<int64_t> matrix_shape(const checkpoint::SafetensorsFile& file, const std::string& name) {
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end()) file.read(name);  // throws, naming those that are there
  const std::vector<int64_t>& shape = found->second.shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1)
    report_mismatch(file.path(), name, "a matrix without empty axes", fmt::format("[{}]", fmt::join(shape, ", ")));
  return shape;
}

}  // namespace

FrontSizes front_sizes_in(const std::string& folder) {
  const checkpoint::SafetensorsFile file(path_in(folder, "inputs"));
  const std::vector<int64_t> x = matrix_shape(file, "x"), wq_a = matrix_shape(file, "wq_a"), wq_b = matrix_shape(file, "wq_b");
  if (wq_b[1] % head_dim != 0)
    report_mismatch(file.path(), "wq_b", fmt::format("[Q, H*{}]", head_dim), fmt::format("[{}]", fmt::join(wq_b, ", ")));
  return {x[0], x[1], wq_b[1] / head_dim, wq_a[1]};
}

Tensors read_inputs(const std::string& folder, const std::vector<TensorShape>& wanted) {
  return read_tensors(path_in(folder, "inputs"), wanted);
}

std::optional<Tensors> read_expected(const std::string& folder, const std::vector<TensorShape>& wanted) {
  const std::string path = path_in(folder, "expected");
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  return read_tensors(path, wanted);
}

void write_tensors(const std::string& folder, const std::string& what, const Tensors& tensors) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw UserError("file-unwritable", fmt::format("cannot make the folder '{}': {}", folder, error.message()),
                    "a folder below one that you may write to");
  checkpoint::write_safetensors(path_in(folder, what), tensors);
}

}  // namespace imbrex::tools
