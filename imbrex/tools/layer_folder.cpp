#include "imbrex/tools/layer_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <sstream>

#include "imbrex/base/error.h"
#include "imbrex/checkpoint/safetensors.h"
#include "imbrex/tools/settings.h"

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

Tensors read_tensors(const std::string& path, const std::vector<TensorShape>& wanted) {
  const checkpoint::SafetensorsFile file(path);
  Tensors tensors;
  for (const TensorShape& want : wanted) {
    Array array = file.read(want.name);
    if (array.dtype != want.dtype || array.shape != want.shape)
      report_mismatch(path, want.name, to_text(want.dtype, want.shape), to_text(array.dtype, array.shape));
    tensors.emplace(want.name, std::move(array));
  }
  return tensors;
}

const checkpoint::StoredTensor& stored(const checkpoint::SafetensorsFile& file, const std::string& name) {
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end()) file.read(name);  // throws, naming those that are there
  return found->second;
}

const std::vector<int64_t>& matrix_shape(const checkpoint::SafetensorsFile& file, const std::string& name) {
  const std::vector<int64_t>& shape = stored(file, name).shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1)
    report_mismatch(file.path(), name, "a matrix without empty axes", fmt::format("[{}]", fmt::join(shape, ", ")));
  return shape;
}

std::string said_of(const checkpoint::SafetensorsFile& file, const char* what) {
  const auto found = file.metadata().find(what);
  return found == file.metadata().end() ? "" : found->second;
}

// "eps=1e-20 heads=32", where a run of the front saved the file. Building the kernel refuses what is no option.
std::map<std::string, std::string> saved_options(const checkpoint::SafetensorsFile& file) {
  std::map<std::string, std::string> options;
  if (said_of(file, "kernel") != "deepseek_v4/qkv_proj_rope") return options;
  std::istringstream words(said_of(file, "options"));
  for (std::string word; words >> word;) options.insert(setting_of(word).value_or(std::pair(word, "")));
  return options;
}

}  // namespace

FrontLayer front_layer_in(const std::string& folder) {
  const checkpoint::SafetensorsFile file(path_in(folder, "inputs"));
  const std::vector<int64_t>&x = matrix_shape(file, "x"), &wq_a = matrix_shape(file, "wq_a"), &wq_b = matrix_shape(file, "wq_b");
  if (wq_b[1] % head_dim != 0)
    report_mismatch(file.path(), "wq_b", fmt::format("[Q, H*{}]", head_dim), fmt::format("[{}]", fmt::join(wq_b, ", ")));
  FrontLayer layer;
  layer.tokens = x[0];
  const auto set = [&](const char* option, int64_t value) { layer.options[option] = std::to_string(value); };
  layer.options = saved_options(file);
  set("hidden", x[1]);
  set("heads", wq_b[1] / head_dim);
  set("q_lora", wq_a[1]);
  set("norm_w_bf16", stored(file, "norm_w").dtype == "BF16");
  set("rope_f32", stored(file, "rope_cos").dtype == "F32");
  set("scale_by_blocks", stored(file, "wq_b_scale").shape.size() == 2);
  layer.preset = said_of(file, "preset");
  return layer;
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

void write_tensors(const std::string& folder, const std::string& what, const Tensors& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw UserError("file-unwritable", fmt::format("cannot make the folder '{}': {}", folder, error.message()),
                    "a folder below one that you may write to");
  checkpoint::write_safetensors(path_in(folder, what), tensors, metadata);
}

}  // namespace imbrex::tools
